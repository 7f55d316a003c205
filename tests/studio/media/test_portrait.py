"""What draw_portrait() paints: the same person for the same face, a scene that the prompt decides, and a rig inside."""

import io

import numpy as np
import pytest
from PIL import Image

from studio.media.portrait import draw_portrait, open_picture
from studio.media.rig import design_rig, rig_from_json
from tests.studio.media.pictures import distance, photograph, pixels

PERSON = ("skin", "hair_colour", "hair_style", "eye_colour", "face_width", "nose", "lips", "beard", "glasses")


def test_the_same_request_gives_the_same_bytes() -> None:
    """Prompt, face, seed and size decide every byte."""
    one, two = (draw_portrait("a person", face="x", seed=1, width=256, height=256) for _ in range(2))
    assert one == two


def test_a_face_stays_the_same_person_in_another_scene() -> None:
    """Another prompt and seed change the scene and leave the person alone."""
    one = design_rig("red dress at night", face="lora", seed=1, width=512, height=288)
    two = design_rig("man in a forest, glasses, beard", face="lora", seed=2, width=512, height=288)
    assert [getattr(one, name) for name in PERSON] == [getattr(two, name) for name in PERSON]
    assert one.backdrop != two.backdrop


def test_faces_seeds_and_prompts_change_the_picture() -> None:
    """Each of the three inputs is seen in the pixels."""
    base = pixels(draw_portrait("a person", face="x", seed=1, width=256, height=256))
    others = [("a person", "y", 1), ("a person", "x", 2), ("another person", "x", 1)]
    for prompt, face, seed in others:
        other = pixels(draw_portrait(prompt, face=face, seed=seed, width=256, height=256))
        assert distance(base, other) > 2


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a woman in a bright red silk dress", {"shirt": "#a8322f", "clothes": "tee"}),
        ("TOK man, navy suit, office", {"shirt": "#1f2f54", "clothes": "suit", "backdrop": "office"}),
        ("portrait in a forest with golden light", {"backdrop": "nature", "light": "warm"}),
        ("city street at night", {"backdrop": "city"}),
        ("bearded man with glasses", {"beard": 1.0, "glasses": True}),
        ("blonde woman", {"hair_colour": "#d6ae68", "beard": 0.0}),
    ],
)
def test_words_of_the_prompt_are_seen(prompt: str, expected: dict[str, object]) -> None:
    """Clothes, colours, places, light and, without a face, the person follow the words."""
    rig = design_rig(prompt, face="", seed=3, width=512, height=288)
    assert {name: getattr(rig, name) for name in expected} == expected


@pytest.mark.parametrize(("output_format", "kind"), [("png", "PNG"), ("jpeg", "JPEG")])
def test_the_picture_carries_its_rig(output_format: str, kind: str) -> None:
    """Both formats hold the rig that they were drawn from."""
    data = draw_portrait("a person", face="x", seed=1, width=320, height=256, output_format=output_format)
    picture, rig = open_picture(data)
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.format == kind
    assert picture.size == (320, 256)
    assert rig == design_rig("a person", face="x", seed=1, width=320, height=256)


def test_a_flagged_picture_is_black_and_has_no_rig() -> None:
    """Nothing but the studio sign is to be seen."""
    data = draw_portrait("a person", face="x", seed=1, width=512, height=512, black=True)
    assert np.median(pixels(data)) == 0
    assert pixels(data).mean() < 5
    assert open_picture(data)[1] is None


@pytest.mark.parametrize(("width", "height"), [(255, 512), (512, 2049)])
def test_sizes_outside_the_range_are_refused(width: int, height: int) -> None:
    """A side below 256 or above 2048 raises ValueError."""
    with pytest.raises(ValueError, match="256 to 2048"):
        draw_portrait("a person", face="x", seed=1, width=width, height=height)


def test_an_unknown_format_is_refused() -> None:
    """Only png and jpeg are painted."""
    with pytest.raises(ValueError, match="gif"):
        draw_portrait("a person", face="x", seed=1, width=256, height=256, output_format="gif")


@pytest.mark.parametrize("data", [b"", b"<html>no</html>", b"\x89PNG\r\n\x1a\n cut short"])
def test_what_is_no_picture_raises_value_error(data: bytes) -> None:
    """Undecodable bytes raise ValueError."""
    with pytest.raises(ValueError, match="not a picture"):
        open_picture(data)


def test_a_photograph_has_no_rig() -> None:
    """A foreign picture is opened without a rig."""
    assert open_picture(photograph())[1] is None


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"mark":"devatar-studio","rig":{"width":1}}'])
def test_a_damaged_rig_is_no_rig(text: str) -> None:
    """Anything but a whole rig of ours gives None."""
    assert rig_from_json(text) is None
