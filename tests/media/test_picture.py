"""Fitting headshots to the film's aspect."""

from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageStat
from PIL.PngImagePlugin import PngInfo

from media.errors import MediaInvalid
from media.picture import SIZES, fit_headshot
from models.enums import AspectRatio

LANDSCAPE = AspectRatio.LANDSCAPE


def photo(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """A picture with a red left edge and a green right edge on noise."""
    image = Image.effect_noise(size, 60).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, size[0] // 10, size[1]), fill=(255, 0, 0))
    draw.rectangle((size[0] - size[0] // 10, 0, size[0], size[1]), fill=(0, 255, 0))
    return image.convert(mode)


def colour_at(path: Path, x: float, y: float) -> tuple[int, int, int]:
    with Image.open(path) as image:
        assert image.mode == "RGB"
        colour = image.getpixel((int(x * image.width), int(y * image.height)))
    assert isinstance(colour, tuple)
    return (int(colour[0]), int(colour[1]), int(colour[2]))


def is_red(colour: tuple[int, int, int]) -> bool:
    return colour[0] > 200 and max(colour[1:]) < 60


@pytest.mark.parametrize("aspect", list(AspectRatio))
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("size", [(400, 300), (600, 1400)])
def test_every_picture_becomes_the_aspect(
    tmp_path: Path, aspect: AspectRatio, form: str, size: tuple[int, int]
) -> None:
    """Any acceptable picture becomes an RGB PNG of the film's size."""
    photo(size).save(tmp_path / "in", form)
    facts = fit_headshot(tmp_path / "in", tmp_path / "new" / "out.png", aspect)
    assert (facts.format, (facts.width, facts.height)) == ("png", SIZES[aspect])
    with Image.open(tmp_path / "new" / "out.png") as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", SIZES[aspect])


def test_whole_picture_is_kept(tmp_path: Path) -> None:
    """A square picture stands whole in the middle of a wide film, over a blurred copy."""
    photo((800, 800)).save(tmp_path / "in.png")
    fit_headshot(tmp_path / "in.png", tmp_path / "out.png", LANDSCAPE)
    assert is_red(colour_at(tmp_path / "out.png", (1024 - 576) / 2 / 1024 + 0.01, 0.5))
    edges = [colour_at(tmp_path / "out.png", 0.15, y) for y in (0.1, 0.5, 0.9)]
    assert max(edges[0]) > 20, "the sides are filled with the picture, not with black"


def test_turned_picture_is_upright(tmp_path: Path) -> None:
    """A photograph that says how it was held is shown upright."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right by 90 degrees to show: the left edge becomes the top
    photo((1024, 576)).save(tmp_path / "in.jpg", exif=exif, quality=95)
    fit_headshot(tmp_path / "in.jpg", tmp_path / "out.png", AspectRatio.PORTRAIT)
    assert is_red(colour_at(tmp_path / "out.png", 0.5, 0.03))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "CMYK"])
def test_other_colour_modes(tmp_path: Path, mode: str) -> None:
    """Transparent, grey, palette and print pictures become plain RGB."""
    photo((800, 600), mode).save(tmp_path / "in", "JPEG" if mode == "CMYK" else "PNG")
    fit_headshot(tmp_path / "in", tmp_path / "out.png", LANDSCAPE)
    with Image.open(tmp_path / "out.png") as image:
        assert image.mode == "RGB"
        assert all(60 < mean < 200 for mean in ImageStat.Stat(image).mean)


@pytest.mark.parametrize("size", [(1024, 576), (1920, 1080), (1280, 720)])
def test_fitting_png_is_untouched(tmp_path: Path, size: tuple[int, int]) -> None:
    """A PNG of the very aspect keeps its bytes, and with them all that it says of itself."""
    photo(size).save(tmp_path / "in.png")
    facts = fit_headshot(tmp_path / "in.png", tmp_path / "out.png", LANDSCAPE)
    assert (tmp_path / "out.png").read_bytes() == (tmp_path / "in.png").read_bytes()
    assert (facts.width, facts.height) == size


def test_text_is_kept(tmp_path: Path) -> None:
    """Marks of the maker survive the change of shape: PNG text and a JPEG comment."""
    text = PngInfo()
    text.add_text("studio", '{"seed": 7}')
    text.add_itxt("Título", "ünïcode 日本")
    photo((700, 700)).save(tmp_path / "in.png", pnginfo=text)
    photo((700, 700)).save(tmp_path / "in.jpg", comment=b"studio seed 7")
    fit_headshot(tmp_path / "in.png", tmp_path / "a.png", LANDSCAPE)
    fit_headshot(tmp_path / "in.jpg", tmp_path / "b.png", LANDSCAPE)
    with Image.open(tmp_path / "a.png") as image:
        assert (image.info["studio"], image.info["Título"]) == ('{"seed": 7}', "ünïcode 日本")
    with Image.open(tmp_path / "b.png") as image:
        assert image.info["Comment"] == "studio seed 7"


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        ((299, 400), "too small: 299 x 400"),
        ((2000, 100), "too small"),
        ((1000, 399), "too narrow: 1000 x 399"),
        ((300, 751), "too narrow"),
    ],
)
def test_refused_pictures(tmp_path: Path, size: tuple[int, int], reason: str) -> None:
    """Pictures below the vendors' minimum are refused with their size."""
    photo(size).save(tmp_path / "in.png")
    with pytest.raises(MediaInvalid, match=reason) as caught:
        fit_headshot(tmp_path / "in.png", tmp_path / "out.png", LANDSCAPE)
    assert caught.value.facts == {"width": size[0], "height": size[1]}


def test_no_picture(tmp_path: Path) -> None:
    """A web page is no headshot."""
    (tmp_path / "in.png").write_text("<html></html>")
    with pytest.raises(MediaInvalid, match="not a PNG, JPEG or WebP"):
        fit_headshot(tmp_path / "in.png", tmp_path / "out.png", LANDSCAPE)
