"""What the activity `load_scene` decides before anything is bought, and what follows from the measured speech."""

from typing import Any

from pydantic import Field

from models.base import Message
from models.enums import AnchorSource, AspectRatio, ClipPolicy, ExpiryPolicy, GenerationMode, Provider, SyncMode
from models.faces import FacePlan
from models.requests import SpeechRequest


class ModeDecision(Message):
    """The mode asked for, the mode used, where the anchor picture comes from, and why."""

    requested: GenerationMode
    mode: GenerationMode
    source: AnchorSource
    reason: str
    fallback: bool = False


class ClipPlan(Message):
    """The clips to buy, each entry a length in whole seconds, and how the lipsync fills what they leave."""

    policy: ClipPolicy
    seconds: list[int]
    sync_mode: SyncMode


class ImagePlan(Message):
    """Everything of an image request that is known before the LoRA was checked."""

    model: str
    prompt: str
    steps: int
    guidance: float
    seed: int | None
    safety_checker: bool
    lora_scale: float | None


class VideoPlan(Message):
    """The video model with what planning needs of it; `durations` in whole seconds."""

    provider: Provider
    model: str
    prompt: str
    negative_prompt: str
    durations: tuple[int, ...]
    takes_end_frame: bool


class ApprovalPlan(Message):
    """A person approves the picture before video is bought; without an answer in `expires_s`, `on_expiry` decides."""

    expires_s: float | None
    on_expiry: ExpiryPolicy = ExpiryPolicy.REJECT


class DrawnPicture(Message):
    """The drawn picture that the scene's current take was filmed from, with its `seed` as it was asked for, if any.

    `asked` is the fingerprint of what its run asked for at first: another picture than this where that one's face did
    not pass. `approved` says that a person did so, `checked` that its face was looked at, and `score` what came of it.
    """

    asked: str
    seed: int | None
    sha256: str
    approved: bool = False
    checked: bool = False
    score: float | None = None

    def passes(self, threshold: float) -> bool:
        """Whether the identity check is known to let it be filmed, as long as the references stay the same."""
        return self.approved or (self.checked and (self.score is None or self.score >= threshold))


class ScenePlan(Message):
    """One scene, its identity and the settings, resolved. Holds no URL: links that users give may carry signatures.

    `inputs` are the scene's and the identity's fields as they are now, for the take. `face` and `approval` are set when
    the picture is to be checked, or approved by a person; `drawn` when the current take was filmed from a drawn one.
    """

    scene_id: str
    name: str
    identity_id: str | None
    identity_name: str | None
    project_id: str | None
    decision: ModeDecision
    aspect_ratio: AspectRatio
    clip_policy: ClipPolicy
    max_speech_s: float
    speech: SpeechRequest
    image: ImagePlan | None
    video: VideoPlan
    lipsync_model: str
    search_attributes: bool = False
    approval: ApprovalPlan | None = None
    face: FacePlan | None = None
    drawn: DrawnPicture | None = None
    inputs: dict[str, Any] = Field(default_factory=dict)
