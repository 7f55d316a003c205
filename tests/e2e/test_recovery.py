"""What is lost or late under a whole run: held, bought again by policy, parked, collected later, handed over."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from models.enums import FailureCode, JobState, Provider, SceneStatus, Step
from models.messages import GenerateSceneResult
from models.reconciling import ReconcileReport
from models.tables import ProviderJob, Scene, now
from runtime.launching import SceneHandle, query_progress
from runtime.schedules import reconcile_now, reconciler_id
from store.jobs import Order
from tests.support.stack import Stack

FLUX = "fal-ai/flux-lora"
KLING = "fal-ai/kling-video/v2.6/pro/image-to-video"
QUEUE = "soon"
SOON = {"DEVATAR_UNKNOWN_IMAGE": "rebuy_after:3"}
IMPATIENT = {"DEVATAR_POLL_PATIENCE_MINUTES": "0.02"}
S = JobState


@pytest.fixture(scope="module")
async def queue(stack: Stack) -> AsyncIterator[str]:
    """A worker that buys a lost picture again after three seconds."""
    async with stack.worker(QUEUE, SOON) as queue:
        yield queue


async def _scene(stack: Stack, dialogue: str) -> Scene:
    number = stack.unique()
    identity = await stack.identity()
    text = f"{dialogue} Number {number}."
    return await stack.scene(text, identity=identity.name, generation_mode="digital-twin", seed=20_000 + number)


async def _fault(stack: Stack, **fault: Any) -> None:
    await stack.control("POST", "/control/faults", json=fault)


async def _job(stack: Stack, scene: Scene, step: Step) -> ProviderJob:
    """The step's newest purchase."""
    return max((job for job in await stack.jobs(scene) if job.step == step), key=lambda job: job.take)


async def _billed(stack: Stack, words: str) -> list[int]:
    """What the vendors want for the jobs whose order holds these words."""
    bill = {line["request_id"]: line["price_usd_micros"] for line in await stack.bill()}
    jobs = (await stack.control("GET", "/control/jobs"))["jobs"]
    return [bill[job["id"]] for job in jobs if words in str(job["body"])]


async def _waits(stack: Stack, scene: Scene, words: str) -> None:
    """Until the run says that it waits for this. Raises TimeoutError after 30 s."""
    async with asyncio.timeout(30):
        while True:
            progress = await query_progress(stack.servers.client, scene.id)
            if progress and any(words in (step.waiting_for or "") for step in progress.steps):
                return
            await asyncio.sleep(0.2)


async def _reconcile(stack: Stack, queue: str) -> ReconcileReport:
    return await reconcile_now(stack.servers.client, queue, timedelta(0))


async def _state_at_vendor(stack: Stack, job: ProviderJob) -> str:
    """As the vendor itself knows it."""
    jobs = (await stack.control("GET", "/control/jobs"))["jobs"]
    return next(known["state"] for known in jobs if known["id"] == job.request_id)


async def _vendor_is_done(stack: Stack, job: ProviderJob) -> None:
    """Until the vendor has finished a job. Raises TimeoutError after 30 s."""
    async with asyncio.timeout(30):
        while await _state_at_vendor(stack, job) != "succeeded":  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def test_a_lost_picture_is_bought_again_after_a_while(stack: Stack, queue: str) -> None:
    """By policy, with the first as a possible loss that stays visible; the film then comes by itself."""
    scene = await _scene(stack, "A picture got lost.")
    await _fault(stack, provider="fal", model=FLUX, fault="accept_then_drop")
    result = await (await stack.start(scene, queue)).result()
    lost, drawn = [job for job in await stack.jobs(scene) if job.step == Step.IMAGE]

    assert result.status == SceneStatus.COMPLETED
    assert (lost.state, lost.written_off_at is not None) == (S.UNKNOWN, True)
    assert drawn.state == S.STORED


