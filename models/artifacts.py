"""References to stored media: what passes between activities instead of bytes, paths or URLs."""

from models.base import Message


class ArtifactRef(Message):
    """One object in the object store.

    `size` is in bytes, `duration_s` in seconds (audio and video), `width` and `height` in pixels (pictures and video).
    """

    key: str
    media_type: str
    size: int
    sha256: str
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None


class Alignment(Message):
    """When each character is spoken: three lists of one length, times in seconds from the start of the audio."""

    characters: list[str]
    starts_s: list[float]
    ends_s: list[float]


class LoraReport(Message):
    """What one ranged GET says of a LoRA file: `size` in bytes, `fingerprint` of its content, never of its URL."""

    size: int
    fingerprint: str
    dialect: str
    tensors: int
