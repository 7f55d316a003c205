"""What each video model can do, as far as planning needs it. Source: fal's model pages and Kling's API reference."""

from dataclasses import dataclass

from domain.rejections import RejectedError
from models.enums import Provider


@dataclass(frozen=True)
class VideoModel:
    """`durations` are the clip lengths on sale, in whole seconds; what they cost is in `domain.prices`."""

    durations: tuple[int, ...]
    takes_end_frame: bool


_FIVE_OR_TEN = (5, 10)
_THREE_TO_FIFTEEN = tuple(range(3, 16))
_FAL = "fal-ai/kling-video"

VIDEO_MODELS: dict[tuple[Provider, str], VideoModel] = {
    (Provider.FAL, f"{_FAL}/v1/standard/image-to-video"): VideoModel(_FIVE_OR_TEN, True),
    (Provider.FAL, f"{_FAL}/v2.1/standard/image-to-video"): VideoModel(_FIVE_OR_TEN, False),
    (Provider.FAL, f"{_FAL}/v2.5-turbo/standard/image-to-video"): VideoModel(_FIVE_OR_TEN, False),
    (Provider.FAL, f"{_FAL}/v2.5-turbo/pro/image-to-video"): VideoModel(_FIVE_OR_TEN, True),
    (Provider.FAL, f"{_FAL}/v2.6/pro/image-to-video"): VideoModel(_FIVE_OR_TEN, True),
    (Provider.FAL, f"{_FAL}/v3/standard/image-to-video"): VideoModel(_THREE_TO_FIFTEEN, True),
    (Provider.FAL, f"{_FAL}/v3/pro/image-to-video"): VideoModel(_THREE_TO_FIFTEEN, True),
    (Provider.KLING, "kling-v2-6"): VideoModel(_FIVE_OR_TEN, True),
    (Provider.KLING, "kling-v3"): VideoModel(_THREE_TO_FIFTEEN, True),
}


def video_model(provider: Provider, model: str) -> VideoModel:
    """Look the model up. Raises RejectedError naming the setting and the models that are known."""
    found = VIDEO_MODELS.get((provider, model))
    if found is None:
        known = ", ".join(name for owner, name in VIDEO_MODELS if owner is provider)
        raise RejectedError("DEVATAR_VIDEO_MODEL", f"{model!r} is not a video model known here", f"Use one of: {known}")
    return found
