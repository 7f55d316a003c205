"""A purchase that cannot go on: the run waits, says for what, and goes on when something changes."""

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import CancelledError
from temporalio.testing import WorkflowEnvironment

from models.enums import ClipPolicy, FailureCode, Provider, SceneStatus, Step, StepState
from models.messages import Collected, JobTicket, PurchaseWait
from runtime.launching import SceneHandle
from tests.workflows.runs import fail, finish, start, states_of, worker_of
from tests.workflows.stand_ins import Script, StandIns, failing, plan, ref
from workflows.generate_scene import GenerateSceneWorkflow

DAY_S = 86_400.0


def ticket(job_id: str = "j", waits: PurchaseWait | None = None) -> JobTicket:
    """A purchase that the vendor has, or may have."""
    return JobTicket(job_id=job_id, provider=Provider.FAL, model="m", waits=waits)


def waiting(times: int, then: Any, *, as_ticket: bool, recheck_s: float = DAY_S) -> Script:
    """An activity that has to wait so many times, then answers."""
    left = iter(range(times))
    waits = PurchaseWait(reason="the answer was lost", recheck_s=recheck_s)

    async def script(_: Any) -> Any:
        if next(left, None) is None:
            return then
        return ticket(waits=waits) if as_ticket else Collected(waits=waits)

    return script


async def until_waiting(handle: SceneHandle, step: Step) -> None:
    """Until the run says that the step waits. Raises TimeoutError."""
    async with asyncio.timeout(20):
        while True:
            progress = await handle.query(GenerateSceneWorkflow.progress)
            found = next(item for item in progress.steps if item.step is step)
            if (found.waiting_for or "").startswith("the answer was lost"):
                assert found.state is StepState.RUNNING
                return
            await asyncio.sleep(0.05)


SPOKEN = Collected(artifact=ref("speech", "audio/mpeg", duration_s=4.0), cost_micros=100)
FILM = Collected(artifact=ref("film", "video/mp4", duration_s=4.0, width=16, height=9), cost_micros=10_000)
CASES = {
    "synthesize_speech": (Step.SPEECH, SPOKEN, False),
    "submit_image": (Step.IMAGE, ticket("submit_image"), True),
    "submit_video": (Step.VIDEO, ticket("submit_video1"), True),
    "collect_lipsync": (Step.LIPSYNC, FILM, False),
}


@pytest.mark.parametrize("name", CASES)
async def test_it_is_looked_at_again_after_a_while(environment: WorkflowEnvironment, name: str) -> None:
    """Without any word the same activity is called again when its time has come, as often as it takes."""
    _, then, as_ticket = CASES[name]
    stand_ins = StandIns(scripts={name: waiting(3, then, as_ticket=as_ticket)})
    result = await finish(environment, stand_ins)

    assert result.status is SceneStatus.COMPLETED
    assert stand_ins.names().count(name) == 4


@pytest.mark.parametrize("name", CASES)
async def test_a_change_is_noticed_at_once(environment: WorkflowEnvironment, name: str) -> None:
    """A run that waits for a day goes on as soon as it is told that a purchase changed."""
    step, then, as_ticket = CASES[name]
    stand_ins = StandIns(scripts={name: waiting(1, then, as_ticket=as_ticket)})
    with environment.auto_time_skipping_disabled():
        async with worker_of(environment, stand_ins) as worker:
            handle = await start(environment, worker)
            await until_waiting(handle, step)
            await handle.signal(GenerateSceneWorkflow.purchase_changed)
            async with asyncio.timeout(20):
                result = await handle.result()

    assert result.status is SceneStatus.COMPLETED
    assert stand_ins.names().count(name) == 2


async def test_a_change_during_the_look_is_not_missed(environment: WorkflowEnvironment) -> None:
    """Word that comes while the activity still says that it has to wait counts."""
    looked = asyncio.Event()
    told = asyncio.Event()
    answers = iter([True, False])

    async def look(_: Any) -> JobTicket:
        if not next(answers):
            return ticket("submit_image")
        looked.set()
        await told.wait()
        return ticket(waits=PurchaseWait(reason="the answer was lost", recheck_s=DAY_S))

    stand_ins = StandIns(scripts={"submit_image": look})
    with environment.auto_time_skipping_disabled():
        async with worker_of(environment, stand_ins) as worker:
            handle = await start(environment, worker)
            await asyncio.wait_for(looked.wait(), 20)
            await handle.signal(GenerateSceneWorkflow.purchase_changed)
            await handle.query(GenerateSceneWorkflow.progress)  # the signal has arrived
            told.set()
            async with asyncio.timeout(20):
                await handle.result()

    assert stand_ins.names().count("submit_image") == 2


async def test_a_cancel_ends_the_wait(environment: WorkflowEnvironment) -> None:
    """Waiting for a person is no reason not to stop."""
    stand_ins = StandIns(scripts={"submit_video": waiting(99, None, as_ticket=True)})
    with environment.auto_time_skipping_disabled():
        async with worker_of(environment, stand_ins) as worker:
            handle = await start(environment, worker)
            await until_waiting(handle, Step.VIDEO)
            await handle.cancel()
            with pytest.raises(WorkflowFailureError) as caught:
                await handle.result()

    assert isinstance(caught.value.cause, CancelledError)
    assert stand_ins.input_of("end_scene").cancel_jobs


async def test_a_failed_scene_waits_for_nothing(environment: WorkflowEnvironment) -> None:
    """When another clip is refused, the one that waits is left to the reconciler, and the scene ends."""
    waits = PurchaseWait(reason="the answer was lost", recheck_s=DAY_S)

    async def submit(order: Any) -> JobTicket:
        if order.clip == 1:
            return ticket(waits=waits)
        await asyncio.sleep(0.3)
        await failing(FailureCode.CONTENT_REFUSED)(order)
        raise AssertionError

    stand_ins = StandIns(plan=plan(clip_policy=ClipPolicy.COVER), speech_s=15.0, scripts={"submit_video": submit})
    error, progress = await fail(environment, stand_ins)

    assert error.type == FailureCode.CONTENT_REFUSED
    assert states_of(progress)[Step.VIDEO] is StepState.FAILED
