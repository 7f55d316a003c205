"""The studio's price table is used as the vendors describe."""

import pytest

from studio.prices import Charge, clip_charge, image_charge, kling_units_charge, lipsync_charge, speech_charge

KLING = "fal-ai/kling-video"


@pytest.mark.parametrize(
    ("charge", "units", "usd_micros"),
    [
        (image_charge("fal-ai/flux-lora", 1024, 576, 1), 1, 35_000),
        (image_charge("fal-ai/flux/dev", 1000, 1000, 4), 4, 100_000),
        (image_charge("fal-ai/flux/schnell", 1024, 1024, 1), 2, 6_000),
        (clip_charge(f"{KLING}/v2.1/standard/image-to-video", 10, sound=False, voice=False), 10, 560_000),
        (clip_charge(f"{KLING}/v2.6/pro/image-to-video", 5, sound=False, voice=False), 5, 350_000),
        (clip_charge(f"{KLING}/v2.6/pro/image-to-video", 5, sound=True, voice=False), 5, 700_000),
        (clip_charge(f"{KLING}/v2.6/pro/image-to-video", 5, sound=True, voice=True), 5, 840_000),
        (clip_charge(f"{KLING}/v1/standard/image-to-video", 5, sound=True, voice=False), 5, 225_000),
        (lipsync_charge("lipsync-2", 10.0), 250, 400_000),
        (lipsync_charge("lipsync-2", 10.01), 251, 401_600),
        (lipsync_charge("fal-ai/sync-lipsync", 60.0), 1500, 700_000),
        (speech_charge("eleven_multilingual_v2", 1_000), 1_000, 300_000),
        (speech_charge("eleven_flash_v2_5", 3), 2, 600),
        (kling_units_charge("kling-v2-6", "pro", 10, sound=True), 10, 1_400_000),
    ],
)
def test_a_price_follows_the_vendors_units(charge: Charge, units: float, usd_micros: int) -> None:
    """Whole megapixels, seconds, frames, credits and units, rounded up."""
    assert (charge.units, charge.usd_micros) == (units, usd_micros)
