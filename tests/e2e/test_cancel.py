"""A cancel ends within seconds at whatever step, also while a vendor or a download hangs."""

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import CancelledError

from models.enums import JobState, SceneStatus, Step
from models.tables import ProviderJob, Scene
from tests.support.stack import Stack

FLUX = "fal-ai/flux/dev"
KLING = "fal-ai/kling-video/v2.6/pro/image-to-video"
SECONDS = (
    12  # heartbeats every 2 s, 5 s for the vendors to take the cancel, and a machine that is busy with other tests
)
S = JobState

# Where it hangs, and the state of the step's purchase by which we know that it does.
HANGS: dict[str, tuple[dict[str, Any], Step, JobState]] = {
    "asking for speech": ({"provider": "elevenlabs"}, Step.SPEECH, S.SENT),
    "submitting the picture": ({"provider": "fal", "model": FLUX}, Step.IMAGE, S.SENT),
    "looking at the picture": ({"provider": "fal", "model": FLUX, "operation": "status"}, Step.IMAGE, S.ACCEPTED),
    "downloading the picture": ({"provider": "fal", "operation": "download"}, Step.IMAGE, S.SUCCEEDED),
    "submitting the clip": ({"provider": "fal", "model": KLING}, Step.VIDEO, S.SENT),
    "looking at the lipsync": ({"provider": "sync", "operation": "status"}, Step.LIPSYNC, S.ACCEPTED),
}


@pytest.mark.parametrize("hang", HANGS)
async def test_a_cancel_ends_a_run_that_hangs(stack: Stack, hang: str) -> None:
    """The run ends as canceled in seconds, and what was bought by then is all that was bought."""
    fault, step, state = HANGS[hang]
    scene = await _scene(stack)
    await stack.control("POST", "/control/faults", json={**fault, "fault": "hang", "times": -1})
    try:
        handle = await stack.start(scene)
        await stack.until(scene, step, state)
        await handle.cancel()
        async with asyncio.timeout(SECONDS):
            with pytest.raises(WorkflowFailureError) as caught:
                await handle.result()
    finally:
        await stack.control("DELETE", "/control/faults")
    record = await stack.reload(scene)

    assert isinstance(caught.value.cause, CancelledError)
    assert record.status == SceneStatus.CANCELED
    assert len(await stack.jobs(scene)) == len({(job.step, job.clip) for job in await stack.jobs(scene)})


async def test_a_queued_job_is_stopped_at_the_vendor(stack: Stack) -> None:
    """What still waits in fal's queue is taken out of it, costs nothing, and says so."""
    scene = await _scene(stack)
    await stack.control("PUT", "/control/latency", json={"provider": "fal", "queue_s": 60})
    try:
        handle = await stack.start(scene)
        await stack.until(scene, Step.IMAGE, S.ACCEPTED)
        await handle.cancel()
        async with asyncio.timeout(SECONDS):
            with pytest.raises(WorkflowFailureError):
                await handle.result()
    finally:
        await stack.control("PUT", "/control/latency", json={"provider": "fal", "queue_s": 0})
    picture = await _picture(stack, scene)
    line = next(line for line in await stack.bill() if line["request_id"] == picture.request_id)

    assert (picture.state, picture.actual_cost_micros) == (S.CANCELED, 0)
    assert (line["state"], line["price_usd_micros"]) == ("waived", 0)


async def _scene(stack: Stack) -> Scene:
    number = stack.unique()
    identity = await stack.identity(lora_url=None)  # nothing is downloaded before the picture
    return await stack.scene(f"Canceled as number {number}.", identity=identity.name, seed=30_000 + number)


async def _picture(stack: Stack, scene: Scene) -> ProviderJob:
    return next(job for job in await stack.jobs(scene) if job.step == Step.IMAGE)
