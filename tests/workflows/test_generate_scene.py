"""The workflow alone, with time skipping: which step when, and what a failure or a cancel leads to."""

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import CancelledError
from temporalio.testing import WorkflowEnvironment

from models.enums import (
    AnchorSource,
    ClipPolicy,
    FailureCode,
    GenerationMode,
    Provider,
    SceneStatus,
    Step,
    StepState,
    SyncMode,
)
from models.messages import GenerateSceneResult, JobTicket, PurchaseResult
from models.scene import ModeDecision, ScenePlan
from tests.workflows.runs import fail, finish, start, states_of, worker_of
from tests.workflows.stand_ins import StandIns, crashing, failing, hanging, plan, published, ref
from workflows.generate_scene import GenerateSceneWorkflow
from workflows.policies import PURCHASES_PER_STEP


async def test_speech_and_picture_are_made_side_by_side_after_the_free_checks(environment: WorkflowEnvironment) -> None:
    """Nothing is bought before the LoRA is checked; then speech and picture run at the same time."""
    stand_ins = StandIns(scripts={"synthesize_speech": _slow_speech})
    result = await finish(environment, stand_ins)
    names = stand_ins.names()

    assert names[:2] == ["load_scene", "validate_identity_anchor"]
    assert set(names[2:4]) == {"synthesize_speech", "submit_image"}
    assert frozenset({"synthesize_speech", "collect_image"}) in stand_ins.side_by_side
    assert names[5:] == [
        "submit_video",
        "collect_video",
        "submit_lipsync",
        "collect_lipsync",
        "check_media",
        "publish_scene",
    ]
    assert result.cost_micros == 100 + 10 + 1000 + 10_000
    assert stand_ins.input_of("publish_scene").lipsync.key == "film"


async def test_every_clip_starts_and_ends_on_the_anchor(environment: WorkflowEnvironment) -> None:
    """Under `cover` the clips are bought side by side, joined in order, and loop without a jump."""
    stand_ins = StandIns(plan=plan(clip_policy=ClipPolicy.COVER), speech_s=23.0)
    await finish(environment, stand_ins)
    orders = [order for name, order in stand_ins.asked if name == "submit_video"]
    joined = stand_ins.input_of("join_clips")

    assert sorted(order.request.seconds for order in orders) == [5, 10, 10]
    assert all(order.request.start_image == order.request.end_image for order in orders)
    assert [clip.key for clip in joined.clips] == ["submit_video1", "submit_video2", "submit_video3"]
    assert stand_ins.input_of("submit_lipsync").request.sync_mode == SyncMode.LOOP
    assert stand_ins.names().count("collect_video") == 3


async def test_a_headshot_needs_no_lora_and_no_purchase(environment: WorkflowEnvironment) -> None:
    """A headshot scene neither checks a LoRA nor buys a picture; both steps say why."""
    standard = GenerationMode.STANDARD
    decision = ModeDecision(
        requested=standard, mode=standard, source=AnchorSource.SCENE_HEADSHOT, reason="the scene's headshot"
    )
    stand_ins = StandIns(plan=plan(image=None, decision=decision))
    async with worker_of(environment, stand_ins) as worker:
        handle = await start(environment, worker)
        await handle.result()
        progress = await handle.query(GenerateSceneWorkflow.progress)

    assert "prepare_headshot" in stand_ins.names()
    assert not {"validate_identity_anchor", "submit_image"} & set(stand_ins.names())
    assert states_of(progress)[Step.IDENTITY_ANCHOR] is StepState.SKIPPED
    assert stand_ins.input_of("submit_video").request.start_image.key == "headshot"


