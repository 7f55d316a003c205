"""What goes into and comes out of the workflow and its activities. Plain JSON, no URL with a signature, no bytes."""

from pydantic import Field

from models.artifacts import ArtifactRef, LoraReport
from models.base import Message
from models.enums import (
    AnchorSource,
    AspectRatio,
    FailureCode,
    GenerationMode,
    Provider,
    SceneStatus,
    Step,
)
from models.requests import ImageRequest, LipsyncRequest, SpeechRequest, VideoRequest
from models.scene import ClipPlan, ScenePlan


class GenerateSceneInput(Message):
    """Starts `GenerateSceneWorkflow`. `fresh` names steps to be made anew; `started_by` is kept with the take."""

    scene_id: str
    fresh: list[Step] = Field(default_factory=list[Step])
    started_by: str | None = None


class GenerateSceneResult(Message):
    """A finished scene; `video_url` is set only where the object store has a public address."""

    scene_id: str
    status: SceneStatus
    film: ArtifactRef
    captions_srt: ArtifactRef
    captions_vtt: ArtifactRef
    video_url: str | None
    duration_s: float
    requested_mode: GenerationMode
    mode: GenerationMode
    mode_reason: str
    mode_fallback: bool
    cost_micros: int


class RunRef(Message):
    """Which run of which scene an activity works for."""

    scene_id: str
    run_id: str


class LoadSceneInput(RunRef):
    """For `load_scene`; `fresh` are the steps to be made anew."""

    fresh: list[Step] = Field(default_factory=list[Step])


class SynthesizeSpeechInput(Message):
    """For `synthesize_speech`. `fresh`, here and in the submits, names a deliberate purchase: reuse is skipped."""

    run: RunRef
    request: SpeechRequest
    fresh: str = ""


class ValidateAnchorInput(Message):
    """For `validate_identity_anchor`; the LoRA's link is read from the database, so that history never holds it.

    `identity_id`, here and in `SubmitImageInput`, is whom the run shows; unset, whom the scene speaks as now.
    """

    run: RunRef
    identity_id: str | None = None


class ValidatedAnchor(Message):
    """From `validate_identity_anchor`."""

    report: LoraReport
    subject: str


class PrepareHeadshotInput(Message):
    """For `prepare_headshot`."""

    run: RunRef
    source: AnchorSource
    aspect_ratio: AspectRatio


class SubmitImageInput(Message):
    """For `submit_image`."""

    run: RunRef
    request: ImageRequest
    fresh: str = ""
    identity_id: str | None = None


class SubmitVideoInput(Message):
    """For `submit_video`; `clip` counts from 1."""

    run: RunRef
    provider: Provider
    request: VideoRequest
    clip: int
    fresh: str = ""


class SubmitLipsyncInput(Message):
    """For `submit_lipsync`."""

    run: RunRef
    request: LipsyncRequest
    fresh: str = ""


class PurchaseWait(Message):
    """Why a purchase cannot go on now, for people, and when to try again in seconds, unless it is changed earlier."""

    reason: str
    recheck_s: float


class JobTicket(Message):
    """From every submit: the purchase, and its result when nothing had to be bought, or what it waits for."""

    job_id: str
    provider: Provider
    model: str
    result: "PurchaseResult | None" = None
    waits: PurchaseWait | None = None


class CollectInput(Message):
    """For every collect: the rest of the purchase is in the database."""

    run: RunRef
    job_id: str


class PurchaseResult(Message):
    """A bought and stored artifact; `cost_micros` is what this run paid for it: 0 when `reused`."""

    artifact: ArtifactRef
    reused: bool = False
    cost_micros: int = 0
    seed: int | None = None


class Collected(Message):
    """From `synthesize_speech` and every collect: the result of a purchase, or what it waits for."""

    artifact: ArtifactRef | None = None
    reused: bool = False
    cost_micros: int = 0
    seed: int | None = None
    waits: PurchaseWait | None = None

    @property
    def result(self) -> PurchaseResult | None:
        """None while it waits."""
        if self.artifact is None:
            return None
        return PurchaseResult(artifact=self.artifact, reused=self.reused, cost_micros=self.cost_micros, seed=self.seed)


class JoinClipsInput(Message):
    """For `join_clips`, in playing order."""

    run: RunRef
    clips: list[ArtifactRef]


class CheckMediaInput(Message):
    """For `check_media`."""

    run: RunRef
    film: ArtifactRef
    speech: ArtifactRef


class PublishSceneInput(Message):
    """For `publish_scene`: everything that the scene's record keeps. `lipsync` is the film as it was bought."""

    run: RunRef
    plan: ScenePlan
    clip_plan: ClipPlan
    speech: ArtifactRef
    anchor: ArtifactRef
    anchor_seed: int | None
    lora_fingerprint: str | None
    clips: list[ArtifactRef]
    base_video: ArtifactRef
    film: ArtifactRef
    cost_micros: int
    fresh: list[Step] = Field(default_factory=list[Step])
    started_by: str | None = None
    face_score: float | None = None
    lipsync: ArtifactRef | None = None


class Failure(Message):
    """Why a scene ended without a film. `user_message` is for its owner, `detail` for operators."""

    code: FailureCode
    step: Step | None
    user_message: str
    detail: str


class EndSceneInput(Message):
    """For `end_scene`: a run that ends without a film. `cancel_jobs` stops what still runs at the vendors."""

    run: RunRef
    status: SceneStatus
    failure: Failure
    cancel_jobs: bool
