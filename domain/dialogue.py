"""What can be said of a dialogue before a single character of it is bought."""

import unicodedata

from domain.rejections import RejectedError

# Characters a request, by ElevenLabs model (PROVIDERS 2.7).
CHARACTER_LIMITS: dict[str, int] = {
    "eleven_v4": 10_000,
    "eleven_v3": 3_000,
    "eleven_multilingual_v2": 10_000,
    "eleven_flash_v2_5": 40_000,
    "eleven_turbo_v2_5": 40_000,
    "eleven_flash_v2": 30_000,
    "eleven_turbo_v2": 30_000,
}

# Nobody speaks faster: auctioneers reach about 400 words a minute, 6 characters a word with its space. A dialogue that
# is too long even at that rate cannot fit; the real length is measured from the audio.
FASTEST_CHARACTERS_PER_SECOND = 40.0


def check_dialogue(text: str, *, model: str, speed: float, max_speech_s: float) -> None:
    """Raises RejectedError for a dialogue that is empty, cannot be pronounced, or cannot fit the model or the limit."""
    if not text.strip():
        raise RejectedError("dialogue", "it is empty", "Write what the person says")
    if not any(unicodedata.category(character)[0] in "LN" for character in text):
        raise RejectedError("dialogue", "it has no letter or digit to pronounce", "Write words that can be spoken")
    limit = CHARACTER_LIMITS.get(model)
    if limit is None:
        known = ", ".join(CHARACTER_LIMITS)
        raise RejectedError("voice_model", f"{model!r} is not a speech model known here", f"Use one of: {known}")
    if len(text) > limit:
        raise RejectedError("dialogue", f"{len(text)} characters; {model} takes {limit}", "Shorten or split the scene")
    least_s = len(text) / (FASTEST_CHARACTERS_PER_SECOND * speed)
    if least_s > max_speech_s:
        raise RejectedError(
            "dialogue",
            f"{len(text)} characters take at least {least_s:.0f} s to say and the limit is {max_speech_s:g} s",
            "Split the scene, or raise DEVATAR_MAX_SPEECH_SECONDS (at most 300)",
        )