async def test_a_failed_step_ends_the_scene_with_its_code(environment: WorkflowEnvironment) -> None:
    """A permanent failure is tried once, recorded once, and is the workflow's own failure."""
    stand_ins = StandIns(scripts={"submit_image": failing(FailureCode.OUT_OF_CREDIT)})
    error, progress = await fail(environment, stand_ins)
    ending = stand_ins.input_of("end_scene")

    assert error.type == FailureCode.OUT_OF_CREDIT
    assert error.message.startswith("image: ")
    assert stand_ins.names().count("submit_image") == 1
    assert (ending.status, ending.failure.code, ending.failure.step) == (
        SceneStatus.FAILED,
        FailureCode.OUT_OF_CREDIT,
        Step.IMAGE,
    )
    assert not ending.cancel_jobs
    assert progress.status is SceneStatus.FAILED
    assert states_of(progress)[Step.IMAGE] is StepState.FAILED


async def test_what_is_paid_for_is_collected_before_a_failed_scene_ends(environment: WorkflowEnvironment) -> None:
    """When the picture fails, the speech that is under way is still finished, and nothing more is bought."""
    stand_ins = StandIns(
        scripts={"synthesize_speech": _slow_speech, "submit_image": failing(FailureCode.CONTENT_REFUSED)}
    )
    _, progress = await fail(environment, stand_ins)

    assert states_of(progress)[Step.SPEECH] is StepState.DONE
    assert "submit_video" not in stand_ins.names()


async def test_clips_that_are_bought_are_collected_when_another_clip_fails(environment: WorkflowEnvironment) -> None:
    """One refused clip of three leaves the other two collected."""

    async def second_is_refused(order: Any) -> JobTicket:
        if order.clip == 2:
            await failing(FailureCode.CONTENT_REFUSED)(order)
        return JobTicket(job_id=f"job{order.clip}", provider=order.provider, model="m")

    stand_ins = StandIns(
        plan=plan(clip_policy=ClipPolicy.COVER), speech_s=23.0, scripts={"submit_video": second_is_refused}
    )
    error, _ = await fail(environment, stand_ins)

    assert error.type == FailureCode.CONTENT_REFUSED
    assert stand_ins.names().count("collect_video") == 2


async def test_a_broken_vendor_job_is_bought_again_a_bounded_number_of_times(environment: WorkflowEnvironment) -> None:
    """A job that the vendor's own machine lost is bought anew, at most as often as the policy says."""
    broken = failing(FailureCode.PROVIDER_UNAVAILABLE, resubmit=True)
    stand_ins = StandIns(scripts={"collect_lipsync": broken})
    error, _ = await fail(environment, stand_ins)

    assert error.type == FailureCode.PROVIDER_UNAVAILABLE
    assert stand_ins.names().count("submit_lipsync") == PURCHASES_PER_STEP


async def test_a_refused_vendor_job_is_not_bought_again(environment: WorkflowEnvironment) -> None:
    """A refusal would be refused again."""
    stand_ins = StandIns(scripts={"collect_lipsync": failing(FailureCode.CONTENT_REFUSED)})
    await fail(environment, stand_ins)

    assert stand_ins.names().count("submit_lipsync") == 1


async def test_a_stored_result_is_taken_without_collecting(environment: WorkflowEnvironment) -> None:
    """A submit that finds the result in the store needs no collect, costs nothing, and says reused."""

    async def stored(_: Any) -> JobTicket:
        found = PurchaseResult(artifact=ref("old", "image/png", width=16, height=9), reused=True)
        return JobTicket(job_id="j", provider=Provider.FAL, model="m", result=found)

    stand_ins = StandIns(scripts={"submit_image": stored})
    async with worker_of(environment, stand_ins) as worker:
        handle = await start(environment, worker)
        await handle.result()
        progress = await handle.query(GenerateSceneWorkflow.progress)

    assert "collect_image" not in stand_ins.names()
    assert states_of(progress)[Step.IMAGE] is StepState.REUSED


async def test_speech_that_turns_out_too_long_stops_before_video(environment: WorkflowEnvironment) -> None:
    """The measured length decides: beyond the limit no clip is bought."""
    error, _ = await fail(environment, StandIns(speech_s=301.0))

    assert error.type == FailureCode.INVALID_REQUEST
    assert "301.0 s" in error.message


