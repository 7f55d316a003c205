"""Activities under the real names that answer at once or as a test has scripted, and remember what was asked."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.failures import application_error
from domain.clips import SYNC_SO_MAX_SPEECH_S
from domain.video_models import VIDEO_MODELS
from models.approving import ApprovalQuestion, DecisionRecorded, RecordDecisionInput
from models.artifacts import ArtifactRef, LoraReport
from models.enums import (
    AnchorSource,
    ApprovalDecision,
    AspectRatio,
    ClipPolicy,
    FaceVerdict,
    FailureCode,
    GenerationMode,
    Provider,
    SceneStatus,
)
from models.faces import FaceCheck
from models.messages import (
    GenerateSceneResult,
    JobTicket,
    PublishSceneInput,
    PurchaseResult,
    ValidatedAnchor,
)
from models.requests import SpeechRequest, Voice
from models.scene import ImagePlan, ModeDecision, ScenePlan, VideoPlan
from workflows.policies import CALLS, Call

VIDEO_MODEL = "fal-ai/kling-video/v2.6/pro/image-to-video"
Script = Callable[[Any], Awaitable[Any]]


def ref(name: str, media_type: str, **facts: Any) -> ArtifactRef:
    """An artifact that exists nowhere."""
    return ArtifactRef(key=name, media_type=media_type, size=1, sha256=name, **facts)


def plan(scene_id: str = "s1", **changes: Any) -> ScenePlan:
    """A digital-twin scene."""
    video = VIDEO_MODELS[(Provider.FAL, VIDEO_MODEL)]
    voice = Voice(voice_id="v", model="m", stability=0.5, similarity=0.8, style=0.2, speaker_boost=True)
    twin = GenerationMode.DIGITAL_TWIN
    made = ScenePlan(
        scene_id=scene_id,
        name="scene",
        identity_id="i1",
        identity_name="Deven",
        project_id=None,
        decision=ModeDecision(requested=twin, mode=twin, source=AnchorSource.LORA, reason="the identity has a LoRA"),
        aspect_ratio=AspectRatio.LANDSCAPE,
        clip_policy=ClipPolicy.LOOP,
        max_speech_s=SYNC_SO_MAX_SPEECH_S,
        speech=SpeechRequest(text="Hello.", voice=voice),
        image=ImagePlan(
            model="fal-ai/flux-lora",
            prompt="TOK",
            steps=28,
            guidance=3.5,
            seed=1,
            safety_checker=True,
            lora_scale=0.95,
        ),
        video=VideoPlan(
            provider=Provider.FAL,
            model=VIDEO_MODEL,
            prompt="a person",
            negative_prompt="blur",
            durations=video.durations,
            takes_end_frame=video.takes_end_frame,
        ),
        lipsync_model="lipsync-2",
    )
    return made.model_copy(update=changes)


@dataclass
class StandIns:
    """`asked` holds (activity, input) in order of arrival; `scripts` replace an activity's answer."""

    plan: ScenePlan = field(default_factory=plan)
    speech_s: float = 4.0
    scripts: dict[str, Script] = field(default_factory=dict[str, Script])
    asked: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    running: set[str] = field(default_factory=set[str])
    side_by_side: set[frozenset[str]] = field(default_factory=set[frozenset[str]])

    def activities(self) -> list[Callable[..., Any]]:
        """One activity for each name in the policies."""
        return [self._activity(call) for call in CALLS]

    def names(self) -> list[str]:
        """The activities asked for, in order of arrival."""
        return [name for name, _ in self.asked]

    def input_of(self, name: str) -> Any:
        """The last input of an activity."""
        return next(given for asked, given in reversed(self.asked) if asked == name)

    def _activity(self, call: Call[Any, Any]) -> Callable[..., Any]:
        async def stand_in(order: Any) -> Any:
            self.asked.append((call.name, order))
            self.running.add(call.name)
            self.side_by_side.update(frozenset({call.name, other}) for other in self.running - {call.name})
            try:
                script = self.scripts.get(call.name)
                return await script(order) if script else self._answer(call.name, order)
            finally:
                self.running.discard(call.name)

        stand_in.__annotations__ = {"order": call.takes, "return": call.gives}
        return activity.defn(name=call.name)(stand_in)

    def _answer(self, name: str, order: Any) -> Any:
        speech = ref("speech", "audio/mpeg", duration_s=self.speech_s)
        film = ref("film", "video/mp4", duration_s=self.speech_s, width=16, height=9)
        match name:
            case "load_scene":
                return self.plan
            case "synthesize_speech":
                return PurchaseResult(artifact=speech, cost_micros=100)
            case "validate_identity_anchor":
                return ValidatedAnchor(
                    report=LoraReport(size=2**28, fingerprint="f", dialect="diffusers", tensors=1), subject="Deven"
                )
            case "prepare_headshot":
                return ref("headshot", "image/png", width=16, height=9)
            case "submit_image" | "submit_video" | "submit_lipsync":
                clip = getattr(order, "clip", "")
                return JobTicket(job_id=f"{name}{clip}", provider=Provider.FAL, model="m")
            case "collect_image":
                return PurchaseResult(artifact=ref("picture", "image/png", width=16, height=9), cost_micros=10, seed=1)
            case "collect_video":
                clip = ref(order.job_id, "video/mp4", duration_s=5.0)
                return PurchaseResult(artifact=clip, cost_micros=1000)
            case "collect_lipsync":
                return PurchaseResult(artifact=film, cost_micros=10_000)
            case "join_clips":
                return ref("joined", "video/mp4", duration_s=sum(clip.duration_s for clip in order.clips))
            case "check_media":
                return film
            case "check_face":
                return FaceCheck(verdict=FaceVerdict.PASSED, faces=1, similarity=0.9, threshold=0.4)
            case "ask_approval":
                return ApprovalQuestion(needed=True, price_micros=11_000)
            case "record_decision":
                return self._decided(order)
            case "publish_scene":
                return published(order)
            case _:
                return None

    def _decided(self, order: RecordDecisionInput) -> DecisionRecorded:
        """As the real one: a redraw changes the picture's plan."""
        if order.decision is not ApprovalDecision.REDRAWN or self.plan.image is None:
            return DecisionRecorded(decision=order.decision)
        answer, image = order.answer, self.plan.image
        seed = image.seed if answer.seed is None else answer.seed
        image = image.model_copy(update={"seed": seed, "prompt": answer.prompt or image.prompt})
        return DecisionRecorded(decision=order.decision, image=image)


