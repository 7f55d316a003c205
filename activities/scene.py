"""The scene's record: read before anything is bought, written when a run ends, however it ends."""

import asyncio
from collections.abc import Awaitable, Callable

from temporalio import activity

from activities import journal
from activities.failures import translated_failures
from activities.journal import LOG_STEP, Entry
from activities.loras import planned, required_scene
from activities.purchases import Purchases
from activities.takes import show_current_take, write_take
from activities.workshop import Workshop
from domain.captions import caption_lines, to_srt, to_webvtt
from domain.failures import RULES
from domain.freshness import check_fresh
from domain.jobs import IllegalMoveError
from models.artifacts import Alignment, ArtifactRef
from models.enums import GenerationMode, JobState, LogLevel, LogStep, SceneStatus, Step
from models.messages import EndSceneInput, GenerateSceneResult, LoadSceneInput, PublishSceneInput, RunRef
from models.scene import ScenePlan
from models.settings import PlanSettings
from models.tables import ProviderJob, Scene, now
from providers.errors import ProviderError
from store.database import Database, Transaction
from store.objects.port import ObjectStore

CANCEL_PATIENCE_S = 5.0  # a cancel ends in seconds; a vendor that does not take it in time is left to finish
SRT = "application/x-subrip"
VTT = "text/vtt"

CancelAtVendor = Callable[[ProviderJob], Awaitable[None]]


class SceneActivities:
    """The activities around the pipeline: `load_scene`, `publish_scene`, `end_scene`."""

    def __init__(
        self,
        *,
        database: Database,
        workshop: Workshop,
        objects: ObjectStore,
        settings: PlanSettings,
        purchases: Purchases,
        cancel_at_vendor: CancelAtVendor,
    ) -> None:
        self._database = database
        self._workshop = workshop
        self._objects = objects
        self._settings = settings
        self._purchases = purchases
        self._cancel_at_vendor = cancel_at_vendor

    @activity.defn
    async def load_scene(self, order: LoadSceneInput) -> ScenePlan:
        """Take the scene for this run and plan it. Refuses what cannot work before anything is bought."""
        run = RunRef(scene_id=order.scene_id, run_id=order.run_id)
        with translated_failures():
            async with self._database.transaction() as tx:
                _begin(await required_scene(tx, run.scene_id), run)
            async with self._database.transaction() as tx:
                scene = await required_scene(tx, run.scene_id)
                plan = await planned(tx, scene, self._settings)
                check_fresh(plan, order.fresh)
                _record_plan(scene, plan)
                await _log_mode(tx, run, plan)
        return plan

    @activity.defn
    async def publish_scene(self, order: PublishSceneInput) -> GenerateSceneResult:
        """Write captions beside the film and complete the record."""
        with translated_failures():
            srt, vtt = await self._captions(order)
            result = GenerateSceneResult(
                scene_id=order.run.scene_id,
                status=SceneStatus.COMPLETED,
                film=order.film,
                captions_srt=srt,
                captions_vtt=vtt,
                video_url=self._objects.public_url(order.film.key),
                duration_s=order.film.duration_s or 0.0,
                requested_mode=order.plan.decision.requested,
                mode=order.plan.decision.mode,
                mode_reason=order.plan.decision.reason,
                mode_fallback=order.plan.decision.fallback,
                cost_micros=order.cost_micros,
            )
            async with self._database.transaction() as tx:
                scene = await tx.scenes.get(order.run.scene_id, lock=True)
                if scene is not None and scene.run_id == order.run.run_id:
                    await _complete(tx, scene, order, result)
                entry = Entry(
                    event="scene:published",
                    step=LogStep.UPLOAD,
                    message=f"Film published: {result.duration_s:.2f} s",
                    cost_micros=order.cost_micros,
                    payload={"film": order.film.key},
                )
                await journal.write(tx, order.run, entry)
        return result

    @activity.defn
    async def end_scene(self, order: EndSceneInput) -> None:
        """Record a run that ends without a film; on a cancel, stop what still runs at the vendors."""
        if order.cancel_jobs:
            await self._cancel_jobs(order.run)
        async with self._database.transaction() as tx:
            scene = await tx.scenes.get(order.run.scene_id, lock=True)
            if scene is None:
                return
            if scene.run_id == order.run.run_id or scene.status != SceneStatus.GENERATING:
                scene.run_id = order.run.run_id  # also of a run that ended before it could take the scene
                _end(scene, order)
                await show_current_take(tx, scene)
            await tx.approvals.withdraw(order.run.run_id)
            failure = order.failure
            entry = Entry(
                event="scene:ended",
                step=LOG_STEP[failure.step] if failure.step else LogStep.UPLOAD,
                level=RULES[failure.code].log_level,
                message=f"Scene {order.status}: {failure.user_message}",
                error_code=failure.code,
                payload={"detail": failure.detail},
            )
            await journal.write(tx, order.run, entry)

    async def _captions(self, order: PublishSceneInput) -> tuple[ArtifactRef, ArtifactRef]:
        alignment = None
        async with self._database.transaction() as tx:
            for job in await tx.jobs.stored_as(order.speech.key):
                alignment = Alignment.model_validate(job.alignment) if job.alignment else alignment
        lines = caption_lines(order.plan.speech.text, alignment, order.speech.duration_s or 0.0)
        async with self._workshop.bench() as folder:
            (folder / "captions.srt").write_text(to_srt(lines), encoding="utf-8")
            (folder / "captions.vtt").write_text(to_webvtt(lines), encoding="utf-8")
            srt = await self._workshop.keep(folder / "captions.srt", SRT)
            return srt, await self._workshop.keep(folder / "captions.vtt", VTT)

    async def _cancel_jobs(self, run: RunRef) -> None:
        async with self._database.transaction() as tx:
            jobs = await tx.jobs.open_of_run(run.scene_id, run.run_id)
        await asyncio.gather(*(self._cancel_job(job) for job in jobs))

    async def _cancel_job(self, job: ProviderJob) -> None:
        """What the vendor does not stop in time is paid for: it stays open, and the reconciler collects it."""
        if job.state == JobState.INTENT:
            await self._purchases.cancel(job)
        if job.state != JobState.ACCEPTED:
            return
        try:
            async with asyncio.timeout(CANCEL_PATIENCE_S):
                await self._cancel_at_vendor(job)
        except (ProviderError, TimeoutError, IllegalMoveError) as error:
            activity.logger.warning("[%s] cancel was not taken: %s", LOG_STEP[Step(job.step)], error)


