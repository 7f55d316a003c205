"""The model inputs that fal knows here, field by field, with ranges, and what each job costs at submission."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from studio.prices import KLING, Charge, clip_charge, image_charge
from studio.vendors.strict import Strict

PRESETS = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
NEGATIVE_PROMPT = "blur, distort, and low quality"

Preset = Literal["square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"]
Side = Annotated[int, Field(ge=256, le=2048)]
Prompt = Annotated[str, Field(max_length=2500)]
CfgScale = Annotated[float, Field(ge=0, le=1)]
Fixed = Literal["5", "10"]
Free = Literal["3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"]
SyncMode = Literal["cut_off", "loop", "bounce", "silence", "remap"]


class ImageSize(Strict):
    """Width and height in pixels."""

    width: Side = 512
    height: Side = 512


class Lora(Strict):
    """One LoRA to merge; scale 0 to 4."""

    path: Annotated[str, Field(min_length=1)]
    scale: Annotated[float, Field(ge=0, le=4)] = 1.0
    force: bool = False


class FluxInput(Strict):
    """Fields that all FLUX endpoints share."""

    prompt: Annotated[str, Field(min_length=1)]
    image_size: Preset | ImageSize = "landscape_4_3"
    num_images: Annotated[int, Field(ge=1, le=4)] = 1
    seed: Annotated[int, Field(ge=0, lt=2**64)] | None = None
    enable_safety_checker: bool = True
    output_format: Literal["jpeg", "png"] = "jpeg"
    sync_mode: bool = False

    def pixels(self) -> tuple[int, int]:
        """Width and height asked for."""
        return PRESETS[self.image_size] if isinstance(self.image_size, str) else self._own_size(self.image_size)

    @staticmethod
    def _own_size(size: ImageSize) -> tuple[int, int]:
        return size.width, size.height


class FluxLoraInput(FluxInput):
    """fal-ai/flux-lora."""

    loras: list[Lora] = Field(default_factory=list[Lora])
    num_inference_steps: Annotated[int, Field(ge=1, le=50)] = 28
    guidance_scale: Annotated[float, Field(ge=0, le=35)] = 3.5
    acceleration: Literal["none", "regular"] = "none"


class FluxDevInput(FluxInput):
    """fal-ai/flux/dev."""

    num_inference_steps: Annotated[int, Field(ge=1, le=50)] = 28
    guidance_scale: Annotated[float, Field(ge=1, le=20)] = 3.5
    acceleration: Literal["none", "regular", "high"] = "none"


class FluxSchnellInput(FluxInput):
    """fal-ai/flux/schnell."""

    num_inference_steps: Annotated[int, Field(ge=1, le=12)] = 4
    guidance_scale: Annotated[float, Field(ge=1, le=20)] = 3.5
    acceleration: Literal["none", "regular", "high"] = "none"


class KlingInput(Strict):
    """Fields that all Kling image-to-video endpoints share."""

    prompt: Prompt
    negative_prompt: Prompt = NEGATIVE_PROMPT
    duration: Fixed = "5"


class KlingSilent(KlingInput):
    """v2.1 standard and v2.5-turbo standard."""

    image_url: str
    cfg_scale: CfgScale = 0.5


class KlingSilentTail(KlingSilent):
    """v1 standard and v2.5-turbo pro: an end frame can be given."""

    tail_image_url: str | None = None


class KlingV26(KlingInput):
    """v2.6 pro: other field names, sound by default, no cfg_scale."""

    start_image_url: str
    end_image_url: str | None = None
    generate_audio: bool = True
    voice_ids: Annotated[list[str], Field(max_length=2)] | None = None


class KlingShot(Strict):
    """One shot of several."""

    prompt: Prompt
    duration: Free = "5"


class KlingElement(Strict):
    """A person or thing that returns in several shots."""

    frontal_image_url: str | None = None
    reference_image_urls: Annotated[list[str], Field(max_length=3)] | None = None
    video_url: str | None = None
    voice_id: str | None = None


class KlingFree(Strict):
    """v3 and later: 3 to 15 seconds, sound by default, one prompt or several."""

    prompt: Prompt | None = None
    multi_prompt: Annotated[list[KlingShot], Field(max_length=6)] | None = None
    negative_prompt: Prompt = NEGATIVE_PROMPT
    duration: Free = "5"
    end_image_url: str | None = None
    generate_audio: bool = True
    cfg_scale: CfgScale = 0.5
    elements: list[KlingElement] | None = None
    shot_type: Literal["customize"] = "customize"

    @model_validator(mode="after")
    def _has_one_prompt(self) -> "KlingFree":
        if (self.prompt is None) == (self.multi_prompt is None):
            raise ValueError("exactly one of prompt and multi_prompt is required")
        return self


class KlingV3(KlingFree):
    """v3."""

    start_image_url: str


class KlingO3(KlingFree):
    """o3 and v3/turbo: the start frame is called image_url."""

    image_url: str


class KlingV4(KlingV3):
    """v4."""

    middle_image_urls: Annotated[list[str], Field(max_length=8)] | None = None


class SyncInput(Strict):
    """fal-ai/sync-lipsync/v2/pro and v3."""

    video_url: str
    audio_url: str
    sync_mode: SyncMode = "cut_off"


class SyncV1Input(SyncInput):
    """fal-ai/sync-lipsync."""

    model: Literal["lipsync-1.9.0-beta", "lipsync-1.8.0", "lipsync-1.7.1"] = "lipsync-1.9.0-beta"


class SyncV2Input(SyncInput):
    """fal-ai/sync-lipsync/v2."""

    model: Literal["lipsync-2", "lipsync-2-pro"] = "lipsync-2"


@dataclass(frozen=True)
class FalModel:
    """An endpoint: what it makes, what it takes, and for clips the short side of the picture in pixels."""

    kind: Literal["image", "clip", "lipsync"]
    input: type[BaseModel]
    short_side: int = 720


def _kling() -> dict[str, FalModel]:
    table: list[tuple[str, type[BaseModel], int]] = [
        ("v1/standard", KlingSilentTail, 720),
        ("v2.1/standard", KlingSilent, 720),
        ("v2.5-turbo/standard", KlingSilent, 720),
        ("v2.5-turbo/pro", KlingSilentTail, 1080),
        ("v2.6/pro", KlingV26, 1080),
        ("v3/standard", KlingV3, 720),
        ("v3/pro", KlingV3, 1080),
        ("v3/turbo/standard", KlingO3, 720),
        ("v3/turbo/pro", KlingO3, 1080),
        ("v3/4k", KlingV3, 2160),
        ("o3/standard", KlingO3, 720),
        ("o3/pro", KlingO3, 1080),
        ("o3/4k", KlingO3, 2160),
        ("v4", KlingV4, 1080),
    ]
    return {f"{KLING}/{name}/image-to-video": FalModel("clip", kind, side) for name, kind, side in table}


MODELS: dict[str, FalModel] = {
    "fal-ai/flux-lora": FalModel("image", FluxLoraInput),
    "fal-ai/flux/dev": FalModel("image", FluxDevInput),
    "fal-ai/flux/schnell": FalModel("image", FluxSchnellInput),
    "fal-ai/sync-lipsync": FalModel("lipsync", SyncV1Input),
    "fal-ai/sync-lipsync/v2": FalModel("lipsync", SyncV2Input),
    "fal-ai/sync-lipsync/v2/pro": FalModel("lipsync", SyncInput),
    "fal-ai/sync-lipsync/v3": FalModel("lipsync", SyncInput),
    **_kling(),
}


def _image(app: str, body: Any) -> Charge:
    width, height = body.pixels()
    return image_charge(app, width, height, body.num_images)


def _clip(app: str, body: Any) -> Charge:
    voice = bool(getattr(body, "voice_ids", None))
    return clip_charge(app, int(body.duration), sound=getattr(body, "generate_audio", False), voice=voice)


def _lipsync(app: str, body: Any) -> Charge:
    return Charge(0, "frame", 0)  # settled when the length is known


_CHARGES: dict[str, Callable[[str, Any], Charge]] = {"image": _image, "clip": _clip, "lipsync": _lipsync}


def charge_for(app: str, body: BaseModel) -> Charge:
    """The price of a job at submission; a lipsync is priced when it is done."""
    return _CHARGES[MODELS[app].kind](app, body)
