"""The four ways to an anchor picture, and what is kept and shown of each run."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from models.enums import AnchorSource, FailureCode, GenerationMode, JobState, LogLevel, SceneStatus, Step, StepState
from runtime.launching import mend, query_progress, scene_handle
from runtime.search_attributes import missing_search_attributes
from studio.media.portrait import draw_portrait
from tests.support.stack import Stack
from workflows.visibility import FAILURE_CODE, GENERATION_MODE, IDENTITY_ID, SCENE_ID, SCENE_STEP

STUCK = {"provider": "fal", "fault": "stuck"}
TEMPORAL = Path(sys.executable).parent / "temporal"


async def test_a_digital_twin_film_keeps_everything_on_record(stack: Stack) -> None:
    """Record, result and log of a digital-twin run tell every model, prompt, length, artifact and cost."""
    identity = await stack.identity()
    scene = await stack.scene(
        "Welcome, all of you.", identity=identity.name, generation_mode="digital-twin", seed=20_007
    )
    before = await stack.bill()
    result = await stack.film(scene)
    record = await stack.reload(scene)
    async with stack.parts.database.transaction() as tx:
        rows = await tx.logs.of_scene(scene.id)
    billed = (await stack.bill())[len(before) :]

    assert result.mode == record.effective_mode == GenerationMode.DIGITAL_TWIN
    assert record.anchor_source == AnchorSource.LORA
    assert record.image_seed == 20_007
    assert record.image_prompt is not None
    assert record.image_prompt.startswith(f"{identity.trigger_word}, a man with short dark hair")
    assert record.lora_fingerprint
    assert (record.image_model, record.lipsync_model) == ("fal-ai/flux-lora", "lipsync-2")
    made = {"speech", "anchor", "clips", "base_video", "lipsync", "film", "captions_srt", "captions_vtt"}
    assert set(record.artifacts) == made
    assert result.cost_micros == sum(line["price_usd_micros"] for line in billed)
    assert sorted(line["provider"] for line in billed) == ["elevenlabs", "fal", "fal", "sync"]
    messages = [row.message for row in rows]
    assert "LoRA validated: 256MB" in messages
    assert "Digital Twin mode activated - checking identity configuration" in messages
    assert len({row.event_key for row in rows}) == len(rows)


async def test_a_scene_without_mode_is_standard_and_drawn_from_its_prompt(stack: Stack) -> None:
    """No mode means standard; without any headshot the identity's Flux model draws the picture."""
    identity = await stack.identity(base_model="flux-schnell", lora_url=None)
    scene = await stack.scene("Good evening.", identity=identity.name)
    result = await stack.film(scene)
    record = await stack.reload(scene)

    assert (result.requested_mode, result.mode) == (GenerationMode.STANDARD, GenerationMode.STANDARD)
    assert (record.anchor_source, record.image_model) == (AnchorSource.TEXT_TO_IMAGE, "fal-ai/flux/schnell")
    assert identity.trigger_word not in (record.image_prompt or "")


async def test_a_headshot_is_fitted_and_no_picture_is_bought(stack: Stack, tmp_path: Path) -> None:
    """In standard mode the scene's own headshot starts the film, at the scene's aspect ratio."""
    identity = await stack.identity()
    headshot = tmp_path / "face.jpg"
    headshot.write_bytes(draw_portrait("a face", face="x", seed=1, width=640, height=480, output_format="jpeg"))
    scene = await stack.scene("This is my face.", identity=identity.name, headshot=str(headshot), aspect_ratio="9:16")
    result = await stack.film(scene)
    record = await stack.reload(scene)
    anchor = record.artifacts["anchor"]

    assert record.anchor_source == AnchorSource.SCENE_HEADSHOT
    assert (anchor["width"], anchor["height"]) == (576, 1024)
    assert result.film.width is not None
    assert result.film.height is not None
    assert result.film.width < result.film.height
    assert {job.step for job in await stack.jobs(scene)} == {Step.SPEECH, Step.VIDEO, Step.LIPSYNC}


