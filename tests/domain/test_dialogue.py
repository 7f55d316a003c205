"""What is refused of a dialogue before it is bought."""

import pytest

from domain.dialogue import CHARACTER_LIMITS, check_dialogue
from domain.prices import CREDITS_PER_CHARACTER
from domain.rejections import RejectedError

MODEL = "eleven_turbo_v2_5"


def check(text: str, *, model: str = MODEL, speed: float = 1.0, max_speech_s: float = 300.0) -> None:
    check_dialogue(text, model=model, speed=speed, max_speech_s=max_speech_s)


@pytest.mark.parametrize("text", ["Hello.", "42", "Ünïcödé", "こんにちは", "مرحبا", "½", "…oh"])
def test_speakable(text: str) -> None:
    """Letters and digits of any script can be spoken."""
    check(text)


@pytest.mark.parametrize("text", ["", "   ", "\n\t\u00a0"])
def test_empty(text: str) -> None:
    """Nothing but white space is empty."""
    with pytest.raises(RejectedError, match="it is empty") as caught:
        check(text)
    assert caught.value.field == "dialogue"


@pytest.mark.parametrize("text", ["...", "?!", "🎬 🎬", "— \u2013", "\u200b", "\x00\x07", "<>{}"])
def test_unpronounceable(text: str) -> None:
    """Signs alone have no sound."""
    with pytest.raises(RejectedError, match="no letter or digit"):
        check(text)


@pytest.mark.parametrize(("model", "limit"), CHARACTER_LIMITS.items())
def test_character_limit(model: str, limit: int) -> None:
    """Each model's limit holds to the character."""
    check("a" * limit, model=model, max_speech_s=1e6)
    with pytest.raises(RejectedError, match=f"{limit + 1} characters; {model} takes {limit}"):
        check("a" * (limit + 1), model=model, max_speech_s=1e6)


def test_unknown_model() -> None:
    """A model without a known limit is refused with those that are known."""
    with pytest.raises(RejectedError, match=MODEL) as caught:
        check("Hello.", model="eleven_v99")
    assert caught.value.field == "voice_model"


def test_models_have_prices() -> None:
    """Whoever passes this check can also be paid for."""
    assert set(CHARACTER_LIMITS) == set(CREDITS_PER_CHARACTER)


def test_cannot_fit() -> None:
    """A text that nobody can say within the limit is refused; a fast voice is given more."""
    check("a" * 400, max_speech_s=10)
    with pytest.raises(RejectedError, match=r"at least 11 s .* the limit is 10 s"):
        check("a" * 440, max_speech_s=10)
    check("a" * 440, max_speech_s=10, speed=1.2)
