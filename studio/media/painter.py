"""Paints mouths into yuv420p frames: only a box around mouth and chin is touched."""

from collections import OrderedDict
from dataclasses import replace
from typing import Any, Protocol

import av
import numpy as np
from PIL import Image

from studio.media import body, face, figure, hair
from studio.media.colours import darker
from studio.media.figure import View
from studio.media.film import FilmFacts, Numbers, Planes
from studio.media.mouth import MOUTH_Y, Mouth, mouth_svg
from studio.media.placement import HeadFinder, Place
from studio.media.rig import Rig, design_rig
from studio.media.svg import ellipse, glow

_BOX = (-84.0, 44.0, 84.0, 160.0)  # head units: below the nose to below the fallen chin
_SOFT_EDGE = 12.0  # head units over which the painted box fades into the frame
_CACHED_MOUTHS = 400
_BT601, _BT709 = (0.299, 0.114), (0.2126, 0.0722)  # luma weights of red and blue


class MouthPainter(Protocol):
    """Paints one mouth into one frame, in place."""

    def paint(self, planes: Planes, mouth: Mouth) -> None:
        """Changes the planes so that they show the mouth."""
        ...


def rounded(mouth: Mouth) -> Mouth:
    """The nearest of the shapes that are kept ready: fine steps for the opening, coarse ones for the rest."""
    return Mouth(
        round(mouth.opening * 16) / 16,
        round(mouth.wide * 3) / 3,
        round(mouth.round * 3) / 3,
        round(mouth.teeth * 2) / 2,
        round(mouth.tongue * 2) / 2,
    )


class RigPainter:
    """Redraws mouth and chin of a drawn person where the head is found in each frame."""

    def __init__(self, rig: Rig, facts: FilmFacts) -> None:
        self._rig, self._facts = rig, facts
        self._view = figure.place_head(rig, facts.width, facts.height)
        still = figure.Figure(rig, facts.width, facts.height).compose(figure.REST).convert("L")
        self._finder = HeadFinder(np.asarray(still, np.float32), self._view)
        self._mouths: OrderedDict[Mouth, Image.Image] = OrderedDict()
        self._box = _pixel_box(self._view)

    def paint(self, planes: Planes, mouth: Mouth) -> None:
        """Finds the head, then blends the redrawn lower face over the frame."""
        place = self._finder.find(planes[: self._facts.height].astype(np.float32))
        sprite, left, top = self._placed(self._sprite(rounded(mouth)), place)
        blend(planes, sprite, left, top, self._facts)

    def _sprite(self, mouth: Mouth) -> Image.Image:
        known = self._mouths.get(mouth)
        if known is None:
            known = self._mouths[mouth] = self._draw(mouth)
            if len(self._mouths) > _CACHED_MOUTHS:
                self._mouths.popitem(last=False)
        else:
            self._mouths.move_to_end(mouth)
        return known

    def _draw(self, mouth: Mouth) -> Image.Image:
        rig = self._rig
        head = figure.tilted(rig, face.head_svg(rig, mouth))
        back = figure.tilted(rig, hair.hair_back_svg(rig))
        content = back + body.body_svg(rig) + head
        left, top, width, height = self._box
        svg = figure.layer_svg(rig, self._view, content, (left, top, width, height))
        sprite = figure.rasterise(svg, width, height)
        return fade_edges(sprite, _SOFT_EDGE * self._view.scale)

    def _placed(self, sprite: Image.Image, place: Place) -> tuple[Image.Image, int, int]:
        """The sprite turned and scaled about the head's centre, with the whole pixels of its place taken out."""
        left, top, _, _ = self._box
        pivot = (self._view.centre_x - left, self._view.centre_y - top)
        whole_x, whole_y = round(place.dx), round(place.dy)
        shift = (place.dx - whole_x, place.dy - whole_y)
        return figure.turn(sprite, place.turn_deg, pivot, shift, place.size), left + whole_x, top + whole_y


