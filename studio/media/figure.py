"""From rig to pixels: layers are rasterised once for a picture size, then put together for each pose."""

import io
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import fontpkg_inter
import resvg_py
from PIL import Image, ImageDraw, ImageFont

from studio.media import body, face, hair, scenery
from studio.media.rig import Rig

NECK_Y = 150.0  # the head turns about this point, in head units
_MARGIN_SHARE = 0.04


@dataclass(frozen=True)
class Pose:
    """A moment of idle motion: shifts in head units, the angle in degrees, `lids` 0 (open) to 1 (closed)."""

    turn_deg: float = 0.0
    dx: float = 0.0
    dy: float = 0.0
    breath: float = 0.0
    lids: float = 0.0


REST = Pose()


@dataclass(frozen=True)
class View:
    """Where head units lie in an output picture: pixels = centre + scale * units."""

    width: int
    height: int
    centre_x: float
    centre_y: float
    scale: float


def place_head(rig: Rig, width: int, height: int) -> View:
    """The view of a rig in a picture of another size: scaled to cover it, cut evenly at the sides."""
    head = min(0.56 * rig.height, 0.64 * rig.width) / 275
    x = rig.width * (0.5 + rig.offset)
    y = max(0.07 * rig.height + 172 * head, 0.42 * rig.height)
    cover = max(width / rig.width, height / rig.height)
    left, top = (width - rig.width * cover) / 2, (height - rig.height * cover) / 2
    return View(width, height, left + x * cover, top + y * cover, head * cover)


def rasterise(svg: str, width: int, height: int) -> Image.Image:
    """RGBA pixels of an SVG; system fonts stay out so that all machines draw the same."""
    png = resvg_py.svg_to_bytes(svg_string=svg, width=width, height=height, skip_system_fonts=True)
    return Image.open(io.BytesIO(png)).convert("RGBA")


def layer_svg(rig: Rig, view: View, content: str, box: tuple[float, float, float, float] | None = None) -> str:
    """An SVG of content in head units as it lies in the view, optionally only a box (left, top, width, height)."""
    frame = " ".join(str(side) for side in box or (0, 0, view.width, view.height))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{frame}">'
        f"<defs>{face.head_defs(rig)}{body.body_defs(rig)}</defs>"
        f'<g transform="translate({view.centre_x} {view.centre_y}) scale({view.scale})">{content}</g></svg>'
    )


def tilted(rig: Rig, content: str) -> str:
    """Content of the head turned by the rig's own tilt."""
    return f'<g transform="rotate({rig.tilt_deg} 0 {NECK_Y})">{content}</g>'


@dataclass(frozen=True)
class Sprite:
    """A layer cut to its visible part; left and top are its place in the picture."""

    image: Image.Image
    left: int
    top: int


class Figure:
    """A rig drawn at one size, ready to be composed in any pose."""

    def __init__(self, rig: Rig, width: int, height: int) -> None:
        self.rig = rig
        self.view = place_head(rig, width, height)
        self._backdrop = self._draw_backdrop()
        self._back = self._sprite(tilted(rig, hair.hair_back_svg(rig)))
        self._body = self._sprite(body.body_svg(rig))
        self._heads: dict[float, Sprite | None] = {}
        self._mark = draw_mark(width, height)

    def compose(self, pose: Pose) -> Image.Image:
        """The whole picture in a pose, RGB."""
        picture = self._backdrop.copy()
        head = self._head(round(pose.lids * 2) / 2)
        head_shift = (pose.dx, pose.dy + pose.breath)
        if self._back:
            self._paste(picture, self._back, pose.turn_deg, head_shift)
        if self._body:
            self._paste(picture, self._body, 0.0, (0.0, pose.breath))
        if head:
            self._paste(picture, head, pose.turn_deg, head_shift)
        picture.paste(self._mark.image, (self._mark.left, self._mark.top), self._mark.image)
        return picture

    def _head(self, lids: float) -> Sprite | None:
        if lids not in self._heads:
            self._heads[lids] = self._sprite(tilted(self.rig, face.head_svg(self.rig, lids=lids)))
        return self._heads[lids]

    def _draw_backdrop(self) -> Image.Image:
        rig, view = self.rig, self.view
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{view.width}" height="{view.height}" '
            f'viewBox="0 0 {rig.width} {rig.height}" preserveAspectRatio="xMidYMid slice">'
            f"{scenery.backdrop_svg(rig)}</svg>"
        )
        return rasterise(svg, view.width, view.height).convert("RGB")

    def _sprite(self, content: str) -> Sprite | None:
        view = self.view
        full = rasterise(layer_svg(self.rig, view, content), view.width, view.height)
        box = full.getbbox()
        if box is None:
            return None
        margin = int(min(view.width, view.height) * _MARGIN_SHARE) + 2
        box = (box[0] - margin, box[1] - margin, box[2] + margin, box[3] + margin)
        return Sprite(full.crop(box), box[0], box[1])

    def _paste(self, picture: Image.Image, sprite: Sprite, turn_deg: float, shift: tuple[float, float]) -> None:
        image = sprite.image
        if turn_deg or any(shift):
            k = self.view.scale
            pivot = (self.view.centre_x - sprite.left, self.view.centre_y + NECK_Y * k - sprite.top)
            image = turn(image, turn_deg, pivot, (shift[0] * k, shift[1] * k))
        picture.paste(image, (sprite.left, sprite.top), image)


def turn(
    image: Image.Image, deg: float, pivot: tuple[float, float], shift: tuple[float, float], size: float = 1.0
) -> Image.Image:
    """The image turned clockwise about a point, scaled and moved, to fractions of a pixel, within its own frame."""
    c, s = math.cos(math.radians(deg)) / size, math.sin(math.radians(deg)) / size
    px, py = pivot
    tx, ty = px + shift[0], py + shift[1]
    matrix = (c, s, px - c * tx - s * ty, -s, c, py + s * tx - c * ty)
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


@lru_cache(maxsize=16)
def draw_mark(width: int, height: int) -> Sprite:
    """The small STUDIO sign of the lower right corner: nobody shall take these pictures for a vendor's."""
    size = max(9, round(min(width, height) * 0.032))
    fonts = Path(str(fontpkg_inter.ROOT)) / "files"
    font = ImageFont.truetype(str(fonts / "Inter[opsz,wght].ttf"), size)
    font.set_variation_by_axes([14, 650])
    left, top, right, bottom = font.getbbox("STUDIO")
    pad = round(size * 0.5)
    plate = Image.new("RGBA", (round(right - left) + 2 * pad, round(bottom - top) + 2 * pad))
    draw = ImageDraw.Draw(plate)
    draw.rounded_rectangle((0, 0, plate.width - 1, plate.height - 1), radius=pad * 0.8, fill=(10, 12, 16, 120))
    draw.text((pad - left, pad - top), "STUDIO", font=font, fill=(255, 255, 255, 205))
    return Sprite(plate, width - plate.width - size, height - plate.height - size)
