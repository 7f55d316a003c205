"""The request body of sync.so's generate, its models and its catalogue of errors."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from studio.state import JsonObject
from studio.vendors.strict import Strict

Model = Literal["lipsync-1.9.0-beta", "lipsync-2", "lipsync-2-pro", "react-1", "sync-3"]
SyncMode = Literal["bounce", "loop", "cut_off", "silence", "remap"]
Unit = Annotated[float, Field(ge=0, le=1)]


class Camel(Strict):
    """A body whose names are camel case on the wire."""

    model_config = ConfigDict(alias_generator=to_camel)


class TextProvider(Camel):
    """Speech that sync.so itself has made by ElevenLabs."""

    name: Literal["elevenlabs"]
    voice_id: str
    script: Annotated[str, Field(min_length=1)]
    stability: Unit | None = None
    similarity_boost: Unit | None = None


class Item(Camel):
    """One input: a video, an image, an audio or a text to speak."""

    type: Literal["video", "image", "audio", "text"]
    url: str | None = None
    asset_id: str | None = None
    ref_id: str | None = None
    provider: TextProvider | None = None

    @model_validator(mode="after")
    def _has_its_source(self) -> "Item":
        if self.type == "text" and self.provider is None:
            raise ValueError("provider is required for a text input")
        if self.type != "text" and self.url is None:
            raise ValueError("url is required (assets are not kept here)")
        return self


class Options(BaseModel):
    """Options that are checked; others are ignored, as the vendor says it does."""

    model_config = ConfigDict(extra="ignore", strict=True)

    sync_mode: SyncMode = "bounce"
    temperature: Unit = 0.5
    occlusion_detection_enabled: bool = False
    active_speaker_detection: dict[str, Any] | None = None
    model_mode: Literal["lips", "face", "head"] | None = None
    prompt: str | None = None


class GenerateInput(Camel):
    """POST /v2/generate."""

    model: Model
    input: Annotated[list[Item], Field(min_length=1)]
    options: Options | None = None
    segments: Annotated[list[dict[str, Any]], Field(max_length=0)] | None = None
    webhook_url: str | None = None
    output_file_name: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,255}$")] | None = None
    project_id: str | None = None

    @model_validator(mode="after")
    def _has_one_picture_and_one_sound(self) -> "GenerateInput":
        kinds = [item.type for item in self.input]
        if kinds.count("video") + kinds.count("image") != 1:
            raise ValueError("input must contain exactly one video or image")
        if kinds.count("audio") + kinds.count("text") != 1:
            raise ValueError("input must contain exactly one audio or text")
        if "image" in kinds and self.model != "sync-3":
            raise ValueError("image input is only supported by sync-3")
        return self

    def sync_mode(self) -> SyncMode:
        """How lengths are made to match."""
        return (self.options or Options()).sync_mode


ERRORS = {
    "generation_timeout": ("The generation timed out.", "Try again."),
    "generation_infra_service_unavailable": ("A service was unavailable.", "Try again."),
    "generation_pipeline_failed": ("The pipeline failed.", "Try again."),
    "generation_unknown_error": ("An unknown error occurred.", "Try again."),
    "generation_input_video_inaccessible": ("The video could not be downloaded.", "Check the URL."),
    "generation_input_audio_inaccessible": ("The audio could not be downloaded.", "Check the URL."),
    "generation_input_image_inaccessible": ("The image could not be downloaded.", "Check the URL."),
    "generation_input_video_invalid": ("The video could not be decoded.", "Encode it again."),
    "generation_input_audio_invalid": ("The audio could not be decoded.", "Encode it again."),
    "generation_media_metadata_missing": ("The media has no length.", "Encode it again."),
    "generation_audio_length_exceeded": ("The audio is longer than 300 seconds.", "Shorten it."),
    "generation_text_length_exceeded": ("The script is longer than 5000 characters.", "Shorten it."),
    "generation_input_validation_failed": ("The input was refused.", "Change the input."),
    "generation_audio_missing": ("There is no audio.", "Add an audio input."),
    "generation_video_missing": ("There is no video.", "Add a video input."),
    "rate_limit_exceeded": ("Too many requests.", "Wait."),
    "concurrency_limit_reached": ("Too many generations at a time.", "Wait or upgrade."),
    "account_payment_required": ("Payment is required.", "Pay the open invoice."),
    "account_on_hold": ("The account is on hold.", "Contact support."),
    "free_tier_generations_exhausted": ("No free generations are left.", "Upgrade."),
    "generation_not_found": ("There is no such generation.", "Check the id."),
    "invalid_generation_id": ("This is no generation id.", "Check the id."),
}


def models_as_json() -> list[JsonObject]:
    """The vendor's list of models."""
    names = ["lipsync-1.9.0-beta", "lipsync-2", "lipsync-2-pro", "react-1", "sync-3"]
    return [
        {
            "id": name,
            "name": name,
            "type": "react" if name == "react-1" else "lipsync",
            "version": "1.0.0",
            "description": name,
            "deprecatedAt": None,
        }
        for name in names
    ]
