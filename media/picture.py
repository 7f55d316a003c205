"""Making a person's headshot fit the film: the vendors animate exactly the picture they are given."""

import shutil
from pathlib import Path

from PIL import Image, ImageFilter, ImageOps
from PIL.PngImagePlugin import PngInfo

from media.errors import MediaInvalid
from media.probe import ORIENTATION, PictureFacts, measure_picture, opened_picture
from models.enums import AspectRatio

SIZES = {
    AspectRatio.LANDSCAPE: (1024, 576),
    AspectRatio.PORTRAIT: (576, 1024),
    AspectRatio.SQUARE: (1024, 1024),
}
MIN_SIDE = 300  # Kling's minimum
MAX_RATIO = 2.5  # Kling's limit for either side
MAX_BYTES = 10 * 1024 * 1024  # Kling's limit
MAX_KEPT_SIDE = 2048  # a larger picture only costs the vendors' time: their films are at most 1920 wide
_BLUR_RADIUS = 24
_MATTE = (128, 128, 128)  # behind transparent parts: neither a dark nor a bright edge round hair
_TEXT_LIMIT = 64 * 1024  # of one text entry: marks are short, and a PNG's text may be a bomb


def fit_headshot(source: Path, to: Path, aspect: AspectRatio) -> PictureFacts:
    """Write an RGB PNG of the aspect: the whole picture, over a blurred enlarged copy of itself where it does not fill.

    Text entries are kept (a JPEG comment as `Comment`). A PNG that fits already is copied byte for byte. Raises
    `MediaInvalid` for no picture, a side below 300 pixels, or a ratio beyond 1:2.5.
    """
    facts = measure_picture(source)
    _check_limits(facts)
    to.parent.mkdir(parents=True, exist_ok=True)
    with opened_picture(source) as image:
        if _fits(image, facts, source, aspect):
            shutil.copyfile(source, to)
            return facts
        fitted = _composed(_upright(image), SIZES[aspect])
        fitted.save(to, "PNG", pnginfo=_text_of(image))
    return PictureFacts("png", *SIZES[aspect])


def _check_limits(facts: PictureFacts) -> None:
    size = f"{facts.width} x {facts.height} pixels"
    measured = {"width": facts.width, "height": facts.height}
    if min(facts.width, facts.height) < MIN_SIDE:
        raise MediaInvalid(f"the headshot is too small: {size}, each side needs at least {MIN_SIDE}", measured)
    if max(facts.width, facts.height) > MAX_RATIO * min(facts.width, facts.height):
        raise MediaInvalid(f"the headshot is too narrow: {size}, one side may be {MAX_RATIO} times the other", measured)


def _fits(image: Image.Image, facts: PictureFacts, source: Path, aspect: AspectRatio) -> bool:
    width, height = SIZES[aspect]
    return (
        (image.format, image.mode, image.size) == ("PNG", "RGB", (facts.width, facts.height))
        and facts.width * height == facts.height * width
        and max(facts.width, facts.height) <= MAX_KEPT_SIDE
        and source.stat().st_size <= MAX_BYTES
        and image.getexif().get(ORIENTATION, 1) == 1
    )


def _upright(image: Image.Image) -> Image.Image:
    turned = ImageOps.exif_transpose(image)
    if not turned.has_transparency_data:
        return turned.convert("RGB")
    layers = turned.convert("RGBA")
    matte = Image.new("RGBA", layers.size, _MATTE)
    return Image.alpha_composite(matte, layers).convert("RGB")


def _composed(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    whole = ImageOps.contain(picture, size, Image.Resampling.LANCZOS)
    if whole.size == size:
        return whole
    canvas = ImageOps.fit(picture, size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(_BLUR_RADIUS))
    canvas.paste(whole, ((size[0] - whole.width) // 2, (size[1] - whole.height) // 2))
    return canvas


def _text_of(image: Image.Image) -> PngInfo:
    """Collect what the source says of itself, so that marks of its maker are not lost."""
    kept = PngInfo()
    for name, value in image.info.items():
        if image.format == "JPEG" and name == "comment" and isinstance(value, bytes):
            kept.add_text("Comment", value.decode("utf-8", "replace")[:_TEXT_LIMIT])
        elif image.format == "PNG" and isinstance(name, str) and isinstance(value, str):
            kept.add_text(name, value[:_TEXT_LIMIT])
    return kept
