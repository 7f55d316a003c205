"""The head as SVG in head units: the face centre is (0, 0), the chin about y = 132, the skull's top about y = -148."""

from studio.media.colours import darker, lighter, mix
from studio.media.hair import hair_front_svg
from studio.media.mouth import CLOSED, Mouth, mouth_svg
from studio.media.rig import Rig
from studio.media.svg import circle, clipped, ellipse, glow, linear, path, points, radial, rectangle

JAW_DROP = 13.0  # how far the chin falls for the widest mouth
_LIGHTS = {"warm": "#ffd9a0", "cool": "#dfe9ff", "soft": "#fff4ea"}
_FRAME = "#22242a"


def head_defs(rig: Rig) -> str:
    """Gradients that head_svg refers to."""
    skin, hair, eye, light = rig.skin, rig.hair_colour, rig.eye_colour, _LIGHTS[rig.light]
    lit = mix(lighter(skin, 0.16), light, 0.16)
    skin_stops = ((0, lit, 1), (0.45, skin, 1), (0.8, darker(skin, 0.18), 1), (1, darker(skin, 0.36), 1))
    hair_stops = ((0, lighter(hair, 0.2), 1), (0.35, hair, 1), (1, darker(hair, 0.4), 1))
    parts = [
        radial("skin", *skin_stops, where='gradientUnits="userSpaceOnUse" cx="-28" cy="-48" r="215"'),
        linear("hair", *hair_stops, where='x1="0" y1="0" x2="0.4" y2="1"'),
        glow("blush", mix(skin, "#d2403c", 0.42), 0.42),
        glow("shade", darker(skin, 0.5), 0.5),
        glow("shine", mix(lighter(skin, 0.6), light, 0.3), 0.5),
        radial("iris", (0, lighter(eye, 0.25), 1), (0.7, eye, 1), (1, darker(eye, 0.55), 1)),
        linear("white", (0, "#c9c6c4", 1), (0.45, "#f7f5f2", 1)),
        linear("inside", (0, "#150506", 1), (1, "#3d1013", 1)),
        linear("teeth", (0.3, "#d8d0c4", 1), (0.9, "#f1ece3", 1)),
    ]
    return "".join(parts)


def head_svg(rig: Rig, mouth: Mouth = CLOSED, *, lids: float = 0.0) -> str:
    """The head without the hair behind it; `lids` is 0 for open eyes and 1 for closed ones."""
    drop = mouth.opening * JAW_DROP
    outline = face_path(rig, drop)
    parts = [
        _ears(rig),
        path(outline, "url(#skin)"),
        clipped("face", outline, _shading(drop)),
        _beard(rig, drop),
        *(_eye(rig, side, lids) for side in (-1, 1)),
        *(_brow(rig, side) for side in (-1, 1)),
        _nose(rig),
        mouth_svg(rig, mouth),
        hair_front_svg(rig),
        _glasses(rig) if rig.glasses else "",
    ]
    return "".join(parts)


def face_path(rig: Rig, drop: float) -> str:
    """The outline of the face with the chin lowered by `drop`."""
    w, chin, low = 97 * rig.face_width, 132 + drop, 66 + drop * 0.5
    cheek, corner = (86 + 6 * rig.jaw) * rig.face_width, (50 + 14 * rig.jaw) * rig.face_width
    return (
        f"M{points(-w, -30)} C{points(-w, -112, -58, -148, 0, -148)} C{points(58, -148, w, -112, w, -30)} "
        f"C{points(w, 8, cheek + 6, 38, cheek - 4, low)} "
        f"C{points(cheek - 14, low + 22, corner, chin - 12, corner * 0.5, chin - 3)} "
        f"Q{points(0, chin + 4, -corner * 0.5, chin - 3)} "
        f"C{points(-corner, chin - 12, -cheek + 14, low + 22, -cheek + 4, low)} "
        f"C{points(-cheek - 6, 38, -w, 8, -w, -30)}Z"
    )


def _shading(drop: float) -> str:
    shade, shine, blush = "url(#shade)", "url(#shine)", "url(#blush)"
    return (
        ellipse(-54, 42, 34, 26, blush)
        + ellipse(54, 42, 34, 26, blush)
        + ellipse(0, 104 + drop, 30, 9, shade)
        + ellipse(-43, -16, 36, 24, shade, 0.55)
        + ellipse(43, -16, 36, 24, shade, 0.55)
        + ellipse(-16, -92, 58, 34, shine)
        + ellipse(0, 20, 9, 36, shine)
        + ellipse(-4, 120 + drop, 20, 9, shine, 0.6)
        + ellipse(92, 30, 40, 100, shade, 0.9)
    )


def _ears(rig: Rig) -> str:
    if rig.hair_style in ("bob", "long"):
        return ""
    x, skin = 97 * rig.face_width, rig.skin
    outer = ellipse(-x, -2, 14, 27, darker(skin, 0.1)) + ellipse(x, -2, 14, 27, darker(skin, 0.24))
    return outer + "".join(ellipse(side * (x + 1), -2, 7, 16, darker(skin, 0.34), 0.6) for side in (-1, 1))


