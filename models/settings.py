"""What planning needs to know of the settings, without secrets and without the environment."""

from pydantic import Field

from models.base import Message
from models.enums import MissingLoraPolicy, Provider


class PlanSettings(Message):
    """`missing` names, for each provider that cannot be used, the setting to set; no budget is no cap."""

    default_voice_id: str | None = None
    default_lora: bool = False
    has_default_headshot: bool = False
    on_missing_lora: MissingLoraPolicy = MissingLoraPolicy.FALLBACK
    max_speech_s: float = 300.0
    safety_checker: bool = True
    video_provider: Provider = Provider.FAL
    video_model: str = "fal-ai/kling-video/v2.6/pro/image-to-video"
    lipsync_model: str = "lipsync-2"
    scene_budget_micros: int | None = None
    monthly_budget_micros: int | None = None
    environment_trigger_word: str = ""
    environment_subject: str = ""
    environment_name: str = "default identity"
    missing: dict[Provider, str] = Field(default_factory=dict)
    search_attributes: bool = False
