"""The request body of Kling's image-to-video and the rules between its fields."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from studio.vendors.strict import Strict

ModelName = Literal[
    "kling-v1",
    "kling-v1-5",
    "kling-v1-6",
    "kling-v2-master",
    "kling-v2-1",
    "kling-v2-1-master",
    "kling-v2-5-turbo",
    "kling-v2-6",
    "kling-v3",
]
Prompt = Annotated[str, Field(max_length=2500)]


class Shot(Strict):
    """One of several shots."""

    index: int
    prompt: Annotated[str, Field(max_length=512)]
    duration: str


class Watermark(Strict):
    """Whether a watermarked copy is made as well."""

    enabled: bool = False


class ImageToVideo(Strict):
    """POST /v1/videos/image2video."""

    model_name: ModelName = "kling-v1"
    model: str | None = None  # an older name of model_name: read, and ignored without a word
    image: str | None = None
    image_tail: str | None = None
    prompt: Prompt | None = None
    negative_prompt: Prompt | None = None
    multi_shot: bool = False
    shot_type: str | None = None
    multi_prompt: Annotated[list[Shot], Field(max_length=6)] | None = None
    element_list: Annotated[list[dict[str, Any]], Field(max_length=3)] | None = None
    voice_list: Annotated[list[dict[str, Any]], Field(max_length=2)] | None = None
    sound: Literal["on", "off"] = "off"
    cfg_scale: Annotated[float, Field(ge=0, le=1)] | None = None
    mode: Literal["std", "pro"] = "std"
    duration: Literal["3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"] = "5"
    static_mask: str | None = None
    dynamic_masks: list[dict[str, Any]] | None = None
    camera_control: dict[str, Any] | None = None
    watermark_info: Watermark | None = None
    callback_url: str | None = None
    external_task_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None

    @model_validator(mode="after")
    def _fields_agree(self) -> "ImageToVideo":
        for broken, message in self._rules():
            if broken:
                raise ValueError(message)
        return self

    def _rules(self) -> list[tuple[bool, str]]:
        v2 = self.model_name.startswith("kling-v2")
        still = bool(self.static_mask or self.dynamic_masks or self.camera_control)
        return [
            (not self.image and not self.image_tail, "image and image_tail cannot both be empty"),
            (self.model_name != "kling-v3" and self.duration not in {"5", "10"}, "duration must be 5 or 10"),
            (v2 and self.cfg_scale is not None, "cfg_scale is not supported by this model"),
            (
                self.sound == "on" and self.model_name not in {"kling-v2-6", "kling-v3"},
                "sound is not supported by this model",
            ),
            (self.model_name == "kling-v2-6" and self.mode == "std" and self.sound == "on", "sound needs pro mode"),
            (
                self.model_name == "kling-v2-6" and self.mode == "std" and bool(self.image_tail),
                "image_tail needs pro mode",
            ),
            (bool(self.image_tail) and still, "image_tail excludes masks and camera control"),
            (bool(self.element_list) and bool(self.voice_list), "element_list excludes voice_list"),
            (bool(self.voice_list) and self.sound == "off", "voice_list needs sound on"),
            (self.multi_shot and self.model_name != "kling-v3", "multi_shot needs kling-v3"),
        ]