def _eye(rig: Rig, side: int, lids: float) -> str:
    x, y, k = side * 41 * rig.face_width, -14, rig.eye_size
    w, h = 22 * k, 11.5 * k * (1 - lids)
    low = y + 4 + 3 * lids
    lid = f"M{points(x - w, low)} Q{points(x, low - 2 * h + 9 * lids, x + w, low)}"
    lower = f"Q{points(x, low + 1.15 * h + 9 * lids, x - w, low)}"
    crease = f"M{points(x - w * 0.95, y - 9 * k)} Q{points(x, y - 21 * k, x + w * 0.95, y - 9 * k)}"
    lash_px = 4.2 if rig.hair_style in ("bob", "long", "bun") else 3.0
    shapes = [path(crease, stroke=darker(rig.skin, 0.42), width=1.8, opacity=0.65 * (1 - 0.6 * lids))]
    if lids < 0.95:
        almond = f"{lid} {lower}Z"
        shapes += [
            path(almond, "url(#white)"),
            clipped(f"eye{side}", almond, _iris(x, y, k) + path(lid, stroke="#2a1c1c", width=7, opacity=0.22)),
            path(f"M{points(x + w, low)} {lower}", stroke=darker(rig.skin, 0.45), width=1.3, opacity=0.7),
        ]
    shapes.append(path(lid, stroke=darker(rig.hair_colour, 0.55), width=lash_px))
    return "".join(shapes)


def _iris(x: float, y: float, k: float) -> str:
    return (
        circle(x, y, 10.6 * k, "url(#iris)")
        + circle(x, y, 4.7 * k, "#0c0a0c")
        + circle(x - 3.6, y - 4, 2.9, "#ffffff")
        + circle(x + 4, y + 4, 1.4, "#ffffff", 0.6)
    )


def _brow(rig: Rig, side: int) -> str:
    x, k = 41 * rig.face_width, rig.brow_weight
    tint = darker(rig.hair_colour, 0.3) if rig.hair_style != "bald" else darker(rig.skin, 0.65)
    upper = [(x - 23, -44), (x - 10, -53 - 2 * k), (x + 10, -54 - 2 * k), (x + 27, -42)]
    lower = [(x + 10, -50 + 2 * k), (x - 8, -48 + 4 * k), (x - 23, -44 + 5 * k)]
    flat = [points(side * px, py) for px, py in upper + lower]
    return path(f"M{flat[0]} C{' '.join(flat[1:4])} C{' '.join(flat[4:])}Z", tint, opacity=0.9)


def _nose(rig: Rig) -> str:
    w = 15 * rig.nose
    wings = (
        f"M{points(-w, 39)} C{points(-w - 3, 48, -w + 6, 49, -w * 0.4, 46)} "
        f"Q{points(0, 52, w * 0.4, 46)} C{points(w - 6, 49, w + 3, 48, w, 39)}"
    )
    return (
        ellipse(w * 0.5, 14, 11, 38, "url(#shade)", 0.75)
        + ellipse(0, 46, w * 1.5, 11, "url(#shade)", 0.8)
        + path(wings, stroke=darker(rig.skin, 0.5), width=2.4, opacity=0.75)
        + ellipse(-2, 34, 6, 7, "url(#shine)")
    )


def _beard(rig: Rig, drop: float) -> str:
    if rig.beard <= 0:
        return ""
    w, chin = 90 * rig.face_width, 137 + drop
    outline = (
        f"M{points(-w, 14)} C{points(-w, 70, -w * 0.72, chin - 22, -w * 0.34, chin - 2)} "
        f"Q{points(0, chin + 6, w * 0.34, chin - 2)} C{points(w * 0.72, chin - 22, w, 70, w, 14)} "
        f"C{points(w * 0.88, 52, w * 0.66, 58, 44, 57)} Q22,53 0,58 Q-22,53 -44,57 "
        f"C{points(-w * 0.66, 58, -w * 0.88, 52, -w, 14)}Z"
    )
    hair = mix(darker(rig.hair_colour, 0.1), rig.skin, 0.24)
    return path(outline, hair, opacity=0.35 + 0.55 * rig.beard)


def _glasses(rig: Rig) -> str:
    x, line = 41 * rig.face_width, f'stroke="{_FRAME}" stroke-width="4.5" fill-opacity="0.08"'
    rims = "".join(rectangle(side * x - 31, -36, 62, 46, "#ffffff", radius=17, stroke=line) for side in (-1, 1))
    bridge = path(f"M{points(31 - x, -18)} Q{points(0, -27, x - 31, -18)}", stroke=_FRAME, width=4.5)
    arms = "".join(path(f"M{points(s * (x + 31), -20, s * 97, -24)}", stroke=_FRAME, width=4.5) for s in (-1, 1))
    return rims + bridge + arms