def _begin(scene: Scene, run: RunRef) -> None:
    scene.status = SceneStatus.GENERATING
    scene.run_id = run.run_id
    scene.started_at = now()
    scene.ended_at = None
    scene.failure_code = scene.failure_step = scene.failure_message = scene.failure_detail = None


def _record_plan(scene: Scene, plan: ScenePlan) -> None:
    scene.effective_mode = plan.decision.mode
    scene.anchor_source = plan.decision.source
    scene.mode_reason = plan.decision.reason
    scene.mode_fallback = plan.decision.fallback
    scene.identity_used = plan.identity_id
    scene.voice_used = plan.speech.voice.voice_id
    scene.speech_model = plan.speech.model
    scene.image_model = plan.image.model if plan.image else None
    scene.image_prompt = plan.image.prompt if plan.image else None
    scene.video_provider = plan.video.provider
    scene.video_model = plan.video.model
    scene.video_prompt = plan.video.prompt
    scene.negative_prompt = plan.video.negative_prompt
    scene.lipsync_model = plan.lipsync_model


async def _complete(tx: Transaction, scene: Scene, order: PublishSceneInput, result: GenerateSceneResult) -> None:
    scene.status = SceneStatus.COMPLETED
    scene.ended_at = now()
    await write_take(tx, scene, order, result)


def _end(scene: Scene, order: EndSceneInput) -> None:
    scene.status = order.status
    scene.ended_at = now()
    scene.failure_code = order.failure.code
    scene.failure_step = order.failure.step
    scene.failure_message = order.failure.user_message
    scene.failure_detail = order.failure.detail


async def _log_mode(tx: Transaction, run: RunRef, plan: ScenePlan) -> None:
    decision = plan.decision
    if decision.mode is GenerationMode.DIGITAL_TWIN:
        message = "Digital Twin mode activated - checking identity configuration"
        entry = Entry(event="mode", step=LogStep.IDENTITY_ANCHOR, message=message)
    else:
        level = LogLevel.WARN if decision.fallback else LogLevel.INFO
        message = f"Mode {decision.mode} (asked: {decision.requested}): {decision.reason}"
        entry = Entry(event="mode", step=LogStep.IMAGE_GENERATION, level=level, message=message)
    await journal.write(tx, run, entry)