def failing(code: FailureCode, *, retry: bool = False, times: int = 1000, **facts: Any) -> Script:
    """An activity that fails so many times, then answers None."""
    left = iter(range(times))

    async def script(_: Any) -> None:
        if next(left, None) is not None:
            raise application_error(code, "scripted", retry=retry, **facts)

    return script


def hanging(started: asyncio.Event) -> Script:
    """An activity that waits for its cancel."""

    async def script(_: Any) -> None:
        started.set()
        while True:
            activity.heartbeat()
            await asyncio.sleep(0.05)

    return script


def crashing() -> Script:
    """An activity with a bug."""

    async def script(_: Any) -> None:
        raise ApplicationError("a bug", type="ValueError")

    return script


def published(order: PublishSceneInput) -> GenerateSceneResult:
    """A finished scene."""
    captions = ref("captions", "text/vtt")
    return GenerateSceneResult(
        scene_id=order.run.scene_id,
        status=SceneStatus.COMPLETED,
        film=order.film,
        captions_srt=captions,
        captions_vtt=captions,
        video_url=None,
        duration_s=order.film.duration_s or 0.0,
        requested_mode=order.plan.decision.requested,
        mode=order.plan.decision.mode,
        mode_reason=order.plan.decision.reason,
        mode_fallback=order.plan.decision.fallback,
        cost_micros=order.cost_micros,
    )
