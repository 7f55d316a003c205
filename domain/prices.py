"""The price table, in integer micro-dollars (1 USD = 1,000,000), and what a request is expected to cost.

Figures are the vendors' list prices as transcribed on PRICES_AS_OF; they drift, so the ledger keeps what was estimated
and, where a vendor tells, what was charged.
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

# ElevenLabs: $0.30 per 1,000 credits (Pro overage); a character costs one credit, or half on flash and turbo.
MICROS_PER_CREDIT = 300
CREDITS_PER_CHARACTER: dict[str, float] = {
    "eleven_v4": 1.0,
    "eleven_v3": 1.0,
    "eleven_multilingual_v2": 1.0,
    "eleven_flash_v2_5": 0.5,
    "eleven_turbo_v2_5": 0.5,
    "eleven_flash_v2": 0.5,
    "eleven_turbo_v2": 0.5,
}

# fal.ai: dollars per megapixel, rounded up to whole megapixels.
MICROS_PER_MEGAPIXEL: dict[str, int] = {
    "fal-ai/flux-lora": 35_000,
    "fal-ai/flux/dev": 25_000,
    "fal-ai/flux/schnell": 3_000,
}

# sync.so: dollars per second of output, the lower end of the published ranges, billed by the frame.
LIPSYNC_FPS = 25
MICROS_PER_LIPSYNC_SECOND: dict[str, int] = {
    "lipsync-1.9.0-beta": 20_000,
    "lipsync-2": 40_000,
    "lipsync-2-pro": 67_000,
    "sync-3": 107_000,
}

# Flux's preset sizes in pixels (PROVIDERS 1.10): landscape_16_9, portrait_16_9, square_hd.
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
    return video_model(provider, request.model).micros_per_second * request.seconds


def speech_cost(credit_count: int) -> int:
    """Micro-dollars for ElevenLabs credits, as its `character-cost` header counts them."""
    return credit_count * MICROS_PER_CREDIT


def lipsync_cost(model: str, output_s: float) -> int:
    """Micro-dollars for sync.so's output of so many seconds, billed by whole frames."""
    frames = ceil(round(output_s * LIPSYNC_FPS, 3))
    return round(frames / LIPSYNC_FPS * _price(MICROS_PER_LIPSYNC_SECOND, model))


def _price(table: dict[str, Price], model: str) -> Price:
    if model not in table:
        raise RejectedError("model", f"{model!r} has no price here", f"Use one of: {', '.join(table)}")
    return table[model]