class GuessPainter:
    """Paints a plain mouth in the lower middle of a picture of which nothing is known."""

    def __init__(self, first: Planes, facts: FilmFacts) -> None:
        self._facts = facts
        rig = design_rig("", face="guess", seed=0, width=facts.width, height=facts.height)
        self._view = figure.place_head(rig, facts.width, facts.height)
        self._colour = _colour_at(first, self._view, facts)
        self._rig = replace(rig, skin=self._colour, lips=1.0, lip_tint=0.5, tilt_deg=0.0)
        self._box = _pixel_box(self._view)
        self._mouths: dict[Mouth, Image.Image] = {}

    def paint(self, planes: Planes, mouth: Mouth) -> None:
        """Blends the mouth on a soft patch of the surrounding colour."""
        shape = rounded(mouth)
        if shape not in self._mouths:
            self._mouths[shape] = self._draw(shape)
        left, top, _, _ = self._box
        blend(planes, self._mouths[shape], left, top, self._facts)

    def _draw(self, mouth: Mouth) -> Image.Image:
        colour = self._colour
        patch = (
            glow("patch", colour, 1.0, core=0.6)
            + ellipse(0, MOUTH_Y + 6, 62, 46, "url(#patch)")
            + ellipse(0, MOUTH_Y + 30 + 20 * mouth.opening, 26, 6, darker(colour, 0.3), 0.2)
        )
        _, _, width, height = self._box
        svg = figure.layer_svg(self._rig, self._view, patch + mouth_svg(self._rig, mouth), self._box)
        return fade_edges(figure.rasterise(svg, width, height), _SOFT_EDGE * self._view.scale)


def _pixel_box(view: View) -> tuple[int, int, int, int]:
    left, top, right, bottom = (
        round(centre + view.scale * units)
        for centre, units in zip((view.centre_x, view.centre_y) * 2, _BOX, strict=True)
    )
    return left, top, right - left, bottom - top


def fade_edges(sprite: Image.Image, edge_px: float) -> Image.Image:
    """The sprite made transparent towards its border."""
    w, h = sprite.size
    x = np.minimum(np.arange(w) + 0.5, w - np.arange(w) - 0.5)
    y = np.minimum(np.arange(h) + 0.5, h - np.arange(h) - 0.5)
    ramps = [np.clip(d / max(edge_px, 1.0), 0, 1) for d in (x, y)]
    soft = [r * r * (3 - 2 * r) for r in ramps]
    pixels = np.array(sprite)
    pixels[..., 3] = (pixels[..., 3] * soft[1][:, None] * soft[0][None, :]).astype(np.uint8)
    return Image.fromarray(pixels, "RGBA")


def _colour_at(planes: Planes, view: View, facts: FilmFacts) -> str:
    """The colour around the supposed mouth."""
    frame: Any = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    picture = frame.to_ndarray(format="rgb24")
    x, y, r = view.centre_x, view.centre_y + view.scale * MOUTH_Y, 46 * view.scale
    spots = [(x - r, y), (x + r, y), (x, y - r * 0.6)]
    inside = [(min(max(int(a), 0), facts.width - 1), min(max(int(b), 0), facts.height - 1)) for a, b in spots]
    colours = np.asarray([picture[b, a] for a, b in inside], np.float64).mean(axis=0)
    return "#" + "".join(f"{round(float(c)):02x}" for c in colours)


def blend(planes: Planes, sprite: Image.Image, left: int, top: int, facts: FilmFacts) -> None:
    """Lays an RGBA sprite over yuv420p planes in place, cut at the picture's border."""
    width, height = facts.width, facts.height
    x0, y0 = max(left, 0) // 2 * 2, max(top, 0) // 2 * 2
    x1, y1 = min(-(-(left + sprite.width) // 2) * 2, width), min(-(-(top + sprite.height) // 2) * 2, height)
    if x1 <= x0 or y1 <= y0:
        return
    cut = sprite.crop((x0 - left, y0 - top, x1 - left, y1 - top))
    rgba = np.asarray(cut, np.float32)
    alpha = rgba[..., 3] / 255
    luma, cb, cr = _to_yuv(rgba, _BT709 if facts.bt709 else _BT601)
    _mix(planes[y0:y1, x0:x1], luma, alpha)
    weight = _halve(alpha)
    scale = 1 / np.maximum(weight, 1e-4)
    chroma = planes[height:].reshape(2, height // 2, width // 2)
    for plane, values in zip(chroma, (cb, cr), strict=True):
        _mix(plane[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2], _halve(values * alpha) * scale, weight)


def _to_yuv(rgba: Numbers, weights: tuple[float, float]) -> tuple[Numbers, ...]:
    red, green, blue = rgba[..., 0], rgba[..., 1], rgba[..., 2]
    kr, kb = weights
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    cb = (blue - luma) * (112 / 127.5 / (2 * (1 - kb)) * 1.0) + 128
    cr = (red - luma) * (112 / 127.5 / (2 * (1 - kr)) * 1.0) + 128
    return luma * (219 / 255) + 16, cb, cr


def _mix(target: Planes, values: Numbers, alpha: Numbers) -> None:
    target[...] = np.clip(target + (values - target) * alpha + 0.5, 0, 255).astype(np.uint8)


def _halve(values: Numbers) -> Numbers:
    h, w = values.shape
    return values.reshape(h // 2, 2, w // 2, 2).mean(axis=(1, 3))
