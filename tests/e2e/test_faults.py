"""Vendors that misbehave under a whole run: what is bought, what is kept, and what the scene says."""

from dataclasses import dataclass
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from models.enums import FailureCode, JobState, SceneStatus, Step
from models.tables import ProviderJob, Scene
from tests.support.stack import Stack

FLUX = "fal-ai/flux-lora"


@dataclass(frozen=True)
class Survived:
    """A fault that the run gets over: how many jobs the vendor made for the step in the end."""

    fault: dict[str, Any]
    step: Step
    bought: int = 1


@dataclass(frozen=True)
class Fatal:
    """A fault that ends the run: its code, and the state in which the purchase is left."""

    fault: dict[str, Any]
    step: Step
    code: FailureCode
    state: JobState


SURVIVED = {
    "speech: answer lost": Survived({"provider": "elevenlabs", "fault": "accept_then_drop"}, Step.SPEECH),
    "speech: rate limited": Survived(
        {"provider": "elevenlabs", "fault": "rate_limited", "parameters": {"retry_after": 1}}, Step.SPEECH
    ),
    "image: server error": Survived({"provider": "fal", "model": FLUX, "fault": "server_error"}, Step.IMAGE),
    "image: runner crashed": Survived(
        {"provider": "fal", "model": FLUX, "fault": "completed_with_error"}, Step.IMAGE, bought=2
    ),
    "lipsync: answer lost": Survived({"provider": "sync", "fault": "accept_then_drop"}, Step.LIPSYNC),
    "lipsync: too many at once": Survived({"provider": "sync", "fault": "concurrency_limit"}, Step.LIPSYNC),
    "download breaks once": Survived({"provider": "fal", "operation": "download", "fault": "server_error"}, Step.IMAGE),
}

FATAL = {
    "image: refused": Fatal(
        {"provider": "fal", "model": FLUX, "fault": "content_refused"},
        Step.IMAGE,
        FailureCode.CONTENT_REFUSED,
        JobState.FAILED,
    ),
    "image: flagged": Fatal(
        {"provider": "fal", "model": FLUX, "fault": "nsfw"}, Step.IMAGE, FailureCode.CONTENT_REFUSED, JobState.FAILED
    ),
    "image: account locked": Fatal(
        {"provider": "fal", "model": FLUX, "fault": "account_locked"},
        Step.IMAGE,
        FailureCode.OUT_OF_CREDIT,
        JobState.FAILED,
    ),
    "image: a page instead of the picture": Fatal(
        {"provider": "fal", "model": FLUX, "fault": "output_html"},
        Step.IMAGE,
        FailureCode.MEDIA_INVALID,
        JobState.FAILED,
    ),
    "image: link expired": Fatal(
        {"provider": "fal", "model": FLUX, "fault": "output_expired"},
        Step.IMAGE,
        FailureCode.NOT_FOUND,
        JobState.FAILED,
    ),
    "speech: quota": Fatal(
        {"provider": "elevenlabs", "fault": "quota_exceeded"}, Step.SPEECH, FailureCode.OUT_OF_CREDIT, JobState.FAILED
    ),
    "lipsync: rejected": Fatal(
        {"provider": "sync", "fault": "content_refused"}, Step.LIPSYNC, FailureCode.CONTENT_REFUSED, JobState.FAILED
    ),
}


@pytest.mark.parametrize("name", SURVIVED)
async def test_a_passing_fault_costs_no_second_purchase(stack: Stack, name: str) -> None:
    """The film is made all the same, and the vendor made no job more than it had to."""
    case = SURVIVED[name]
    scene = await _scene(stack)
    before = await stack.bill()
    await stack.control("POST", "/control/faults", json=case.fault)
    try:
        result = await stack.film(scene)
    finally:
        await stack.control("DELETE", "/control/faults")
    billed = (await stack.bill())[len(before) :]
    jobs = await _jobs_of(stack, scene, case.step)

    assert result.status == SceneStatus.COMPLETED
    assert [job.state for job in jobs] == [JobState.FAILED] * (case.bought - 1) + [JobState.STORED]
    assert len(billed) == 3 + case.bought


@pytest.mark.parametrize("name", FATAL)
async def test_a_lasting_fault_ends_the_run_with_its_code(stack: Stack, name: str) -> None:
    """The run fails with the fault's own code, the row says how the purchase was left, and nothing is bought twice."""
    case = FATAL[name]
    scene = await _scene(stack)
    before = await stack.bill()
    await stack.control("POST", "/control/faults", json=case.fault)
    try:
        with pytest.raises(WorkflowFailureError):
            await stack.film(scene)
    finally:
        await stack.control("DELETE", "/control/faults")
    record = await stack.reload(scene)
    billed = (await stack.bill())[len(before) :]
    jobs = await _jobs_of(stack, scene, case.step)

    assert (record.status, record.failure_code, record.failure_step) == (SceneStatus.FAILED, case.code, case.step)
    assert [(job.state, job.error_code) for job in jobs] == [(case.state, case.code)]
    assert len(billed) <= 4


async def _scene(stack: Stack) -> Scene:
    """A scene whose every step is new to the studio and to the database."""
    number = stack.unique()
    identity = await stack.identity()
    fields = {"identity": identity.name, "generation_mode": "digital-twin", "seed": number}
    return await stack.scene(f"This is number {number}.", **fields)


async def _jobs_of(stack: Stack, scene: Scene, step: Step) -> list[ProviderJob]:
    return [job for job in await stack.jobs(scene) if job.step == step]


async def test_a_cancel_loses_nothing_that_is_paid_for(stack: Stack) -> None:
    """sync.so takes no cancel: the job stays open, and the next run collects it instead of buying another."""
    scene = await _scene(stack)
    before = len(await stack.bill())
    await stack.control("PUT", "/control/latency", json={"provider": "sync", "processing_s": 8})
    try:
        handle = await stack.start(scene)
        await stack.until(scene, Step.LIPSYNC, JobState.ACCEPTED)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        left = await _jobs_of(stack, scene, Step.LIPSYNC)
        result = await stack.film(scene)
    finally:
        await stack.control("PUT", "/control/latency", json={"provider": "sync", "processing_s": 0})
    jobs = await _jobs_of(stack, scene, Step.LIPSYNC)

    assert [job.state for job in left] == [JobState.ACCEPTED]
    assert result.status == SceneStatus.COMPLETED
    assert [job.state for job in jobs] == [JobState.STORED]
    assert len(await stack.bill()) == before + 4