async def test_a_digital_twin_without_a_lora_falls_back_loudly(stack: Stack) -> None:
    """Under the default policy the film is standard, and result, record, log and Temporal all say so."""
    identity = await stack.identity(lora_url=None)
    scene = await stack.scene("Good evening.", identity=identity.name, generation_mode="digital-twin")
    result = await stack.film(scene)
    record = await stack.reload(scene)
    progress = await query_progress(stack.servers.client, scene.id)
    async with stack.parts.database.transaction() as tx:
        warnings = [row for row in await tx.logs.of_scene(scene.id) if row.level == LogLevel.WARN]

    assert result.mode_fallback
    assert record.mode_fallback
    assert (result.requested_mode, result.mode) == (GenerationMode.DIGITAL_TWIN, GenerationMode.STANDARD)
    assert "no LoRA is configured" in result.mode_reason
    assert any("no LoRA is configured" in row.message for row in warnings)
    assert progress is not None
    assert progress.decision is not None
    assert progress.decision.fallback


async def test_the_same_scene_again_buys_nothing(stack: Stack) -> None:
    """A second run reuses every stored result, says so step by step, and costs nothing."""
    identity = await stack.identity()
    scene = await stack.scene("Once is enough.", identity=identity.name, generation_mode="digital-twin")
    first = await stack.film(scene)
    before = len(await stack.bill())
    second = await stack.film(scene)
    progress = await query_progress(stack.servers.client, scene.id)

    record = await stack.reload(scene)
    async with stack.parts.database.transaction() as tx:
        rows = [row for row in await tx.logs.of_scene(scene.id) if row.run_id == record.run_id]

    assert len([row for row in rows if "reused" in row.message]) == 4
    assert second.film == first.film
    assert second.cost_micros == 0
    assert len(await stack.bill()) == before
    assert progress is not None
    states = {item.step: item.state for item in progress.steps}
    assert all(states[step] is StepState.REUSED for step in (Step.SPEECH, Step.IMAGE, Step.VIDEO, Step.LIPSYNC))


async def test_a_run_is_searchable_and_described_in_temporal(stack: Stack) -> None:
    """Search attributes, summary and Markdown details are there for operators."""
    identity = await stack.identity(lora_url=stack.lora("missing.safetensors"))
    scene = await stack.scene("Good evening.", identity=identity.name, generation_mode="digital-twin")
    handle = await stack.start(scene)
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    described = await handle.describe()
    found = described.typed_search_attributes

    assert await missing_search_attributes(stack.servers.client) == []
    assert found[SCENE_ID] == scene.id
    assert found[IDENTITY_ID] == identity.id
    assert found[GENERATION_MODE] == GenerationMode.DIGITAL_TWIN
    assert found[SCENE_STEP] == Step.IDENTITY_ANCHOR
    assert found[FAILURE_CODE] == FailureCode.LORA_NOT_FOUND
    assert await described.static_summary() == f"Scene {scene.name}"
    metadata = await _cli(stack, "workflow", "metadata", "--workflow-id", handle.id)
    assert "lora_not_found" in json.dumps(metadata)
    assert "identity_anchor" in json.dumps(metadata)


async def test_the_temporal_cli_starts_a_scene_with_plain_json(stack: Stack) -> None:
    """A program in any language starts the workflow by name with JSON and reads a JSON result."""
    identity = await stack.identity()
    scene = await stack.scene("Plain words.", identity=identity.name, generation_mode="digital-twin")
    queue = stack.parts.settings.task_queue
    order = json.dumps({"scene_id": scene.id})
    started = ["--type", "GenerateSceneWorkflow", "--task-queue", queue, "--workflow-id", f"scene-{scene.id}"]
    answer = await _cli(stack, "workflow", "execute", *started, "--input", order)

    assert answer["status"] == "COMPLETED"
    assert answer["result"]["scene_id"] == scene.id
    assert answer["result"]["film"]["media_type"] == "video/mp4"
    assert answer["result"]["duration_s"] > 0.5


