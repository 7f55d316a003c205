"""A scene becomes a film: which step when, and nothing else."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from domain.orders import clips_for, image_request, lipsync_request, video_request
    from domain.rejections import RejectedError
    from models.artifacts import ArtifactRef
    from models.enums import SceneStatus, Step
    from models.messages import (
        CheckMediaInput,
        EndSceneInput,
        GenerateSceneInput,
        GenerateSceneResult,
        JoinClipsInput,
        PrepareHeadshotInput,
        PublishSceneInput,
        PurchaseResult,
        RunRef,
        SubmitImageInput,
        SubmitLipsyncInput,
        SubmitVideoInput,
        SynthesizeSpeechInput,
        ValidateAnchorInput,
    )
    from models.progress import SceneProgress
    from models.requests import Lora
    from models.scene import ClipPlan, ImagePlan, ScenePlan
    from workflows import policies
    from workflows.anchors import Anchor, Drawing
    from workflows.board import Board
    from workflows.branches import Branches
    from workflows.buying import Buyer
    from workflows.calls import call, execute
    from workflows.failures import as_application_error, failure_of


@workflow.defn(name="GenerateSceneWorkflow")
class GenerateSceneWorkflow:
    """One run of one scene. Starts with `GenerateSceneInput`, ends with `GenerateSceneResult` or a failure code."""

    @workflow.init
    def __init__(self, request: GenerateSceneInput) -> None:
        # The id that a reset keeps: a run that an operator resets stays the same run to the scene's record.
        self._run = RunRef(scene_id=request.scene_id, run_id=workflow.info().original_execution_run_id)
        self._board = Board(request.scene_id)
        self._branches = Branches()
        self._buyer = Buyer(self._run, self._board, self._branches)

    @workflow.run
    async def run(self, request: GenerateSceneInput) -> GenerateSceneResult:
        """Generate the scene; whatever happens, its record says how the run ended."""
        try:
            return await self._generate()
        except (FailureError, asyncio.CancelledError) as error:
            await self._end(error)
            if is_cancelled_exception(error):
                raise
            raise as_application_error(failure_of(error, self._board.running_step())) from error

    @workflow.signal
    def purchase_changed(self) -> None:
        """A webhook, a person or the reconciler has moved a purchase: whoever waits for one looks again."""
        self._buyer.purchase_changed()

    @workflow.query
    def progress(self) -> SceneProgress:
        """Each step's state, times and what it waits for."""
        return self._board.progress

    async def _generate(self) -> GenerateSceneResult:
        plan = await call(policies.LOAD_SCENE, self._run, "scene, identity and settings")
        self._board.planned(plan)
        # What can be checked for nothing is checked before anything is bought.
        prepared = await self._prepare_anchor(plan)
        # Speech and picture need nothing of each other: the scene takes the longer of the two, not their sum.
        speech, anchor = await self._branches.together(self._speak(plan), self._make_anchor(plan, prepared))
        clip_plan = self._plan_clips(plan, speech)
        clips = await self._film_clips(plan, clip_plan, anchor)
        base_video = await self._join(clips)
        lipsynced = await self._lipsync(plan, clip_plan, base_video, speech)
        film = await self._check(lipsynced, speech)
        return await self._publish(plan, clip_plan, speech, anchor, clips, base_video, film)

    async def _speak(self, plan: ScenePlan) -> ArtifactRef:
        with self._board.step(Step.SPEECH, f"ElevenLabs: {plan.speech.model}"):
            order = SynthesizeSpeechInput(run=self._run, request=plan.speech)
            label = f"ElevenLabs: {len(plan.speech.text)} characters"
            spoken = await self._buyer.buy_at_once(Step.SPEECH, policies.SYNTHESIZE_SPEECH, order, label)
            self._board.bought(Step.SPEECH, [spoken], f"{spoken.artifact.duration_s:.2f} s of speech")
        return spoken.artifact

    async def _prepare_anchor(self, plan: ScenePlan) -> Anchor | Drawing:
        if plan.image is not None:
            return Drawing(image=plan.image, lora=await self._validate_lora(plan.image))
        self._board.skipped(Step.IDENTITY_ANCHOR, plan.decision.reason)
        return await self._fit_headshot(plan)

    async def _make_anchor(self, plan: ScenePlan, prepared: Anchor | Drawing) -> Anchor:
        return prepared if isinstance(prepared, Anchor) else await self._draw(plan, prepared)

    async def _fit_headshot(self, plan: ScenePlan) -> Anchor:
        with self._board.step(Step.IMAGE, plan.decision.reason):
            order = PrepareHeadshotInput(run=self._run, source=plan.decision.source, aspect_ratio=plan.aspect_ratio)
            picture = await call(policies.PREPARE_HEADSHOT, order, plan.decision.reason)
            self._board.detail(Step.IMAGE, plan.decision.reason)
        return Anchor(picture=picture)

    async def _validate_lora(self, image: ImagePlan) -> Lora | None:
        if image.lora_scale is None:
            self._board.skipped(Step.IDENTITY_ANCHOR, "no LoRA in this mode")
            return None
        with self._board.step(Step.IDENTITY_ANCHOR, "the LoRA's host"):
            checked = await call(policies.VALIDATE_ANCHOR, ValidateAnchorInput(run=self._run), "LoRA check")
            size = round(checked.report.size / (1024 * 1024))
            self._board.detail(Step.IDENTITY_ANCHOR, f"LoRA of {checked.subject}: {size}MB")
        return Lora(scale=image.lora_scale, fingerprint=checked.report.fingerprint)

    async def _draw(self, plan: ScenePlan, drawing: Drawing) -> Anchor:
        image, lora = drawing.image, drawing.lora
        request = image_request(plan, image, lora)
        with self._board.step(Step.IMAGE, f"fal.ai: {image.model}"):
            order = SubmitImageInput(run=self._run, request=request)
            drawn = await self._buyer.buy(
                Step.IMAGE, policies.SUBMIT_IMAGE, order, policies.COLLECT_IMAGE, f"fal.ai: {image.model}"
            )
            self._board.bought(Step.IMAGE, [drawn], f"{drawn.artifact.width}x{drawn.artifact.height}")
        return Anchor(picture=drawn.artifact, seed=drawn.seed, lora_fingerprint=lora.fingerprint if lora else None)

    def _plan_clips(self, plan: ScenePlan, speech: ArtifactRef) -> ClipPlan:
        try:
            return clips_for(plan, speech.duration_s or 0.0)
        except RejectedError as error:
            raise ApplicationError(str(error), type=error.code, non_retryable=True) from error

    async def _film_clips(self, plan: ScenePlan, clip_plan: ClipPlan, anchor: Anchor) -> list[ArtifactRef]:
        total = len(clip_plan.seconds)
        with self._board.step(Step.VIDEO, f"Kling: {_clips(total)}"):
            films = [self._film_clip(plan, anchor, number, total, s) for number, s in enumerate(clip_plan.seconds, 1)]
            results = await self._branches.together(*films)
            seconds = " + ".join(str(second) for second in clip_plan.seconds)
            self._board.bought(Step.VIDEO, results, f"{_clips(total)}: {seconds} s")
        return [result.artifact for result in results]

    async def _film_clip(
        self, plan: ScenePlan, anchor: Anchor, number: int, total: int, seconds: int
    ) -> PurchaseResult:
        request = video_request(plan, anchor.picture, seconds)
        order = SubmitVideoInput(run=self._run, provider=plan.video.provider, request=request, clip=number)
        label = f"Kling: clip {number} of {total}"
        return await self._buyer.buy(Step.VIDEO, policies.SUBMIT_VIDEO, order, policies.COLLECT_VIDEO, label)

    async def _join(self, clips: list[ArtifactRef]) -> ArtifactRef:
        if len(clips) == 1:
            self._board.skipped(Step.JOIN, "one clip")
            return clips[0]
        with self._board.step(Step.JOIN, f"joining {len(clips)} clips"):
            joined = await call(policies.JOIN_CLIPS, JoinClipsInput(run=self._run, clips=clips), "join")
            self._board.detail(Step.JOIN, f"{joined.duration_s:.2f} s")
        return joined

    async def _lipsync(
        self, plan: ScenePlan, clip_plan: ClipPlan, video: ArtifactRef, speech: ArtifactRef
    ) -> ArtifactRef:
        request = lipsync_request(plan, clip_plan, video, speech)
        with self._board.step(Step.LIPSYNC, f"sync.so: {plan.lipsync_model}"):
            order = SubmitLipsyncInput(run=self._run, request=request)
            label = f"sync.so: {plan.lipsync_model}, {clip_plan.sync_mode}"
            synced = await self._buyer.buy(
                Step.LIPSYNC, policies.SUBMIT_LIPSYNC, order, policies.COLLECT_LIPSYNC, label
            )
            self._board.bought(Step.LIPSYNC, [synced], f"{synced.artifact.duration_s:.2f} s")
        return synced.artifact

    async def _check(self, film: ArtifactRef, speech: ArtifactRef) -> ArtifactRef:
        with self._board.step(Step.MEDIA_CHECK, "decoding the film"):
            order = CheckMediaInput(run=self._run, film=film, speech=speech)
            checked = await call(policies.CHECK_MEDIA, order, "media check")
            self._board.detail(Step.MEDIA_CHECK, f"{checked.duration_s:.2f} s, {checked.width}x{checked.height}")
        return checked

    async def _publish(
        self,
        plan: ScenePlan,
        clip_plan: ClipPlan,
        speech: ArtifactRef,
        anchor: Anchor,
        clips: list[ArtifactRef],
        base_video: ArtifactRef,
        film: ArtifactRef,
    ) -> GenerateSceneResult:
        with self._board.step(Step.PUBLISH, "the scene's record"):
            order = PublishSceneInput(
                run=self._run,
                plan=plan,
                clip_plan=clip_plan,
                speech=speech,
                anchor=anchor.picture,
                anchor_seed=anchor.seed,
                lora_fingerprint=anchor.lora_fingerprint,
                clips=clips,
                base_video=base_video,
                film=film,
                cost_micros=self._board.progress.cost_micros,
            )
            # A film that is published is finished, whatever was asked for meanwhile.
            result = await execute(policies.PUBLISH_SCENE, order, "captions and record")
        self._board.ended(SceneStatus.COMPLETED)
        return result

    async def _end(self, error: BaseException) -> None:
        """Write the outcome, also when more cancels arrive meanwhile."""
        failure = failure_of(error, self._board.running_step())
        canceled = is_cancelled_exception(error)
        status = SceneStatus.CANCELED if canceled else SceneStatus.FAILED
        self._board.ended(status, failure)
        order = EndSceneInput(run=self._run, status=status, failure=failure, cancel_jobs=canceled)
        ending = asyncio.create_task(execute(policies.END_SCENE, order, f"{status}: {failure.code}"))
        while not ending.done():
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                continue
            except FailureError as unwritten:  # the record is mended the next time anybody looks at the scene
                workflow.logger.error("the end of scene %s was not recorded: %s", self._run.scene_id, unwritten)


def _clips(count: int) -> str:
    return "1 clip" if count == 1 else f"{count} clips"
