"""The few SVG elements that the drawings use, as text."""


def number(value: float) -> str:
    """A coordinate with a hundredth of a unit, the same on every machine."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def points(*values: float) -> str:
    """Coordinates for a path."""
    return " ".join(number(value) for value in values)


def path(d: str, fill: str = "none", *, stroke: str = "", width: float = 0, opacity: float = 1) -> str:
    """A filled or stroked path with round line ends."""
    line = f' stroke="{stroke}" stroke-width="{number(width)}" stroke-linecap="round"' if stroke else ""
    return f'<path d="{d}" fill="{fill}"{line}{_fade(opacity)}/>'


def ellipse(cx: float, cy: float, rx: float, ry: float, fill: str, opacity: float = 1) -> str:
    """A filled ellipse."""
    place = f'cx="{number(cx)}" cy="{number(cy)}" rx="{number(rx)}" ry="{number(ry)}"'
    return f'<ellipse {place} fill="{fill}"{_fade(opacity)}/>'


def circle(cx: float, cy: float, r: float, fill: str, opacity: float = 1) -> str:
    """A filled circle."""
    return ellipse(cx, cy, r, r, fill, opacity)


def rectangle(
    x: float, y: float, w: float, h: float, fill: str, *, radius: float = 0, opacity: float = 1, stroke: str = ""
) -> str:
    """A filled rectangle with round corners; `stroke` is a ready attribute text."""
    place = f'x="{number(x)}" y="{number(y)}" width="{number(w)}" height="{number(h)}" rx="{number(radius)}"'
    return f'<rect {place} fill="{fill}"{_fade(opacity)} {stroke}/>'


def radial(name: str, *stops: tuple[float, str, float], where: str = "") -> str:
    """A radial gradient of (offset, colour, opacity) stops."""
    return f'<radialGradient id="{name}" {where}>{_stops(stops)}</radialGradient>'


def linear(name: str, *stops: tuple[float, str, float], where: str = 'x1="0" y1="0" x2="0" y2="1"') -> str:
    """A linear gradient, from top to bottom unless `where` says otherwise."""
    return f'<linearGradient id="{name}" {where}>{_stops(stops)}</linearGradient>'


def glow(name: str, colour: str, opacity: float, *, core: float = 0.0) -> str:
    """A radial gradient that fades to nothing: a soft spot without a blur filter."""
    return radial(name, (core, colour, opacity), (1, colour, 0))


def clipped(name: str, d: str, content: str) -> str:
    """Content cut to a path."""
    return f'<clipPath id="{name}"><path d="{d}"/></clipPath><g clip-path="url(#{name})">{content}</g>'


def _fade(opacity: float) -> str:
    return "" if opacity >= 1 else f' opacity="{opacity:.3f}"'


def _stops(stops: tuple[tuple[float, str, float], ...]) -> str:
    return "".join(f'<stop offset="{at:.2f}" stop-color="{c}"{_stop_fade(o)}/>' for at, c, o in stops)


def _stop_fade(opacity: float) -> str:
    return "" if opacity >= 1 else f' stop-opacity="{opacity:.3f}"'
