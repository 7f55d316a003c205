"""Portraits: what the image models of the studio paint."""

import io

from PIL import Image, PngImagePlugin

from studio.media.figure import REST, Figure, draw_mark
from studio.media.rig import Rig, design_rig, rig_from_json
from studio.media.timeline import STUDIO_MARK

MIN_SIDE, MAX_SIDE = 256, 2048
_RIG_KEY = "studio-rig"


def draw_portrait(
    prompt: str,
    *,
    face: str,
    seed: int,
    width: int,
    height: int,
    output_format: str = "png",
    black: bool = False,
) -> bytes:
    """Head and shoulders of the person that `face` decides, as PNG or JPEG that carries its rig.

    `black` gives the blacked-out picture of a flagged image. Raises ValueError for sizes outside 256 to 2048 pixels
    and for unknown formats.
    """
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise ValueError(f"a side must be {MIN_SIDE} to {MAX_SIDE} pixels")
    if output_format not in ("png", "jpeg", "jpg"):
        raise ValueError(f"unknown image format: {output_format}")
    if black:
        picture, tag = Image.new("RGB", (width, height)), STUDIO_MARK
        mark = draw_mark(width, height)
        picture.paste(mark.image, (mark.left, mark.top), mark.image)
    else:
        rig = design_rig(prompt, face=face, seed=seed, width=width, height=height)
        picture, tag = Figure(rig, width, height).compose(REST), rig.to_json()
    return _encode(picture, output_format, tag)


def _encode(picture: Image.Image, output_format: str, tag: str) -> bytes:
    out = io.BytesIO()
    if output_format == "png":
        info = PngImagePlugin.PngInfo()
        info.add_text(_RIG_KEY, tag)
        picture.save(out, "PNG", pnginfo=info, compress_level=6)
    else:
        picture.save(out, "JPEG", quality=92, comment=tag.encode())
    return out.getvalue()


def open_picture(data: bytes) -> tuple[Image.Image, Rig | None]:
    """The RGB pixels of an encoded picture and the rig it carries. Raises ValueError when it cannot be decoded."""
    try:
        with Image.open(io.BytesIO(data)) as encoded:
            tag = encoded.info.get(_RIG_KEY) or encoded.info.get("comment") or ""
            picture = encoded.convert("RGB")
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"not a picture that can be decoded: {error}") from error
    return picture, rig_from_json(tag.decode(errors="replace") if isinstance(tag, bytes) else str(tag))
