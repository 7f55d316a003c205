"""The price table, in integer micro-dollars (1 USD = 1,000,000), and what requests and vendors' units cost by it.

Every figure that Devatar reckons with stands here, with its source and the day it was read; PRICES_AS_OF is the oldest
of those days. List prices drift, so the ledger keeps what was estimated and, where a vendor tells, what was charged.
"""

from datetime import date
from math import ceil
from typing import TypeVar

from domain.rejections import RejectedError
from domain.video_models import video_model
from models.enums import AspectRatio, Provider
from models.requests import ImageRequest, LipsyncRequest, PaidRequest, SpeechRequest

Price = TypeVar("Price", int, float)

PRICES_AS_OF = date(2026, 11, 22)

# ElevenLabs, a credit: $0.30 per 1,000 (overage of the Pro plan). Source: elevenlabs.io/pricing through a
# transcription, 2026-11-22.
MICROS_PER_CREDIT = 300

# ElevenLabs, credits for a character of text; a request's sum is rounded up. Source: elevenlabs.io/docs/models,
# 2026-11-22.
CREDITS_PER_CHARACTER: dict[str, float] = {
    "eleven_v4": 1.0,
    "eleven_v3": 1.0,
    "eleven_multilingual_v2": 1.0,
    "eleven_flash_v2_5": 0.5,
    "eleven_turbo_v2_5": 0.5,
    "eleven_flash_v2": 0.5,
    "eleven_turbo_v2": 0.5,
}

# fal.ai, a megapixel of picture, rounded up to whole ones; also its billable unit for these models. Source: the pages
# fal.ai/models/MODEL, 2026-11-22.
MICROS_PER_MEGAPIXEL: dict[str, int] = {
    "fal-ai/flux-lora": 35_000,
    "fal-ai/flux/dev": 25_000,
    "fal-ai/flux/schnell": 3_000,
}

# Kling, a second of clip without sound. Source: the pages fal.ai/models/MODEL, 2026-11-22; there it is the billable
# unit too. v3 pro has been seen at double the price. Not published where we read, so assumed: v2.5-turbo pro (as v2.6),
# v3 standard (three quarters of pro), and the prices of Kling's own API in mode `pro` (as on fal).
MICROS_PER_VIDEO_SECOND: dict[tuple[Provider, str], int] = {
    (Provider.FAL, "fal-ai/kling-video/v1/standard/image-to-video"): 45_000,
    (Provider.FAL, "fal-ai/kling-video/v2.1/standard/image-to-video"): 56_000,
    (Provider.FAL, "fal-ai/kling-video/v2.5-turbo/standard/image-to-video"): 42_000,
    (Provider.FAL, "fal-ai/kling-video/v2.5-turbo/pro/image-to-video"): 70_000,
    (Provider.FAL, "fal-ai/kling-video/v2.6/pro/image-to-video"): 70_000,
    (Provider.FAL, "fal-ai/kling-video/v3/standard/image-to-video"): 84_000,
    (Provider.FAL, "fal-ai/kling-video/v3/pro/image-to-video"): 112_000,
    (Provider.KLING, "kling-v2-6"): 70_000,
    (Provider.KLING, "kling-v3"): 112_000,
}

# Kling's own API, a unit of a resource pack, in which it states its charges: $0.14. Assumed: the vendor's price list
# could not be read, 2026-11-22.
MICROS_PER_KLING_UNIT = 140_000

# sync.so, a second of output, billed by the frame: the lower end of the published ranges. Source: sync.so/pricing
# through a transcription, 2026-11-22.
LIPSYNC_FPS = 25
MICROS_PER_LIPSYNC_SECOND: dict[str, int] = {
    "lipsync-1.9.0-beta": 20_000,
    "lipsync-2": 40_000,
    "lipsync-2-pro": 67_000,
    "sync-3": 107_000,
}

# Flux's preset sizes in pixels: landscape_16_9, portrait_16_9, square_hd. Source: fal.ai/models/fal-ai/flux-lora/api.
PICTURE_SIZE: dict[AspectRatio, tuple[int, int]] = {
    AspectRatio.LANDSCAPE: (1024, 576),
    AspectRatio.PORTRAIT: (576, 1024),
    AspectRatio.SQUARE: (1024, 1024),
}


def estimate_cost(provider: Provider, request: PaidRequest) -> int:
    """Micro-dollars that the request is expected to cost. Raises RejectedError for a model without a price."""
    if isinstance(request, SpeechRequest):
        return speech_cost(ceil(len(request.text) * _price(CREDITS_PER_CHARACTER, request.model)))
    if isinstance(request, ImageRequest):
        width, height = PICTURE_SIZE[request.aspect_ratio]
        return _price(MICROS_PER_MEGAPIXEL, request.model) * ceil(width * height / 1_000_000)
    if isinstance(request, LipsyncRequest):
        return lipsync_cost(request.model, request.audio.duration_s or 0.0)
    video_model(provider, request.model)  # names the setting to change when there is no such model
    return MICROS_PER_VIDEO_SECOND[provider, request.model] * request.seconds


def speech_cost(credit_count: int) -> int:
    """Micro-dollars for ElevenLabs credits, as its `character-cost` header counts them."""
    return credit_count * MICROS_PER_CREDIT


def fal_cost(model: str, billable_units: float) -> int | None:
    """Micro-dollars for fal's `x-fal-billable-units`, stated in the unit that the model is priced in.

    None for a model without a price here.
    """
    price = MICROS_PER_MEGAPIXEL.get(model) or MICROS_PER_VIDEO_SECOND.get((Provider.FAL, model))
    return None if price is None else round(billable_units * price)


def kling_cost(units: float) -> int:
    """Micro-dollars for the units that Kling's own API says it deducted."""
    return round(units * MICROS_PER_KLING_UNIT)


def lipsync_cost(model: str, output_s: float) -> int:
    """Micro-dollars for sync.so's output of so many seconds, billed by whole frames."""
    frames = ceil(round(output_s * LIPSYNC_FPS, 3))
    return round(frames / LIPSYNC_FPS * _price(MICROS_PER_LIPSYNC_SECOND, model))


def _price(table: dict[str, Price], model: str) -> Price:
    if model not in table:
        raise RejectedError("model", f"{model!r} has no price here", f"Use one of: {', '.join(table)}")
    return table[model]
