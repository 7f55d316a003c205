"""How a scene becomes prompts. The person's looks come from the identity, never from here."""

QUALITY_TERMS = "photorealistic, sharp focus, natural skin texture, looking at the camera, head and shoulders"
DEFAULT_LIGHTING = "soft key light, cinematic lighting"
DEFAULT_CAMERA = "locked-off camera at eye level"
DEFAULT_MOVEMENT = "relaxed posture, small natural gestures below the shoulders"

# Lipsync models follow a mouth best on a face that stays in place and does not already talk (sync.so's own advice:
# visible, natural, unhurried motion; PROVIDERS: lipsync-2 wants motion, not a frozen still).
LIPSYNC_TERMS = "very little head movement, natural blinking, mouth relaxed as in quiet speech, face unobstructed"
NEGATIVE_PROMPT = (
    "blur, distortion, low quality, extra fingers, deformed face, turning away, hand over mouth, "
    "fast camera movement, zoom, cut, text, watermark"
)

MAX_VIDEO_PROMPT = 2500  # characters; Kling's limit (PROVIDERS 1.10 and 4.2)
_SEPARATOR = ", "


def build_identity_prompt(
    *,
    trigger_word: str,
    subject: str,
    wardrobe: str,
    environment: str,
    prompt: str,
    lighting: str,
) -> str:
    """The picture's prompt: trigger word first, so that the LoRA's face leads; empty parts are left out."""
    light = _tidy(lighting) or DEFAULT_LIGHTING
    return _joined([trigger_word, subject, _worn(wardrobe), environment, prompt, QUALITY_TERMS, light])


def build_video_prompt(*, subject: str, environment: str, movement: str, camera: str) -> str:
    """The clip's prompt, tuned for lipsync: steady camera, little head movement, blinking. At most 2,500 characters.

    Where that is too long the description is cut and never the terms that the lipsync needs.
    """
    described = _joined(
        [
            _tidy(subject) or "a person",
            "talking to the camera",
            environment,
            _tidy(movement) or DEFAULT_MOVEMENT,
            _tidy(camera) or DEFAULT_CAMERA,
        ]
    )
    return _joined([described[: MAX_VIDEO_PROMPT - len(LIPSYNC_TERMS) - len(_SEPARATOR)], LIPSYNC_TERMS])


def _joined(parts: list[str]) -> str:
    return _SEPARATOR.join(part for part in map(_tidy, parts) if part)


def _worn(wardrobe: str) -> str:
    worn = _tidy(wardrobe)
    return f"wearing {worn}" if worn else ""


def _tidy(part: str) -> str:
    """One line without trailing punctuation: control characters and line breaks are what providers call bad prompts."""
    return " ".join("".join(c if c.isprintable() else " " for c in part).split()).rstrip(" ,.;")
