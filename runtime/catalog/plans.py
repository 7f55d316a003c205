"""The price before anybody presses: what a run of a scene would reuse, buy, cost and take. Buys and writes nothing."""

from collections.abc import Collection, Sequence

from activities.anchor import PNG
from activities.assembly import MP4, joined
from activities.budgets import Budgets, Cap
from activities.loras import planned
from activities.wanted import Wanted
from domain.budgets import Budget
from domain.estimates import Obstacle, PlannedBudget, PlannedStep, RunPlan, Verdict, estimated_speech_s
from domain.failures import is_retryable, user_message
from domain.freshness import check_fresh
from domain.orders import clips_for, image_request, lipsync_request, picture_of_take, video_request
from domain.rejections import RejectedError
from media.errors import MediaInvalid
from models.artifacts import ArtifactRef
from models.enums import FailureCode, Provider, SceneStatus, Step
from models.messages import RunRef
from models.money import usd_text
from models.requests import Lora, PaidRequest
from models.scene import ClipPlan, ImagePlan, ScenePlan
from models.settings import PlanSettings
from models.tables import Scene
from providers.errors import ProviderError
from runtime.catalog.appraisal import Appraiser
from runtime.catalog.scenes import find_scene
from runtime.wiring import Parts, headshots_of, lora_links, workshop_of
from store.database import Transaction
from store.objects.port import ObjectMissing
from workflows.anchors import Anchor, Drawing

NO_RUN = "plan"  # stands where a run's id would: there is no run yet


async def plan_run(parts: Parts, reference: str, fresh: Collection[Step] = ()) -> RunPlan:
    """What the next run of a scene would do, with the steps in `fresh` made anew.

    Raises RejectedError: `not_found`, or a step in `fresh` that would come out as it is. What would end the run is no
    error but one of the plan's obstacles.
    """
    planning = parts.settings.for_planning(search_attributes=False)
    async with parts.database.transaction() as tx:
        scene = await find_scene(tx, reference)
        caps = await Budgets(planning).caps(tx, scene.id)
        budgets = [Budget(cap.limit_micros, await tx.ledger.committed(cap.which)) for cap in caps]
        plan = await _planned(tx, scene, planning)
    if isinstance(plan, Obstacle):
        return _run_plan(scene, fresh, None, [plan], caps, budgets)
    check_fresh(plan, fresh)
    course = _Course(parts, plan, fresh)
    obstacles: list[Obstacle] = []
    try:
        await course.follow()
    except RejectedError as error:
        obstacles.append(_obstacle(error))
    return _run_plan(scene, fresh, course, obstacles, caps, budgets)


