"""Lips, teeth and tongue as SVG in head units."""

from dataclasses import dataclass

from studio.media.colours import darker, mix
from studio.media.rig import Rig
from studio.media.svg import clipped, ellipse, path, points, rectangle

MOUTH_Y = 76.0
_CORNER_LIFT = 2.5  # a resting mouth smiles a little
_MAX_GAP = 40.0


@dataclass(frozen=True)
class Mouth:
    """A mouth shape; each value runs from 0 to 1."""

    opening: float = 0.0
    wide: float = 0.0
    round: float = 0.0
    teeth: float = 0.0
    tongue: float = 0.0


CLOSED = Mouth()


def mouth_svg(rig: Rig, mouth: Mouth) -> str:
    """Lips, and behind them teeth and tongue as far as the mouth is open."""
    half = 33 * (1 + 0.2 * mouth.wide - 0.36 * mouth.round)
    gap = _MAX_GAP * mouth.opening
    top, bottom = MOUTH_Y - 0.22 * gap, MOUTH_Y + 0.78 * gap
    full = rig.lips * (1 + 0.25 * mouth.round)
    bow, low = top - 7.5 * full, bottom + 11 * full + 3
    lip = mix(darker(rig.skin, 0.12), "#b8434c", rig.lip_tint)
    y = MOUTH_Y - _CORNER_LIFT
    left, right = f"M{points(-half, y)}", points(half, y)
    upper_edge = (
        f"C{points(-half * 0.55, bow - 1, -half * 0.28, bow - 3, 0, bow + 1.5)} "
        f"C{points(half * 0.28, bow - 3, half * 0.55, bow - 1)} {right}"
    )
    hole_top = f"C{points(-half * 0.5, top + 1, half * 0.5, top + 1)} {right}"
    hole_low = f"C{points(half * 0.62, bottom + 2, -half * 0.62, bottom + 2, -half, y)}Z"
    # A cubic curve reaches three quarters of the way to its control points: the highlight lies between two such curves.
    lip_top, lip_bottom = y + 0.75 * (bottom + 2 - y), y + 0.75 * (low - y)
    shine_y, shine_h = lip_top * 0.45 + lip_bottom * 0.55, (lip_bottom - lip_top) * 0.27
    shapes = [
        path(f"{left} {upper_edge} C{points(half * 0.5, top + 2, -half * 0.5, top + 2, -half, y)}Z", darker(lip, 0.16)),
        path(f"{left} C{points(-half * 0.6, low, half * 0.6, low)} {right} {hole_low}", lip),
        ellipse(-2, shine_y, half * 0.34, shine_h, "#ffffff", 0.16),
    ]
    if gap > 1.2:
        shapes.append(_inside(mouth, f"{left} {hole_top} {hole_low}", half, top, bottom))
    else:
        shapes.append(path(f"{left} {hole_top}", stroke=darker(lip, 0.62), width=2.6))
    return "".join(shapes)


def _inside(mouth: Mouth, hole: str, half: float, top: float, bottom: float) -> str:
    tongue = ellipse(0, bottom + 7 - 9 * mouth.tongue, half * 0.6, 8 + 4 * mouth.tongue, "#a8484e")
    height = min(9 * mouth.teeth + 2, (bottom - top) * 0.55)
    teeth = rectangle(-half * 0.7, top - 8, half * 1.4, height + 8, "url(#teeth)", radius=5)
    return path(hole, "url(#inside)") + clipped("hole", hole, tongue + (teeth if mouth.teeth > 0.05 else ""))
