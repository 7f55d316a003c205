"""The backdrop as SVG in pixels of the rig's own size."""

import random
from colorsys import hls_to_rgb

from studio.media.colours import mix
from studio.media.rig import Rig
from studio.media.svg import circle, ellipse, glow, linear, radial, rectangle

_BOOKS = ("#8a3b32", "#2f5061", "#a98a4f", "#41593c", "#5b4468", "#c7b79c")
_TOWERS = ("#10142a", "#1c1a38")


def backdrop_svg(rig: Rig) -> str:
    """The whole picture behind the person."""
    chance = random.Random(rig.seed * 7919 + round(rig.backdrop_hue * 1000))
    w, h = rig.width, rig.height
    top, bottom = _palette(rig)
    defs = (
        linear("sky", (0, top, 1), (1, bottom, 1))
        + glow("halo", "#ffffff", 0.34)
        + radial("corner", (0.55, "#000000", 0), (1, "#000000", 0.42), where='cx="0.5" cy="0.42" r="0.78"')
    )
    halo = circle(w / 2, h * 0.42, min(w, h) * 0.75, "url(#halo)")
    details = _DETAILS[rig.backdrop](chance, w, h)
    return defs + rectangle(0, 0, w, h, "url(#sky)") + details + halo + rectangle(0, 0, w, h, "url(#corner)")


def _hue(hue: float, light: float, saturation: float) -> str:
    return "#" + "".join(f"{round(c * 255):02x}" for c in hls_to_rgb(hue % 1, light, saturation))


def _palette(rig: Rig) -> tuple[str, str]:
    hue = rig.backdrop_hue
    top, bottom = {
        "studio": (_hue(hue, 0.5, 0.16), _hue(hue + 0.03, 0.28, 0.2)),
        "office": ("#a8b7c4", "#5d6772"),
        "city": ("#1b2140", "#3a2540"),
        "nature": ("#a9c793", "#3f5f3d"),
        "beach": ("#9cc7e4", "#dcc9a2"),
        "home": ("#b99d7e", "#5f4634"),
    }[rig.backdrop]
    tint = {"warm": "#ff9a4a", "cool": "#3f6fd0", "soft": top}[rig.light]
    return mix(top, tint, 0.22), mix(bottom, tint, 0.14)


def _bokeh(chance: random.Random, w: int, h: int, colours: tuple[str, ...], count: int, low: float = 1.0) -> str:
    """Out-of-focus lights: discs with a soft rim, no blur filter needed."""
    dots: list[str] = []
    for i in range(count):
        x, y, r = chance.random() * w, chance.random() * h * low, min(w, h) * chance.uniform(0.025, 0.085)
        colour, strength = chance.choice(colours), chance.uniform(0.14, 0.42)
        stops = ((0.0, colour, strength), (0.82, colour, strength * 0.8), (1.0, colour, 0.0))
        dots.append(radial(f"b{i}", *stops) + circle(x, y, r, f"url(#b{i})"))
    return "".join(dots)


def _soft_box(x: float, y: float, w: float, h: float, colour: str, opacity: float) -> str:
    """A rectangle with a rim of fainter rectangles: out of focus without a blur filter."""
    rim = min(w, h) * 0.05
    steps = [rim * k for k in (1.5, 1, 0.5, 0)]
    return "".join(
        rectangle(x - e, y - e, w + 2 * e, h + 2 * e, colour, radius=e + rim * 0.6, opacity=opacity / 4) for e in steps
    )


def _studio(chance: random.Random, w: int, h: int) -> str:
    return ellipse(w * chance.uniform(0.15, 0.35), h * 0.25, w * 0.4, h * 0.5, "url(#halo)", 0.7)


def _office(chance: random.Random, w: int, h: int) -> str:
    step = w / 5
    panes = "".join(_soft_box((i + 0.1) * step, h * 0.06, step * 0.8, h * 0.5, "#e6f0f7", 0.7) for i in range(5))
    desk = _soft_box(-w * 0.1, h * 0.74, w * 1.2, h * 0.4, "#39404a", 0.75)
    return panes + desk + _bokeh(chance, w, h, ("#ffffff", "#ffe2b0", "#bcd8ef"), 10)


def _city(chance: random.Random, w: int, h: int) -> str:
    towers = [
        _soft_box(w * i / 7, h * chance.uniform(0.15, 0.5), w / 9, h, chance.choice(_TOWERS), 0.8) for i in range(7)
    ]
    return "".join(towers) + _bokeh(chance, w, h, ("#ffb35a", "#ff5f8a", "#5ac8ff", "#ffe9b0", "#8f7bff"), 26)


def _nature(chance: random.Random, w: int, h: int) -> str:
    trunks = [_soft_box(w * chance.random(), -h * 0.05, w * 0.03, h * 1.1, "#4b3c2a", 0.5) for _ in range(5)]
    return "".join(trunks) + _bokeh(chance, w, h, ("#d8f0a8", "#6f9f4f", "#f7f3c0", "#3f6f3a"), 26)


def _beach(chance: random.Random, w: int, h: int) -> str:
    sea = _soft_box(-w * 0.1, h * 0.46, w * 1.2, h * 0.16, "#3f88a8", 0.8)
    return sea + _bokeh(chance, w, h, ("#ffffff", "#fff0c8"), 8, 0.45)


def _home(chance: random.Random, w: int, h: int) -> str:
    rows = [h * (0.12 + 0.22 * row) for row in range(3)]
    books = "".join(
        _soft_box(w * (0.04 + 0.03 * i), y, w * 0.02, h * 0.17, chance.choice(_BOOKS), 0.8)
        for y in rows
        for i in range(8)
    )
    boards = "".join(_soft_box(w * 0.02, y + h * 0.18, w * 0.27, h * 0.02, "#4a3020", 0.9) for y in rows)
    lamp = circle(w * 0.85, h * 0.3, min(w, h) * 0.32, "url(#halo)")
    return books + boards + lamp + _bokeh(chance, w, h, ("#ffd9a0", "#fff0d0"), 7)


_DETAILS = {
    "studio": _studio,
    "office": _office,
    "city": _city,
    "nature": _nature,
    "beach": _beach,
    "home": _home,
}