class _Course:
    """Goes through a run's steps in its order. Raises RejectedError where it would end; `steps` holds what it did.

    `settled` says that the identity check draws no other picture than the one that it begins with.
    """

    def __init__(self, parts: Parts, plan: ScenePlan, fresh: Collection[Step]) -> None:
        self.plan = plan
        self.steps: list[PlannedStep] = []
        self.speech_s: float | None = None
        self.settled = True
        self._parts = parts
        self._redraws = Step.IMAGE in fresh
        self._appraiser = Appraiser(parts, fresh)

    async def follow(self) -> None:
        """Each step in turn; an artifact that is yet to be made has no sha256."""
        prepared = await self._prepared()
        speech = await self._speak()
        picture = await self._draw(prepared) if isinstance(prepared, Drawing) else prepared.picture
        clip_plan = self._plan_clips(speech)
        # A picture that is new has no clips yet; beside a stored one another may be stored, with other clips.
        exact = bool(speech.sha256) and (self.settled or not picture.sha256)
        filmed = exact and not self._awaits_another()
        clips = [await self._film(picture, number, s, filmed) for number, s in enumerate(clip_plan.seconds, 1)]
        await self._lipsync(clip_plan, await self._join(clips), speech, exact and not self._awaits_another())

    def _awaits_another(self) -> bool:
        """Whether a step waits for a purchase under way: whoever made it may have made what follows from it too."""
        return any(step.verdict in (Verdict.IN_FLIGHT, Verdict.HELD) for step in self.steps)

    async def _prepared(self) -> Anchor | Drawing:
        if self.plan.image is not None:
            return Drawing(image=self.plan.image, lora=await self._lora(self.plan.image))
        picture = await self._headshot()
        self.steps.append(PlannedStep(Step.IMAGE, Verdict.SKIP, self.plan.decision.reason, artifact=picture))
        return Anchor(picture=picture)

    async def _lora(self, image: ImagePlan) -> Lora | None:
        if image.lora_scale is None:
            return None
        link = await lora_links(self._parts).of_scene(self.plan.scene_id)
        try:
            report = await self._parts.inspector.inspect(link.url)
        except ProviderError as error:
            raise _unusable("identity.lora_url", error, "Give the identity another LoRA") from error
        return Lora(scale=image.lora_scale, fingerprint=report.fingerprint)

    async def _headshot(self) -> ArtifactRef:
        workshop, headshots = workshop_of(self._parts), headshots_of(self._parts)
        remedy = "Give the scene another headshot"
        try:
            async with workshop.bench() as folder:
                plan = self.plan
                fitted = await headshots.fit(plan.scene_id, plan.decision.source, plan.aspect_ratio, folder)
                return await workshop.describe(fitted, PNG)
        except ProviderError as error:
            raise _unusable("headshot", error, remedy) from error
        except MediaInvalid as error:
            raise RejectedError("headshot", str(error), remedy, FailureCode.MEDIA_INVALID) from error
        except ObjectMissing as error:
            raise RejectedError("headshot", "its file is gone", remedy, FailureCode.NOT_FOUND) from error

    async def _speak(self) -> ArtifactRef:
        request = self.plan.speech
        provider = self._parts.speech.provider
        speech = await self._appraised(Step.SPEECH, provider, request)
        if speech is not None:
            self.speech_s = speech.duration_s
            return speech
        async with self._parts.database.transaction() as tx:
            rates = await tx.plans.speech_rates(provider, request.model, request.voice.voice_id)
        self.speech_s = round(estimated_speech_s(request.text, request.voice.speed, rates), 2)
        return _not_made(self.speech_s)

    async def _draw(self, drawing: Drawing) -> ArtifactRef:
        request = image_request(self.plan, drawing.image, drawing.lora)
        known = None if self._redraws else picture_of_take(self.plan, request)
        if known is not None:
            request = request.model_copy(update={"seed": known.seed})
        picture = await self._appraised(Step.IMAGE, self._parts.jobs.image.provider, request) or _not_made()
        if self.plan.face is not None and self.plan.face.retries:
            filmed = known if known is not None and known.sha256 == picture.sha256 else None
            self.settled = filmed is not None and filmed.passes(self.plan.face.threshold)
        return picture

    def _plan_clips(self, speech: ArtifactRef) -> ClipPlan:
        try:
            return clips_for(self.plan, speech.duration_s or 0.0)
        except RejectedError as error:
            if speech.sha256:
                raise
            raise RejectedError(error.field, f"by estimate, {error.problem}", error.remedy, error.code) from error

    async def _film(self, picture: ArtifactRef, number: int, seconds: int, exact: bool) -> ArtifactRef:
        awaits = None if picture.sha256 else "picture"
        request = video_request(self.plan, picture, seconds)
        provider = self.plan.video.provider
        clip = await self._appraised(Step.VIDEO, provider, request, clip=number, awaits=awaits, exact=exact)
        return clip or _not_made()

    async def _join(self, clips: Sequence[ArtifactRef]) -> ArtifactRef:
        if len(clips) == 1 or not all(clip.sha256 for clip in clips):
            return clips[0] if len(clips) == 1 else _not_made()
        workshop = workshop_of(self._parts)
        async with workshop.bench() as folder:
            return await workshop.describe(await joined(workshop, clips, folder), MP4)

    async def _lipsync(self, clip_plan: ClipPlan, video: ArtifactRef, speech: ArtifactRef, exact: bool) -> None:
        missing = [name for name, made in (("video", video), ("speech", speech)) if not made.sha256]
        awaits = " and ".join(missing) or None
        request = lipsync_request(self.plan, clip_plan, video, speech)
        provider = self._parts.jobs.lipsync.provider
        await self._appraised(Step.LIPSYNC, provider, request, awaits=awaits, exact=exact)

    async def _appraised(
        self,
        step: Step,
        provider: Provider,
        request: PaidRequest,
        *,
        clip: int | None = None,
        awaits: str | None = None,
        exact: bool = True,
    ) -> ArtifactRef | None:
        """The stored result, where there is one."""
        run = RunRef(scene_id=self.plan.scene_id, run_id=NO_RUN)
        wanted = Wanted(run, step, provider, request, clip)
        self.steps.append(await self._appraiser.appraise(wanted, awaits=awaits, exact=exact))
        return self.steps[-1].artifact


