"""What a file must be to serve as an asset of each kind."""

from domain.rejections import RejectedError, TooLargeError
from models.enums import AssetKind

PICTURES = ("image/png", "image/jpeg", "image/webp")
SOUNDS = ("audio/mpeg", "audio/wav")
SAFETENSORS = "application/x-safetensors"

MEDIA_TYPES: dict[AssetKind, tuple[str, ...]] = {
    AssetKind.HEADSHOT: PICTURES,
    AssetKind.SCENE_IMAGE: PICTURES,
    AssetKind.BACKGROUND: PICTURES,
    AssetKind.VOICE_SAMPLE: SOUNDS,
    AssetKind.LORA_MODEL: (SAFETENSORS,),
}

MEBIBYTE = 1024 * 1024
MAX_BYTES: dict[AssetKind, int] = {
    AssetKind.HEADSHOT: 50 * MEBIBYTE,  # the most that any Kling version takes (PROVIDERS 1.10)
    AssetKind.SCENE_IMAGE: 50 * MEBIBYTE,
    AssetKind.BACKGROUND: 50 * MEBIBYTE,
    AssetKind.VOICE_SAMPLE: 50 * MEBIBYTE,
    AssetKind.LORA_MODEL: 1024 * MEBIBYTE,  # a rank 64 Flux LoRA of all layers takes about 700 MB
}
_WANTED: dict[tuple[str, ...], str] = {
    PICTURES: "PNG, JPEG or WebP picture",
    SOUNDS: "MP3 or WAV recording",
    (SAFETENSORS,): "LoRA file",
}


def check_size(kind: AssetKind, size: int, max_bytes: int | None = None) -> None:
    """Raises TooLargeError above the kind's limit or the caller's lower one."""
    limit = min(MAX_BYTES[kind], max_bytes or MAX_BYTES[kind])
    if size > limit:
        raise TooLargeError("file", f"{size:,} bytes; a {kind} may have {limit:,}", "Give a smaller file")


def check_owner(kind: AssetKind, identity: str | None) -> None:
    """Raises RejectedError for anything but a headshot that is to belong to an identity."""
    if identity is not None and kind is not AssetKind.HEADSHOT:
        raise RejectedError("identity", f"a {kind} shows nobody's face", "Give a HEADSHOT, or name no identity")


def check_type(kind: AssetKind, media_type: str | None) -> None:
    """Raises RejectedError for a file, its type sniffed from its content, that is not of the kind."""
    wanted = _WANTED[MEDIA_TYPES[kind]]
    if media_type not in MEDIA_TYPES[kind]:
        raise RejectedError("file", f"it is no {wanted}", f"Give one: a {kind} needs it")
