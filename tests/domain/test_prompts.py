"""Prompts: the order of their parts, what is cleaned from them, how long they get."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.prompts import (
    DEFAULT_CAMERA,
    DEFAULT_LIGHTING,
    DEFAULT_MOVEMENT,
    LIPSYNC_TERMS,
    MAX_VIDEO_PROMPT,
    NEGATIVE_PROMPT,
    QUALITY_TERMS,
    build_identity_prompt,
    build_video_prompt,
)

PICTURE = {
    "trigger_word": "TOK_DEVEN",
    "subject": "a man with short dark hair",
    "wardrobe": "a navy suit",
    "environment": "a bright studio",
    "prompt": "holding a cup",
    "lighting": "golden hour",
}
CLIP = {"subject": "a man", "environment": "a studio", "movement": "nods", "camera": "slow push-in"}
BLANKS = ["", "  ", "\n\t", "\x00\x1b", " .,; "]


def picture(**parts: str) -> str:
    return build_identity_prompt(**(PICTURE | parts))


def clip(**parts: str) -> str:
    return build_video_prompt(**(CLIP | parts))


def test_identity_prompt() -> None:
    """Trigger word, subject, wardrobe, environment, the scene's prompt, quality terms, lighting: in this order."""
    assert picture() == (
        "TOK_DEVEN, a man with short dark hair, wearing a navy suit, a bright studio, holding a cup, "
        f"{QUALITY_TERMS}, golden hour"
    )


def test_video_prompt() -> None:
    """The clip says who, where, how they move and how the camera stands, and ends with what lipsync needs."""
    assert clip() == f"a man, talking to the camera, a studio, nods, slow push-in, {LIPSYNC_TERMS}"


@pytest.mark.parametrize("blank", BLANKS)
def test_blank_parts(blank: str) -> None:
    """A part that is empty once cleaned is left out, or gives way to its default."""
    bare = dict.fromkeys(PICTURE, blank)
    assert build_identity_prompt(**bare) == f"{QUALITY_TERMS}, {DEFAULT_LIGHTING}"
    assert build_video_prompt(**dict.fromkeys(CLIP, blank)) == (
        f"a person, talking to the camera, {DEFAULT_MOVEMENT}, {DEFAULT_CAMERA}, {LIPSYNC_TERMS}"
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a cup\nof tea", "a cup of tea"),
        ("a cup\r\n\tof  tea. ", "a cup of tea"),
        ("a\x00cup\x1b of\u2028tea,", "a cup of tea"),
        ("Zoë's café 🎬", "Zoë's café 🎬"),
    ],
)
def test_cleaned(written: str, read: str) -> None:
    """Line breaks and control characters become spaces, trailing punctuation goes, everything else stays."""
    assert f", {read}, " in picture(prompt=written)
    assert f", {read}, " in clip(environment=written)


@given(parts=st.fixed_dictionaries(dict.fromkeys(CLIP, st.text(max_size=2000))))
def test_video_prompt_within_limit(parts: dict[str, str]) -> None:
    """However much is written, the prompt is one printable line within the limit and keeps what lipsync needs."""
    prompt = build_video_prompt(**parts)
    assert len(prompt) <= MAX_VIDEO_PROMPT
    assert prompt.isprintable()
    assert prompt.endswith(LIPSYNC_TERMS)


def test_long_description_is_cut() -> None:
    """A description beyond the limit fills what the lipsync terms leave, and loses its end."""
    prompt = clip(subject="x" * 2000, environment="y" * 2000)
    assert len(prompt) == MAX_VIDEO_PROMPT == 2500
    assert prompt.startswith("x" * 2000 + ", talking to the camera, yyy")
    assert "nods" not in prompt


def test_negative_prompt_within_limit() -> None:
    """The negative prompt fits Kling's limit too."""
    assert 0 < len(NEGATIVE_PROMPT) <= MAX_VIDEO_PROMPT