async def test_a_held_clip_waits_for_a_decision(stack: Stack, queue: str) -> None:
    """A lost answer to a clip holds the scene, which says so; the reconciler lists it, and a cancel still works."""
    scene = await _scene(stack, "A clip got lost.")
    await _fault(stack, provider="fal", model=KLING, fault="accept_then_drop")
    handle = await stack.start(scene, queue)
    await stack.until(scene, Step.VIDEO, S.UNKNOWN)
    clip = await _job(stack, scene, Step.VIDEO)
    await _waits(stack, scene, clip.idempotency_key)
    report = await _reconcile(stack, queue)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()

    assert clip.idempotency_key in [job.idempotency_key for job in report.held]
    assert (await _job(stack, scene, Step.VIDEO)).state == S.UNKNOWN
    assert (await stack.reload(scene)).status == SceneStatus.CANCELED


async def test_a_late_job_is_parked_and_collected(stack: Stack) -> None:
    """Beyond its patience a run says what it waits for; the reconciler collects, and the run goes on at once."""
    scene = await _scene(stack, "This takes long.")
    await stack.control("PUT", "/control/latency", json={"provider": "fal", "processing_s": 3})
    try:
        async with stack.worker("impatient", IMPATIENT) as queue:
            handle = await stack.start(scene, queue)
            await _waits(stack, scene, "looked at every few minutes")
            parked = await _job(stack, scene, Step.IMAGE)
            await _vendor_is_done(stack, parked)
            report = await _reconcile(stack, queue)
            result = await _with_reconciler(stack, queue, handle)
    finally:
        await stack.control("PUT", "/control/latency", json={"provider": "fal", "processing_s": 0})

    assert (parked.state, parked.parked_at is not None) == (S.ACCEPTED, True)
    assert [job.after for job in report.moved if job.job_id == parked.id] == [S.STORED]
    assert result.status == SceneStatus.COMPLETED
    assert len(await stack.jobs(scene)) == 4


async def _with_reconciler(stack: Stack, queue: str, handle: SceneHandle) -> GenerateSceneResult:
    """The film of a run whose every job may be parked."""
    ending = asyncio.create_task(handle.result())
    while not ending.done():
        await _reconcile(stack, queue)
        await asyncio.wait({ending}, timeout=1)
    return await ending


async def test_what_a_canceled_run_was_delivered_is_kept(stack: Stack, queue: str) -> None:
    """sync.so cannot be stopped: the reconciler collects what it makes, and the next run needs no other."""
    scene = await _scene(stack, "Stopped too late.")
    await stack.control("PUT", "/control/latency", json={"provider": "sync", "processing_s": 5})
    try:
        handle = await stack.start(scene, queue)
        await stack.until(scene, Step.LIPSYNC, S.ACCEPTED)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    finally:
        await stack.control("PUT", "/control/latency", json={"provider": "sync", "processing_s": 0})
    left = await _job(stack, scene, Step.LIPSYNC)
    await _vendor_is_done(stack, left)
    await _reconcile(stack, queue)
    kept = await _job(stack, scene, Step.LIPSYNC)
    result = await (await stack.start(scene, queue)).result()

    assert left.state == S.ACCEPTED
    assert kept.state == S.STORED
    assert (result.status, result.cost_micros) == (SceneStatus.COMPLETED, 0)
    assert len([job for job in await stack.jobs(scene) if job.step == Step.LIPSYNC]) == 1


async def test_speech_whose_answer_was_never_heard_is_kept(stack: Stack, queue: str) -> None:
    """A run that was canceled while ElevenLabs still spoke: the audio is found in its history and kept."""
    scene = await _scene(stack, "Never heard.")
    await _fault(stack, provider="elevenlabs", fault="slow", parameters={"seconds": 3})
    handle = await stack.start(scene, queue)
    await stack.until(scene, Step.SPEECH, S.SENT)
    await asyncio.sleep(0.5)  # the request has to have left
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    async with asyncio.timeout(30):
        while (spoken := await _job(stack, scene, Step.SPEECH)).state != S.STORED:
            await _reconcile(stack, queue)
            await asyncio.sleep(0.5)

    assert await _billed(stack, scene.dialogue) == [spoken.actual_cost_micros]


