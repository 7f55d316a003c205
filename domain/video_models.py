"""What each video model can do, as far as planning needs it (PROVIDERS 1.10 and 4.2)."""

from dataclasses import dataclass

from domain.rejections import RejectedError
from models.enums import Provider


@dataclass(frozen=True)
class VideoModel:
    """`durations` are the clip lengths on sale, in whole seconds; `micros_per_second` the price without sound."""

    durations: tuple[int, ...]
    takes_end_frame: bool
    micros_per_second: int


_FIVE_OR_TEN = (5, 10)
_THREE_TO_FIFTEEN = tuple(range(3, 16))
_FAL = "fal-ai/kling-video"

VIDEO_MODELS: dict[tuple[Provider, str], VideoModel] = {
    (Provider.FAL, f"{_FAL}/v1/standard/image-to-video"): VideoModel(_FIVE_OR_TEN, True, 45_000),
    (Provider.FAL, f"{_FAL}/v2.1/standard/image-to-video"): VideoModel(_FIVE_OR_TEN, False, 56_000),
    (Provider.FAL, f"{_FAL}/v2.5-turbo/standard/image-to-video"): VideoModel(_FIVE_OR_TEN, False, 42_000),
    (Provider.FAL, f"{_FAL}/v2.5-turbo/pro/image-to-video"): VideoModel(_FIVE_OR_TEN, True, 70_000),
    (Provider.FAL, f"{_FAL}/v2.6/pro/image-to-video"): VideoModel(_FIVE_OR_TEN, True, 70_000),
    (Provider.FAL, f"{_FAL}/v3/standard/image-to-video"): VideoModel(_THREE_TO_FIFTEEN, True, 84_000),
    (Provider.FAL, f"{_FAL}/v3/pro/image-to-video"): VideoModel(_THREE_TO_FIFTEEN, True, 112_000),
    (Provider.KLING, "kling-v2-6"): VideoModel(_FIVE_OR_TEN, True, 70_000),
    (Provider.KLING, "kling-v3"): VideoModel(_THREE_TO_FIFTEEN, True, 112_000),
}


def video_model(provider: Provider, model: str) -> VideoModel:
    """Look the model up. Raises RejectedError naming the setting and the models that are known."""
    found = VIDEO_MODELS.get((provider, model))
    if found is None:
        known = ", ".join(name for owner, name in VIDEO_MODELS if owner is provider)
        raise RejectedError("DEVATAR_VIDEO_MODEL", f"{model!r} is not a video model known here", f"Use one of: {known}")
    return found
