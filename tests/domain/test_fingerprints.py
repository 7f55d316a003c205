"""Fingerprints: pinned, since stored results are found by them, and sensitive to exactly what matters."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import pytest

from domain.fingerprints import fingerprint
from models.artifacts import ArtifactRef
from models.base import Message
from models.enums import AspectRatio, Provider, SyncMode
from models.requests import ImageRequest, LipsyncRequest, Lora, PaidRequest, SpeechRequest, VideoRequest, Voice

PICTURE = ArtifactRef(key="artifacts/a.png", media_type="image/png", size=10, sha256="a" * 64, width=1024, height=576)
CLIP = ArtifactRef(key="artifacts/b.mp4", media_type="video/mp4", size=20, sha256="b" * 64, duration_s=5.0)
SOUND = ArtifactRef(key="artifacts/c.mp3", media_type="audio/mpeg", size=30, sha256="c" * 64, duration_s=4.2)

SPEECH = SpeechRequest(
    text="Hello, Zoë.",
    voice=Voice(voice_id="v1", model="eleven_turbo_v2_5", stability=0.5, similarity=0.8, style=0.2, speaker_boost=True),
)
IMAGE = ImageRequest(
    model="fal-ai/flux-lora",
    prompt="TOK_DEVEN, a man",
    aspect_ratio=AspectRatio.LANDSCAPE,
    steps=28,
    guidance=3.5,
    seed=7,
    lora=Lora(scale=0.95, fingerprint="f" * 64, url="https://example.com/lora?signature=1"),
)
VIDEO = VideoRequest(
    model="kling-v3",
    prompt="a man talks",
    negative_prompt="blur",
    aspect_ratio=AspectRatio.LANDSCAPE,
    start_image=PICTURE,
    end_image=PICTURE,
    seconds=5,
)
LIPSYNC = LipsyncRequest(model="lipsync-2", video=CLIP, audio=SOUND, sync_mode=SyncMode.LOOP)

GOLDEN: list[tuple[Provider, PaidRequest, str]] = [
    (Provider.ELEVENLABS, SPEECH, "bfb0bff05648048d5d77428abda21ea3f636bdb109b32a6844e57d612c060374"),
    (Provider.FAL, IMAGE, "c618348e0117fb29c13658e775dcc95cf6274c1558aec64c395f3c9e5bc38bb4"),
    (Provider.KLING, VIDEO, "2d5bdc85ee4efe3b985aad8d0b29468fea0ceeb1bd2c4e8fd10cc746bd6bc5f5"),
    (Provider.SYNC, LIPSYNC, "fad2ab7530e7eabdc910110102f9164e1a4f0af187ba596e69a2c48ee291b413"),
]
REQUESTS: list[PaidRequest] = [SPEECH, IMAGE, VIDEO, LIPSYNC]
IRRELEVANT = {"url", "key", "media_type", "size", "duration_s", "width", "height"}


@pytest.mark.parametrize(("provider", "request_", "pinned"), GOLDEN, ids=["speech", "image", "video", "lipsync"])
def test_pinned(provider: Provider, request_: PaidRequest, pinned: str) -> None:
    """A fingerprint never changes from one version to the next: stored results would be bought again."""
    assert fingerprint(provider, request_) == pinned


def changed(value: Any) -> Any:
    """Some other value of the same kind."""
    if isinstance(value, StrEnum):
        return next(other for other in type(value) if other is not value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return 1 if value is None else f"{value}x"


def variants(message: Message, path: str = "") -> Iterator[tuple[str, Any]]:
    """Copies of a message, each with one field changed, at any depth, with the path of that field."""
    for name in type(message).model_fields:
        value: Any = getattr(message, name)
        if isinstance(value, Message):
            inner: list[tuple[str, Any]] = list(variants(value, f"{path}{name}."))
        else:
            inner = [(f"{path}{name}", changed(value))]
        for field, replacement in inner:
            yield field, message.model_copy(update={name: replacement})


ONE_FIELD_CHANGED = [
    pytest.param(original, other, field.split(".")[-1] not in IRRELEVANT, id=f"{type(original).__name__}.{field}")
    for original in REQUESTS
    for field, other in variants(original)
]


@pytest.mark.parametrize(("original", "other", "matters"), ONE_FIELD_CHANGED)
def test_each_field(original: PaidRequest, other: PaidRequest, matters: bool) -> None:
    """Every field counts, but for where a LoRA or an artifact stands and what follows from an artifact's content."""
    before, after = fingerprint(Provider.FAL, original), fingerprint(Provider.FAL, other)
    assert (before != after) is matters


def test_zero_is_a_value() -> None:
    """0 and unset are different requests."""
    seeds = [IMAGE.model_copy(update={"seed": seed}) for seed in (None, 0, 1)]
    assert len({fingerprint(Provider.FAL, request) for request in seeds}) == 3
    without_lora = IMAGE.model_copy(update={"lora": None})
    scaled_to_nothing = IMAGE.model_copy(update={"lora": Lora(scale=0.0, fingerprint="f" * 64)})
    assert fingerprint(Provider.FAL, without_lora) != fingerprint(Provider.FAL, scaled_to_nothing)


def test_provider_and_end_frame_matter() -> None:
    """The same words to another provider, and a clip without an end frame, are other purchases."""
    assert fingerprint(Provider.FAL, VIDEO) != fingerprint(Provider.KLING, VIDEO)
    assert fingerprint(Provider.FAL, VIDEO) != fingerprint(Provider.FAL, VIDEO.model_copy(update={"end_image": None}))


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
def test_survives_json(request_: PaidRequest) -> None:
    """A request that has been through workflow history or the database keeps its fingerprint."""
    restored = type(request_).model_validate_json(request_.model_dump_json())
    assert fingerprint(Provider.FAL, restored) == fingerprint(Provider.FAL, request_)
