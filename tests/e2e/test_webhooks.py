"""Lost answers that webhooks make good: the studio signs and sends them to the API as fal and sync.so do."""

from collections.abc import AsyncGenerator

import pytest

from models.enums import JobState, SceneStatus, Step
from tests.support.stack import Stack, running_stack

FLUX = "fal-ai/flux-lora"
KLING = "fal-ai/kling-video/v2.6/pro/image-to-video"
LOST = [
    {"provider": "fal", "model": model, "fault": fault}
    for model in (FLUX, KLING)
    for fault in ("accept_then_drop", "duplicate_webhook")
]


@pytest.fixture(scope="module")
async def hooked(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Stack]:
    """Everything with an API that the studio reaches, and no purchase that is made again by itself."""
    with pytest.MonkeyPatch.context() as patch:
        for step in (Step.IMAGE, Step.VIDEO, Step.LIPSYNC):
            patch.setenv(f"DEVATAR_UNKNOWN_{step.upper()}", "hold")
        async with running_stack(tmp_path_factory.mktemp("hooked"), "320x180", api=True) as running:
            yield running


async def test_a_scene_finishes_though_two_answers_were_lost(hooked: Stack) -> None:
    """fal cannot be asked for a lost job, so only its webhooks can have told; everything was bought once."""
    for fault in [*LOST, {"provider": "sync", "fault": "duplicate_webhook"}]:
        await hooked.control("POST", "/control/faults", json={"operation": "submit"} | fault)
    identity = await hooked.identity()
    scene = await hooked.scene("Lost and found.", identity=identity.name, generation_mode="digital-twin")
    run = await hooked.start(scene)
    result = await run.result()
    history = await run.fetch_history()
    jobs = await hooked.jobs(scene)
    asked = {job["id"]: job["callback"] for job in (await hooked.control("GET", "/control/jobs"))["jobs"]}
    faults = (await hooked.control("GET", "/control/faults"))["faults"]
    async with hooked.parts.database.transaction() as tx:
        events = [row.event_key.partition(":")[2] for row in await tx.logs.of_scene(scene.id)]

    assert result.status == SceneStatus.COMPLETED
    assert [fault["fired"] for fault in faults] == [1] * 5
    assert sorted((job.step, job.take, job.state) for job in jobs) == sorted(
        (step, 1, JobState.STORED) for step in (Step.SPEECH, Step.IMAGE, Step.VIDEO, Step.LIPSYNC)
    )
    assert sorted(line["model"] for line in await hooked.bill()) == sorted(job.model for job in jobs)
    hooks = f"{hooked.servers.api_url}/api/webhooks"
    for job in jobs:
        if job.provider in ("fal", "sync"):
            assert asked[job.request_id] == f"{hooks}/{job.provider}?job={job.id}"
        if job.step in (Step.IMAGE, Step.VIDEO):
            assert {f"{job.idempotency_key}:lost", f"{job.idempotency_key}:accepted"} <= set(events)
    assert not [event for event in events if "stray-job" in event]
    assert sum(event.HasField("workflow_execution_signaled_event_attributes") for event in history.events) == 2
    assert "was refused" not in (hooked.servers.data_dir / "logs" / "api.log").read_text()