async def _abandoned(stack: Stack, *states: JobState, age: timedelta = timedelta(0)) -> ProviderJob:
    """A purchase of a scene that does not run."""
    scene = await _scene(stack, "Abandoned.")
    order = Order(
        scene_id=scene.id,
        run_id="gone",
        step=Step.IMAGE,
        clip=None,
        provider=Provider.FAL,
        model=FLUX,
        fingerprint=scene.id,
        request={
            "model": FLUX,
            "prompt": "p",
            "aspect_ratio": "16:9",
            "steps": 28,
            "guidance": 3.5,
            "seed": 1,
        },
        estimated_cost_micros=35_000,
    )
    async with stack.parts.database.transaction() as tx:
        job = await tx.jobs.add_intent(order)
        for state in states:
            job = await tx.jobs.move(job.id, state)
            job.sent_at = now() - age
    return job


async def test_what_was_never_sent_is_released(stack: Stack, queue: str) -> None:
    """A claim that its run left behind costs nothing and holds no budget any more."""
    job = await _abandoned(stack)
    await _reconcile(stack, queue)
    async with stack.parts.database.transaction() as tx:
        released = await tx.jobs.get(job.id)
    assert (released.state, released.actual_cost_micros) == (S.CANCELED, 0)


async def test_what_can_never_come_expires(stack: Stack, queue: str) -> None:
    """After thirty days no vendor can tell: a possible loss for good. A day before it is still held."""
    old = await _abandoned(stack, S.SENT, S.UNKNOWN, age=timedelta(days=30, hours=1))
    young = await _abandoned(stack, S.SENT, S.UNKNOWN, age=timedelta(days=29))
    report = await _reconcile(stack, queue)
    async with stack.parts.database.transaction() as tx:
        expired, held = await tx.jobs.get(old.id), await tx.jobs.get(young.id)
    assert (expired.state, expired.error_code) == (S.FAILED, FailureCode.OUTCOME_UNKNOWN)
    assert expired.actual_cost_micros is None
    assert held.state == S.UNKNOWN
    assert young.id in [job.job_id for job in report.held]


async def test_the_reconciler_is_scheduled(stack: Stack, queue: str) -> None:
    """Every worker sees to it that the reconciler runs every five minutes, one pass at a time."""
    found = await stack.servers.client.get_schedule_handle(reconciler_id(queue)).describe()
    assert [interval.every for interval in found.schedule.spec.intervals] == [timedelta(minutes=5)]
    assert found.schedule.policy.overlap.name == "SKIP"


async def test_a_worker_that_stops_hands_over(stack: Stack) -> None:
    """SIGTERM ends a worker while the vendor is still at work; the next one collects, and nothing is bought again."""
    scene = await _scene(stack, "Handed over.")
    await stack.control("PUT", "/control/latency", json={"provider": "sync", "processing_s": 8})
    worker = await stack.worker_process("drained", {"DEVATAR_GRACEFUL_SHUTDOWN_SECONDS": "60"})
    try:
        handle = await stack.start(scene, "drained")
        await stack.until(scene, Step.LIPSYNC, S.ACCEPTED)
        worker.terminate()
        await worker.wait()
    finally:
        await stack.control("PUT", "/control/latency", json={"provider": "sync", "processing_s": 0})
    lipsync = await _job(stack, scene, Step.LIPSYNC)
    at_vendor = await _state_at_vendor(stack, lipsync)
    async with stack.worker("drained", {}):
        result = await handle.result()

    assert worker.returncode == 0
    assert at_vendor == "running"
    assert result.status == SceneStatus.COMPLETED
    assert len([job for job in await stack.jobs(scene) if job.step == Step.LIPSYNC]) == 1
