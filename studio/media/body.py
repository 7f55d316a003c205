"""Neck, shoulders and clothes as SVG in head units."""

from studio.media.colours import darker, lighter, mix
from studio.media.rig import Rig
from studio.media.svg import circle, linear, path

_NECK = "M-48,70 C-48,128 -50,160 -74,182 L0,250 L74,182 C50,160 48,128 48,70Z"
_TURTLE_NECK = "M-50,70 L-54,190 L54,190 L50,70Z"
_TORSO = (
    "M-60,172 C-120,190 -205,204 -236,262 C-262,320 -270,420 -276,1200 L276,1200 C270,420 262,320 236,262 "
    "C205,204 120,190 60,172 C40,214 -40,214 -60,172Z"
)


def body_defs(rig: Rig) -> str:
    """Gradients that body_svg refers to."""
    cloth = ((0, lighter(rig.shirt, 0.1), 1), (0.5, rig.shirt, 1), (1, darker(rig.shirt, 0.35), 1))
    neck = ((0.1, darker(rig.skin, 0.42), 1), (0.75, darker(rig.skin, 0.1), 1))
    return linear("cloth", *cloth, where='x1="0" y1="0" x2="1" y2="0.8"') + linear("neck", *neck)


def body_svg(rig: Rig) -> str:
    """Neck, shoulders and clothes, long enough for a tall picture."""
    neck = path(_TURTLE_NECK if rig.clothes == "sweater" else _NECK, "url(#neck)")
    folds = path("M-168,1200 C-172,520 -176,420 -186,340", stroke=darker(rig.shirt, 0.5), width=4, opacity=0.5)
    folds += path("M168,1200 C172,520 176,420 186,340", stroke=darker(rig.shirt, 0.6), width=4, opacity=0.5)
    return neck + path(_TORSO, "url(#cloth)") + folds + _COLLARS[rig.clothes](rig)


def _suit(rig: Rig) -> str:
    dark = darker(rig.shirt, 0.4)
    left = "M-62,168 L-104,196 L-74,262 L-96,276 L0,430 L-6,352 L-52,212Z"
    right = "M62,168 L104,196 L74,262 L96,276 L0,430 L6,352 L52,212Z"
    return (
        path("M-58,172 L0,330 L58,172 C40,212 -40,212 -58,172Z", "#eceae4")
        + path("M-9,214 L9,214 L14,330 L0,352 L-14,330Z", mix(rig.shirt, "#9c2f3a", 0.7))
        + path(left, lighter(rig.shirt, 0.07), stroke=dark, width=2)
        + path(right, darker(rig.shirt, 0.12), stroke=dark, width=2)
    )


def _shirt(rig: Rig) -> str:
    dark, light = darker(rig.shirt, 0.4), lighter(rig.shirt, 0.16)
    return (
        path("M-60,166 L-84,190 L-44,252 L0,214Z", light, stroke=dark, width=2)
        + path("M60,166 L84,190 L44,252 L0,214Z", rig.shirt, stroke=dark, width=2)
        + path("M0,216 L0,1200", stroke=dark, width=2.5, opacity=0.6)
        + "".join(circle(7, y, 4, light) for y in range(270, 1200, 70))
    )


def _sweater(rig: Rig) -> str:
    roll = path("M-58,128 Q0,150 58,128 L66,196 Q0,222 -66,196Z", "url(#cloth)")
    return roll + path("M-60,140 Q0,162 60,140", stroke=darker(rig.shirt, 0.4), width=3, opacity=0.55)


def _hoodie(rig: Rig) -> str:
    hood = (
        "M-62,164 C-112,180 -118,214 -64,262 L0,290 L64,262 C118,214 112,180 62,164 "
        "C60,214 20,236 0,238 C-20,236 -60,214 -62,164Z"
    )
    strings = path("M-22,256 L-26,350 M22,256 L26,344", stroke=lighter(rig.shirt, 0.16), width=5)
    return path(hood, lighter(rig.shirt, 0.08), stroke=darker(rig.shirt, 0.4), width=2) + strings


def _tee(rig: Rig) -> str:
    return path("M-62,170 C-44,226 44,226 62,170", stroke=darker(rig.shirt, 0.4), width=7, opacity=0.6)


_COLLARS = {"suit": _suit, "shirt": _shirt, "sweater": _sweater, "hoodie": _hoodie, "tee": _tee}
