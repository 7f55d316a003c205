"""A scene becomes a film: which step when, and nothing else."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from domain.orders import clips_for, lipsync_request, video_request
    from domain.rejections import RejectedError
    from models.approving import ApprovalAnswer, DecisionRecorded
    from models.artifacts import ArtifactRef
    from models.enums import ApprovalDecision, SceneStatus, Step
    from models.messages import (
        CheckMediaInput,
        EndSceneInput,
        GenerateSceneInput,
        GenerateSceneResult,
        JoinClipsInput,
        LoadSceneInput,
        PublishSceneInput,
        PurchaseResult,
        RunRef,
        SubmitLipsyncInput,
        SubmitVideoInput,
        SynthesizeSpeechInput,
    )
    from models.progress import SceneProgress
    from models.scene import ClipPlan, ScenePlan
    from workflows import policies
    from workflows.anchoring import Anchoring
    from workflows.anchors import Anchor
    from workflows.approvals import Approvals
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
        self._buyer = Buyer(self._run, self._board, self._branches, request.fresh)
        self._approvals = Approvals(self._run)
        self._anchoring = Anchoring(self._run, self._board, self._buyer, self._approvals)
        self._request = request

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

    @workflow.update
    async def approve(self, answer: ApprovalAnswer) -> DecisionRecorded:
        """The picture is good enough: buy the video. Refused when no such picture waits (any more)."""
        return await self._approvals.take(ApprovalDecision.APPROVED, answer)

    @workflow.update
    async def reject(self, answer: ApprovalAnswer) -> DecisionRecorded:
        """End the scene here, with the reason, which is needed."""
        return await self._approvals.take(ApprovalDecision.REJECTED, answer)

    @workflow.update
    async def redraw(self, answer: ApprovalAnswer) -> DecisionRecorded:
        """Draw another picture, with another seed or prompt where they are given, and ask again."""
        return await self._approvals.take(ApprovalDecision.REDRAWN, answer)

    @approve.validator
    def _may_approve(self, answer: ApprovalAnswer) -> None:
        self._approvals.check(answer)

    @reject.validator
    def _may_reject(self, answer: ApprovalAnswer) -> None:
        self._approvals.check(answer, reject=True)

    @redraw.validator
    def _may_redraw(self, answer: ApprovalAnswer) -> None:
        self._approvals.check(answer, redraw=True)

    async def _generate(self) -> GenerateSceneResult:
        order = LoadSceneInput(**dict(self._run), fresh=self._request.fresh)
        plan = await call(policies.LOAD_SCENE, order, "scene, identity and settings")
        self._board.planned(plan)
        # What can be checked for nothing is checked before anything is bought.
        prepared = await self._anchoring.prepare(plan)
        # Speech and picture need nothing of each other: the scene takes the longer of the two, not their sum.
        speech, anchor = await self._branches.together(self._speak(plan), self._anchoring.make(plan, prepared))
        clip_plan = self._plan_clips(plan, speech)
        plan, anchor = await self._anchoring.approved(plan, prepared, clip_plan, anchor, speech)
        clips = await self._film_clips(plan, clip_plan, anchor)
        base_video = await self._join(clips)
        lipsynced = await self._lipsync(plan, clip_plan, base_video, speech)
        film = await self._check(lipsynced, speech)
        return await self._publish(plan, clip_plan, speech, anchor, clips, base_video, lipsynced, film)

    async def _speak(self, plan: ScenePlan) -> ArtifactRef:
        with self._board.step(Step.SPEECH, f"ElevenLabs: {plan.speech.model}"):
            order = SynthesizeSpeechInput(run=self._run, request=plan.speech, fresh=self._buyer.fresh(Step.SPEECH))
            label = f"ElevenLabs: {len(plan.speech.text)} characters"
            spoken = await self._buyer.buy_at_once(Step.SPEECH, policies.SYNTHESIZE_SPEECH, order, label)
            self._board.bought(Step.SPEECH, [spoken], f"{spoken.artifact.duration_s:.2f} s of speech")
        return spoken.artifact

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
        order = SubmitVideoInput(
            run=self._run,
            provider=plan.video.provider,
            request=request,
            clip=number,
            fresh=self._buyer.fresh(Step.VIDEO),
        )
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
            order = SubmitLipsyncInput(run=self._run, request=request, fresh=self._buyer.fresh(Step.LIPSYNC))
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
        lipsynced: ArtifactRef,
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
                fresh=self._request.fresh,
                started_by=self._request.started_by,
                face_score=anchor.score,
                lipsync=lipsynced,
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
