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
    parts = [trigger_word, subject, _worn(wardrobe), environment, prompt, QUALITY_TERMS, lighting or DEFAULT_LIGHTING]
    return ", ".join(part for part in map(_tidy, parts) if part)


def build_video_prompt(*, subject: str, environment: str, movement: str, camera: str) -> str:
    """The clip's prompt, tuned for lipsync: steady camera, little head movement, blinking. At most 2,500 characters."""
    parts = [
        subject or "a person",
        "talking to the camera",
        environment,
        movement or DEFAULT_MOVEMENT,
        camera or DEFAULT_CAMERA,
        LIPSYNC_TERMS,
    ]
    return ", ".join(part for part in map(_tidy, parts) if part)[:MAX_VIDEO_PROMPT]


def _worn(wardrobe: str) -> str:
    return f"wearing {wardrobe}" if wardrobe.strip() else ""


def _tidy(part: str) -> str:
    """One line without trailing punctuation: control characters and line breaks are what providers call bad prompts."""
    return " ".join("".join(c if c.isprintable() else " " for c in part).split()).rstrip(" ,.;")