async def test_input_that_is_no_scene_fails_instead_of_hanging(stack: Stack) -> None:
    """A misspelt field ends the run with an error that names the right one."""
    handle: WorkflowHandle[object, object] = await stack.servers.client.start_workflow(
        "GenerateSceneWorkflow", {"sceneId": "x"}, id="scene-misspelt", task_queue=stack.parts.settings.task_queue
    )
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()

    assert isinstance(caught.value.cause, ApplicationError)
    assert "scene_id" in caught.value.cause.message


async def test_starting_a_running_scene_attaches_to_its_run(stack: Stack) -> None:
    """The second start gets the same run; a cancel then ends it within seconds, at the vendor too."""
    identity = await stack.identity()
    scene = await stack.scene("Wait for me.", identity=identity.name, generation_mode="digital-twin")
    await stack.control("POST", "/control/faults", json=STUCK)
    try:
        first = await stack.start(scene)
        second = await stack.start(scene)
        await stack.until(scene, Step.IMAGE, JobState.ACCEPTED)
        await first.cancel()
        with pytest.raises(WorkflowFailureError):
            await first.result()
    finally:
        await stack.control("DELETE", "/control/faults")
    record = await stack.reload(scene)
    image = next(job for job in await stack.jobs(scene) if job.step == Step.IMAGE)

    assert second.first_execution_run_id == first.first_execution_run_id
    assert (record.status, record.failure_code) == (SceneStatus.CANCELED, FailureCode.CANCELED)
    assert image.state == JobState.CANCELED


async def test_a_cancel_right_after_the_start_is_on_record(stack: Stack) -> None:
    """However early a cancel comes, the run ends and the scene says canceled."""
    identity = await stack.identity()
    scene = await stack.scene("Never mind.", identity=identity.name, generation_mode="digital-twin")
    handle = await stack.start(scene)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    record = await stack.reload(scene)

    assert (record.status, record.failure_code) == (SceneStatus.CANCELED, FailureCode.CANCELED)


async def test_a_terminated_run_is_mended_when_somebody_looks(stack: Stack) -> None:
    """A terminated workflow writes nothing; the next look corrects the scene's status and says why."""
    identity = await stack.identity()
    scene = await stack.scene("Stop here.", identity=identity.name, generation_mode="digital-twin")
    await stack.control("POST", "/control/faults", json=STUCK)
    try:
        handle = await stack.start(scene)
        await stack.until(scene, Step.IMAGE, JobState.ACCEPTED)
        await handle.terminate("test")
        left = await stack.reload(scene)
        mended = await mend(stack.parts.database, stack.servers.client, left)
    finally:
        await stack.control("DELETE", "/control/faults")

    assert left.status == SceneStatus.GENERATING
    assert mended.status == SceneStatus.CANCELED
    assert "terminated" in (mended.failure_detail or "")


async def test_a_run_that_is_reset_keeps_its_record_and_buys_nothing_again(stack: Stack) -> None:
    """An operator's reset to the beginning runs everything anew from what is stored, and the record follows."""
    identity = await stack.identity()
    scene = await stack.scene("Once more.", identity=identity.name, generation_mode="digital-twin")
    await stack.film(scene)
    first = await stack.reload(scene)
    before = len(await stack.bill())
    handle = scene_handle(stack.servers.client, scene.id)
    options = ["--workflow-id", handle.id, "--type", "FirstWorkflowTask", "--reason", "test"]
    await _cli(stack, "workflow", "reset", *options)
    await scene_handle(stack.servers.client, scene.id).result()
    record = await mend(stack.parts.database, stack.servers.client, await stack.reload(scene))

    assert len(await stack.bill()) == before
    assert record.status == SceneStatus.COMPLETED
    assert (record.run_id, record.artifacts) == (first.run_id, first.artifacts)
    assert record.ended_at != first.ended_at


async def _cli(stack: Stack, *arguments: str) -> Any:
    address = stack.servers.environment["TEMPORAL_ADDRESS"]
    command = [TEMPORAL, *arguments, "--address", address, "--output", "json"]
    program = await asyncio.create_subprocess_exec(*map(str, command), stdout=subprocess.PIPE)
    output, _ = await program.communicate()
    return json.loads(output)
