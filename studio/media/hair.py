"""Hair styles as SVG in head units: what lies before the face and what hangs behind the shoulders."""

from studio.media.colours import darker
from studio.media.rig import Rig
from studio.media.svg import circle, ellipse, path

_FRONT = {
    "crop": "M-101,-28 C-112,-120 -66,-172 4,-172 C74,-172 112,-118 101,-28 "
    "C96,-58 88,-78 74,-92 C44,-112 -40,-112 -72,-94 C-88,-78 -96,-58 -101,-28Z",
    "side": "M-102,-24 C-118,-128 -62,-180 14,-178 C88,-176 114,-112 102,-26 "
    "C96,-62 88,-82 66,-100 C30,-92 -30,-98 -58,-118 C-74,-92 -94,-66 -102,-24Z",
    "long": "M-104,6 C-124,-128 -66,-176 2,-176 C72,-176 124,-126 104,6 "
    "C100,-52 84,-92 30,-126 C-6,-92 -78,-84 -104,6Z",
    "bob": "M-105,10 C-124,-124 -64,-174 2,-174 C70,-174 124,-124 105,10 "
    "C98,-34 92,-58 80,-76 C36,-88 -40,-88 -80,-74 C-92,-58 -98,-34 -105,10Z",
    "bun": "M-100,-26 C-112,-124 -60,-166 0,-166 C60,-166 112,-124 100,-26 "
    "C94,-66 70,-104 0,-122 C-70,-104 -94,-66 -100,-26Z",
}
_BACK = {
    "long": "M-112,-60 C-128,60 -136,140 -120,236 Q-60,262 0,250 Q60,262 120,236 "
    "C136,140 128,60 112,-60 C96,-170 -96,-170 -112,-60Z",
    "bob": "M-114,-60 C-126,20 -128,70 -112,112 Q-60,130 0,120 Q60,130 112,112 "
    "C128,70 126,20 114,-60 C96,-168 -96,-168 -114,-60Z",
}
_CURLS = (
    (-96, -46, 21), (-92, -80, 25), (-76, -114, 29), (-48, -136, 32), (-14, -144, 34),
    (22, -144, 34), (54, -132, 31), (80, -108, 28), (94, -76, 25), (97, -44, 20),
)  # fmt: skip


def hair_front_svg(rig: Rig) -> str:
    """Hair that lies over the forehead."""
    if rig.hair_style == "bald":
        return ""
    if rig.hair_style == "curly":
        return "".join(circle(x, y, r, "url(#hair)") for x, y, r in _CURLS)
    strand = path("M-58,-150 Q-8,-172 48,-152", stroke="#ffffff", width=9, opacity=0.1)
    return path(_FRONT[rig.hair_style], "url(#hair)") + strand


def hair_back_svg(rig: Rig) -> str:
    """Hair that hangs or stands behind head and shoulders."""
    back = darker(rig.hair_colour, 0.35)
    if rig.hair_style in _BACK:
        return path(_BACK[rig.hair_style], back)
    if rig.hair_style == "bun":
        return circle(0, -164, 38, back) + circle(-7, -168, 30, rig.hair_colour)
    if rig.hair_style == "curly":
        return ellipse(0, -60, 118, 106, back)
    return ""