async def _planned(tx: Transaction, scene: Scene, planning: PlanSettings) -> ScenePlan | Obstacle:
    try:
        return await planned(tx, scene, planning)
    except RejectedError as error:
        return _obstacle(error)


def _run_plan(
    scene: Scene,
    fresh: Collection[Step],
    course: _Course | None,
    obstacles: list[Obstacle],
    caps: list[Cap],
    budgets: list[Budget],
) -> RunPlan:
    steps = course.steps if course else []
    cost = sum(step.cost_micros for step in steps)
    for cap, budget in zip(caps, budgets, strict=True):
        if cost > max(0, budget.left_micros):
            left = f"the budget of {cap.whose} has ${usd_text(max(0, budget.left_micros))} left"
            problem = f"budget: {left}, and this run is expected to cost ${usd_text(cost)}"
            obstacles.append(Obstacle(FailureCode.BUDGET_EXCEEDED, problem, cap.remedy))
    return RunPlan(
        scene_id=scene.id,
        scene_name=scene.name,
        running=scene.status == SceneStatus.GENERATING,
        fresh=tuple(step for step in Step if step in fresh),
        decision=course.plan.decision if course else None,
        speech_s=course.speech_s if course else None,
        steps=tuple(sorted(steps, key=lambda step: list(Step).index(step.step))),
        obstacles=tuple(obstacles),
        budgets=tuple(PlannedBudget(cap.whose, budget) for cap, budget in zip(caps, budgets, strict=True)),
        notes=_notes(course) if course else (),
    )


def _notes(course: _Course) -> tuple[str, ...]:
    """What can make a run longer or dearer than its price says."""
    face, approval = course.plan.face, course.plan.approval
    notes: list[str] = []
    if face is not None and not course.settled:
        what = "picture" if face.retries == 1 else "pictures"
        more = f"up to {face.retries} more {what} may be bought beyond this price"
        notes.append(f"the picture's face is checked: {more}, and video and lipsync are those of the one that passes")
    if approval is not None and any(step.step is Step.VIDEO and step.verdict is Verdict.BUY for step in course.steps):
        notes.append("the run waits for a person's approval of the picture before it buys video")
    return tuple(notes)


def _obstacle(error: RejectedError) -> Obstacle:
    return Obstacle(error.code, f"{error.field}: {error.problem}", error.remedy)


def _unusable(field: str, error: ProviderError, remedy: str) -> RejectedError:
    what_to_do = "Ask again in a moment" if is_retryable(error.code) else remedy
    return RejectedError(field, f"{user_message(error.code)}: {error.detail}", what_to_do, error.code)


def _not_made(duration_s: float | None = None) -> ArtifactRef:
    """Stands for what is yet to be made, as far as it is known."""
    return ArtifactRef(key="", media_type="", size=0, sha256="", duration_s=duration_s)