async def test_passing_faults_are_retried_until_they_pass(environment: WorkflowEnvironment) -> None:
    """Rate limits with a wish for minutes cost skipped time, not the scene."""
    limited = failing(FailureCode.RATE_LIMITED, retry=True, times=3, retry_after_s=90.0)

    async def submit(order: Any) -> JobTicket:
        await limited(order)
        return JobTicket(job_id="j", provider=order.provider, model="m")

    stand_ins = StandIns(scripts={"submit_video": submit})
    result = await finish(environment, stand_ins)

    assert result.status is SceneStatus.COMPLETED
    assert stand_ins.names().count("submit_video") == 4


async def test_an_unexpected_error_is_tried_a_few_times_and_then_told(environment: WorkflowEnvironment) -> None:
    """A bug in an activity ends in `unknown` with its type, not in an endless retry."""
    stand_ins = StandIns(scripts={"check_media": crashing()})
    error, _ = await fail(environment, stand_ins)

    assert error.type == FailureCode.UNKNOWN
    assert "ValueError: a bug" in error.message
    assert 1 < stand_ins.names().count("check_media") <= 5


async def test_a_cancel_ends_the_run_and_stops_the_vendors(environment: WorkflowEnvironment) -> None:
    """A cancel during a collect is recorded, and the vendors are told."""
    started = asyncio.Event()
    stand_ins = StandIns(scripts={"collect_video": hanging(started)})
    async with worker_of(environment, stand_ins) as worker:
        handle = await start(environment, worker)
        await asyncio.wait_for(started.wait(), 20)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
        progress = await handle.query(GenerateSceneWorkflow.progress)
    ending = stand_ins.input_of("end_scene")

    assert isinstance(caught.value.cause, CancelledError)
    assert (ending.status, ending.failure.code) == (SceneStatus.CANCELED, FailureCode.CANCELED)
    assert ending.cancel_jobs
    assert states_of(progress)[Step.VIDEO] is StepState.CANCELED


async def test_a_cancel_that_an_activity_never_heard_of_still_ends_the_run(environment: WorkflowEnvironment) -> None:
    """An activity may end well before its cancel reaches it; the run ends all the same, and buys nothing."""
    started = asyncio.Event()

    async def deaf(_: Any) -> ScenePlan:
        started.set()
        await asyncio.sleep(1)
        return plan()

    stand_ins = StandIns(scripts={"load_scene": deaf})
    async with worker_of(environment, stand_ins) as worker:
        handle = await start(environment, worker)
        await asyncio.wait_for(started.wait(), 20)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()

    assert isinstance(caught.value.cause, CancelledError)
    assert stand_ins.names() == ["load_scene", "end_scene"]
    assert stand_ins.input_of("end_scene").status == SceneStatus.CANCELED


async def test_a_cancel_during_publishing_leaves_the_film_finished(environment: WorkflowEnvironment) -> None:
    """What is published is complete; a record must not say canceled of a film that is there."""
    started = asyncio.Event()
    stand_ins = StandIns()

    async def publish(order: Any) -> GenerateSceneResult:
        started.set()
        await asyncio.sleep(1)
        return published(order)

    stand_ins.scripts["publish_scene"] = publish
    async with worker_of(environment, stand_ins) as worker:
        handle = await start(environment, worker)
        await asyncio.wait_for(started.wait(), 20)
        await handle.cancel()
        result = await handle.result()

    assert result.status == SceneStatus.COMPLETED
    assert "end_scene" not in stand_ins.names()


async def _slow_speech(_: Any) -> PurchaseResult:
    await asyncio.sleep(0.5)
    return PurchaseResult(artifact=ref("speech", "audio/mpeg", duration_s=4.0), cost_micros=100)
