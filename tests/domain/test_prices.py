"""What requests are expected to cost, and that the studio bills the same."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.prices import (
    CREDITS_PER_CHARACTER,
    MICROS_PER_KLING_UNIT,
    MICROS_PER_LIPSYNC_SECOND,
    MICROS_PER_MEGAPIXEL,
    MICROS_PER_VIDEO_SECOND,
    PICTURE_SIZE,
    estimate_cost,
    fal_cost,
    kling_cost,
    speech_cost,
)
from domain.rejections import RejectedError
from domain.video_models import VIDEO_MODELS, video_model
from models.artifacts import ArtifactRef
from models.enums import AspectRatio, Provider, SyncMode
from models.requests import ImageRequest, LipsyncRequest, PaidRequest, SpeechRequest, VideoRequest, Voice
from studio.prices import clip_charge, image_charge, kling_units_charge, lipsync_charge, speech_charge


def artifact(duration_s: float | None = None) -> ArtifactRef:
    return ArtifactRef(key="k", media_type="audio/mpeg", size=1, sha256="a" * 64, duration_s=duration_s)


def speech(model: str, text: str) -> SpeechRequest:
    voice = Voice(voice_id="v", model=model, stability=0.5, similarity=0.8, style=0.2, speaker_boost=True)
    return SpeechRequest(text=text, voice=voice)


def image(model: str, ratio: AspectRatio = AspectRatio.LANDSCAPE) -> ImageRequest:
    return ImageRequest(model=model, prompt="p", aspect_ratio=ratio, steps=28, guidance=3.5)


def video(model: str, seconds: int = 5) -> VideoRequest:
    fields: dict[str, Any] = {"prompt": "p", "negative_prompt": "n", "aspect_ratio": AspectRatio.LANDSCAPE}
    return VideoRequest(model=model, start_image=artifact(), end_image=None, seconds=seconds, **fields)


def lipsync(model: str, duration_s: float | None) -> LipsyncRequest:
    return LipsyncRequest(model=model, video=artifact(), audio=artifact(duration_s), sync_mode=SyncMode.LOOP)


@pytest.mark.parametrize(
    ("provider", "request_", "micros"),
    [
        (Provider.ELEVENLABS, speech("eleven_multilingual_v2", "x" * 1000), 300_000),
        (Provider.ELEVENLABS, speech("eleven_turbo_v2_5", "x" * 1000), 150_000),
        (Provider.ELEVENLABS, speech("eleven_turbo_v2_5", "x"), 300),  # half a credit is a whole one
        (Provider.FAL, image("fal-ai/flux-lora"), 35_000),  # 1024x576 is 0.6 megapixels, billed as one
        (Provider.FAL, image("fal-ai/flux-lora", AspectRatio.SQUARE), 70_000),  # 1024x1024 is 1.05, billed as two
        (Provider.FAL, image("fal-ai/flux/schnell", AspectRatio.PORTRAIT), 3_000),
        (Provider.FAL, video("fal-ai/kling-video/v2.6/pro/image-to-video", 10), 700_000),
        (Provider.KLING, video("kling-v3", 15), 1_680_000),
        (Provider.SYNC, lipsync("lipsync-2", 10.0), 400_000),
        (Provider.SYNC, lipsync("lipsync-2", 10.01), 401_600),  # a frame that is begun is billed
        (Provider.SYNC, lipsync("lipsync-2", None), 0),
    ],
    ids=lambda value: getattr(value, "model", None),
)
def test_estimates(provider: Provider, request_: PaidRequest, micros: int) -> None:
    """List prices in whole micro-dollars, rounded up the way each vendor does."""
    cost = estimate_cost(provider, request_)
    assert isinstance(cost, int)
    assert cost == micros


@pytest.mark.parametrize("model", CREDITS_PER_CHARACTER)
@given(length=st.integers(1, 40_000))
def test_speech_as_billed(model: str, length: int) -> None:
    """The studio bills the same for speech."""
    assert estimate_cost(Provider.ELEVENLABS, speech(model, "é" * length)) == speech_charge(model, length).usd_micros


@pytest.mark.parametrize("model", MICROS_PER_MEGAPIXEL)
@pytest.mark.parametrize("ratio", AspectRatio)
def test_images_as_billed(model: str, ratio: AspectRatio) -> None:
    """The studio bills the same for pictures, and its billable units come to the same."""
    charge = image_charge(model, *PICTURE_SIZE[ratio], 1)
    assert estimate_cost(Provider.FAL, image(model, ratio)) == charge.usd_micros
    assert fal_cost(model, charge.units) == charge.usd_micros


@pytest.mark.parametrize(("provider", "model"), VIDEO_MODELS)
def test_clips_as_billed(provider: Provider, model: str) -> None:
    """The studio bills the same for silent clips of each length on sale, and its units come to the same."""
    for seconds in video_model(provider, model).durations:
        if provider is Provider.KLING:
            charge = kling_units_charge(model, "pro", seconds, sound=False)
        else:
            charge = clip_charge(model, seconds, sound=False, voice=False)
        assert estimate_cost(provider, video(model, seconds)) == charge.usd_micros
        told = kling_cost(charge.units) if provider is Provider.KLING else fal_cost(model, charge.units)
        assert told == charge.usd_micros


def test_every_video_model_has_a_price() -> None:
    """What can be planned can be paid, and no price is left over."""
    assert MICROS_PER_VIDEO_SECOND.keys() == VIDEO_MODELS.keys()


@pytest.mark.parametrize("model", MICROS_PER_LIPSYNC_SECOND)
@given(duration_s=st.floats(0.04, 300))
def test_lipsync_as_billed(model: str, duration_s: float) -> None:
    """The studio bills the same for lipsync."""
    assert estimate_cost(Provider.SYNC, lipsync(model, duration_s)) == lipsync_charge(model, duration_s).usd_micros


@pytest.mark.parametrize(
    ("provider", "request_", "known"),
    [
        (Provider.ELEVENLABS, speech("eleven_v99", "x"), "eleven_turbo_v2_5"),
        (Provider.FAL, image("fal-ai/flux-9"), "fal-ai/flux-lora"),
        (Provider.FAL, video("kling-v3"), "fal-ai/kling-video"),  # a model of another provider
        (Provider.SYNC, lipsync("lipsync-9", 1.0), "lipsync-2"),
    ],
    ids=lambda value: getattr(value, "model", None),
)
def test_unknown_models(provider: Provider, request_: PaidRequest, known: str) -> None:
    """A model without a price is refused, with those that have one."""
    with pytest.raises(RejectedError, match=known):
        estimate_cost(provider, request_)


def test_speech_cost() -> None:
    """Credits as the vendor counts them become micro-dollars; none is nothing."""
    assert (speech_cost(0), speech_cost(1), speech_cost(1000)) == (0, 300, 300_000)


def test_units_that_a_vendor_states() -> None:
    """Parts of units are billed to the nearest micro-dollar; a model without a price has no cost."""
    assert fal_cost("fal-ai/flux/schnell", 0.58985) == 1_770
    assert (fal_cost("fal-ai/flux-lora", 0.0), fal_cost("fal-ai/flux-9", 1.0)) == (0, None)
    assert (kling_cost(0), kling_cost(2.5)) == (0, round(2.5 * MICROS_PER_KLING_UNIT))
