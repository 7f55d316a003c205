"""The studio's own price table, in micro-dollars, and the arithmetic of a bill line.

Figures are the vendors' published ones as read in autumn 2026. Where none was published for a model, the entry says so.
"""

import math
from dataclasses import dataclass

PIXELS_PER_MEGAPIXEL = 1_000_000
FRAMES_PER_SECOND = 25

FLUX_USD_MICROS_PER_MEGAPIXEL = {
    "fal-ai/flux-lora": 35_000,
    "fal-ai/flux/dev": 25_000,
    "fal-ai/flux/schnell": 3_000,
}


@dataclass(frozen=True)
class ClipPrice:
    """Price of a video model a second: silent, with sound, with voice control; the first five seconds may cost more."""

    silent: int
    sound: int | None = None
    voice: int | None = None
    first_five_s: int | None = None


KLING = "fal-ai/kling-video"
KLING_USD_MICROS_PER_S = {
    f"{KLING}/v1/standard/image-to-video": ClipPrice(45_000),
    f"{KLING}/v2.1/standard/image-to-video": ClipPrice(56_000, first_five_s=280_000),
    f"{KLING}/v2.5-turbo/standard/image-to-video": ClipPrice(42_000, first_five_s=210_000),
    f"{KLING}/v2.5-turbo/pro/image-to-video": ClipPrice(70_000),  # not published where we read: assumed as v2.6 silent
    f"{KLING}/v2.6/pro/image-to-video": ClipPrice(70_000, 140_000, 168_000),
    f"{KLING}/v3/standard/image-to-video": ClipPrice(84_000, 126_000, 147_000),  # not published: 3/4 of pro, assumed
    f"{KLING}/v3/pro/image-to-video": ClipPrice(112_000, 168_000, 196_000),
    f"{KLING}/v3/turbo/standard/image-to-video": ClipPrice(112_000),
    f"{KLING}/v3/turbo/pro/image-to-video": ClipPrice(140_000),
    f"{KLING}/v3/4k/image-to-video": ClipPrice(420_000),
    f"{KLING}/o3/standard/image-to-video": ClipPrice(84_000, 126_000),  # not published: as v3 standard, assumed
    f"{KLING}/o3/pro/image-to-video": ClipPrice(112_000, 168_000),  # not published: as v3 pro, assumed
    f"{KLING}/o3/4k/image-to-video": ClipPrice(420_000),
    f"{KLING}/v4/image-to-video": ClipPrice(157_000),
}

# fal quotes a minute of output; the direct API quotes a second at 25 frames a second.
LIPSYNC_USD_MICROS_PER_S = {
    "fal-ai/sync-lipsync": 700_000 / 60,
    "fal-ai/sync-lipsync/v2": 3_000_000 / 60,
    "fal-ai/sync-lipsync/v2#lipsync-2-pro": 5_000_000 / 60,
    "fal-ai/sync-lipsync/v2/pro": 5_000_000 / 60,
    "fal-ai/sync-lipsync/v3": 8_000_000 / 60,
    "lipsync-1.9.0-beta": 20_000,
    "lipsync-2": 40_000,
    "lipsync-2-pro": 67_000,
    "react-1": 67_000,  # not published where we read: assumed as lipsync-2-pro
    "sync-3": 107_000,
}

USD_MICROS_PER_CREDIT = 300  # ElevenLabs: about $0.30 per 1,000 credits
CREDITS_PER_CHARACTER = {
    "eleven_v4": 1.0,
    "eleven_v4_turbo": 0.5,
    "eleven_v3": 1.0,
    "eleven_multilingual_v2": 1.0,
    "eleven_flash_v2_5": 0.5,
    "eleven_turbo_v2_5": 0.5,
    "eleven_flash_v2": 0.5,
    "eleven_turbo_v2": 0.5,
}

# Kling's own API deducts units from a resource pack.
# Neither the units nor $0.14 a unit were published where we read: assumed.
KLING_USD_MICROS_PER_UNIT = 140_000
KLING_UNITS_PER_5S = {
    ("kling-v1", "std"): 1.0,
    ("kling-v1", "pro"): 3.5,
    ("kling-v1-5", "std"): 2.0,
    ("kling-v1-5", "pro"): 3.5,
    ("kling-v1-6", "std"): 2.0,
    ("kling-v1-6", "pro"): 3.5,
    ("kling-v2-master", "std"): 10.0,
    ("kling-v2-master", "pro"): 10.0,
    ("kling-v2-1", "std"): 2.0,
    ("kling-v2-1", "pro"): 3.5,
    ("kling-v2-1-master", "std"): 10.0,
    ("kling-v2-1-master", "pro"): 10.0,
    ("kling-v2-5-turbo", "std"): 1.5,
    ("kling-v2-5-turbo", "pro"): 2.5,
    ("kling-v2-6", "std"): 1.5,
    ("kling-v2-6", "pro"): 2.5,
    ("kling-v3", "std"): 3.0,
    ("kling-v3", "pro"): 4.0,
}


@dataclass(frozen=True)
class Charge:
    """What one job costs: so many units of something, and the price of them all in micro-dollars."""

    units: float
    unit: str
    usd_micros: int


def image_charge(model: str, width: int, height: int, count: int) -> Charge:
    """Whole megapixels of each picture, rounded up."""
    megapixels = math.ceil(width * height / PIXELS_PER_MEGAPIXEL) * count
    return Charge(megapixels, "megapixel", megapixels * FLUX_USD_MICROS_PER_MEGAPIXEL[model])


def clip_charge(model: str, seconds: int, *, sound: bool, voice: bool) -> Charge:
    """Seconds of video at the silent, sound or voice price; some models charge a block for the first five seconds."""
    price = KLING_USD_MICROS_PER_S[model]
    per_s = price.silent
    if sound and price.sound is not None:
        per_s = price.voice if voice and price.voice is not None else price.sound
    if price.first_five_s is None:
        return Charge(seconds, "second", seconds * per_s)
    return Charge(seconds, "second", price.first_five_s + max(0, seconds - 5) * per_s)


def lipsync_charge(model: str, seconds: float) -> Charge:
    """Whole frames of output at 25 frames a second."""
    frames = math.ceil(round(seconds * FRAMES_PER_SECOND, 3))
    return Charge(frames, "frame", round(frames / FRAMES_PER_SECOND * LIPSYNC_USD_MICROS_PER_S[model]))


def speech_charge(model: str, characters: int) -> Charge:
    """Credits for the characters of a text, rounded up."""
    credits_used = math.ceil(characters * CREDITS_PER_CHARACTER[model])
    return Charge(credits_used, "credit", credits_used * USD_MICROS_PER_CREDIT)


def kling_units_charge(model: str, mode: str, seconds: int, *, sound: bool) -> Charge:
    """Resource-pack units of Kling's own API; sound doubles them."""
    units = KLING_UNITS_PER_5S[(model, mode)] * seconds / 5 * (2 if sound else 1)
    return Charge(units, "unit", round(units * KLING_USD_MICROS_PER_UNIT))
