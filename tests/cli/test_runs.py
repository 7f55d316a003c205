"""Running scenes from the command line against servers and a worker: start, join, follow, leave, cancel."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from media.film import check_film
from models.enums import SceneStatus
from models.tables import Scene
from runtime.launching import newest_run, scene_handle
from tests.cli.program import Program, on_stack
from tests.support.stack import Stack

SLOW_S = 25.0  # much longer than any of these tests follows a run that it means to leave or cancel


async def new_scene(stack: Stack, dialogue: str = "Hi.", **fields: object) -> Scene:
    """A scene whose picture nobody has bought yet."""
    identity = await stack.identity(lora_url=None)
    return await stack.scene(dialogue, identity=identity.name, environment=f"room {identity.id}", **fields)


@asynccontextmanager
async def slow_pictures(stack: Stack) -> AsyncGenerator[None]:
    """New jobs at fal take long."""
    await stack.control("PUT", "/control/latency", json={"provider": "fal", "processing_s": SLOW_S})
    try:
        yield
    finally:
        await stack.control("PUT", "/control/latency", json={"provider": "fal"})


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that must come. Raises TimeoutError."""
    async with asyncio.timeout(30):
        while True:
            if await asyncio.to_thread(condition):
                return
            await asyncio.sleep(0.2)


async def test_a_scene_is_filmed_and_shown(stack: Stack) -> None:
    """Progress step by step, the film's file alone on its line; a second run pays nothing; all of it is in `show`."""
    program, scene = on_stack(stack), await new_scene(stack, "A film to show.")
    filmed = await program.waited("scene", "generate", scene.name)
    again = await program.waited("scene", "generate", scene.id, "--json")
    shown = program.run("scene", "show", scene.name, "--json").json
    text = program.run("scene", "show", scene.name).out
    assert filmed.code == 0
    assert "started a run" in filmed.out
    assert all(f" {step} " in filmed.out for step in ("speech", "image", "video", "lipsync", "publish"))
    film = next(line.removeprefix("film: ") for line in filmed.out.splitlines() if line.startswith("film: "))
    check_film(Path(film), again.json["duration_s"])
    assert (again.code, again.json["status"], again.json["attached"]) == (0, "completed", False)
    assert (again.json["cost_micros"], again.json["film"]["file"]) == (0, film)
    assert (shown["status"], shown["effective_mode"], shown["film"]["file"]) == ("completed", "standard", film)
    assert [purchase["state"] for purchase in shown["purchases"]] == ["stored"] * 4
    told = (film, shown["image_prompt"], shown["video_model"], "PURCHASES", shown["purchases"][0]["request_id"])
    assert all(word in text for word in told)


async def test_the_log_tells_each_event_once(stack: Stack) -> None:
    """As lines for people, as an array, and followed to the run's end as one document a line."""
    program, scene = on_stack(stack), await new_scene(stack, "The log, please.")
    program.run("scene", "generate", scene.name, "--no-wait")
    followed = await program.waited("scene", "logs", scene.name, "--follow", "--json")
    array = program.run("scene", "logs", scene.name, "--json").json
    text = program.run("scene", "logs", scene.name).out
    assert len(followed.out.splitlines()) == len(array) == len(text.splitlines())
    assert {"AUDIO_GENERATION", "IMAGE_GENERATION", "UPLOAD"} <= {row["step"] for row in array}
    assert array[-1]["message"].startswith("Film published")
    assert "$" in text


async def test_a_failed_scene_says_why(stack: Stack) -> None:
    """Exit code 1 and the failure's code, step and message, also afterwards in `show`, `status` and `list`."""
    program = on_stack(stack)
    identity = await stack.identity(lora_url=stack.lora("missing.safetensors"))
    scene = await stack.scene("Hi.", identity=identity.name, generation_mode="digital-twin")
    answer = await program.waited("scene", "generate", scene.name)
    watched = await program.waited("scene", "status", scene.name, "--watch", "--json")
    assert (answer.code, watched.code) == (1, 1)
    assert "lora_not_found in identity_anchor" in answer.out
    assert watched.json["failure"]["user_message"] == "LoRA file not found"
    assert "lora_not_found" in program.run("scene", "show", scene.name).out
    assert program.run("scene", "status", scene.name).code == 0
    listed = {row["name"]: row for row in program.run("scene", "list", "--json").json}
    assert (listed[scene.name]["status"], listed[scene.name]["failure_code"]) == ("failed", "lora_not_found")


async def test_a_fallback_is_loud(stack: Stack) -> None:
    """A film without the face that was asked for says so where it is shown, before everything else."""
    program = on_stack(stack)
    scene = await new_scene(stack, generation_mode="digital-twin")
    await stack.film(scene)
    status = program.run("scene", "status", scene.name, "--json").json
    assert (status["mode_fallback"], status["mode_asked"], status["mode"]) == (True, "digital-twin", "standard")
    for line in ("scene show", "scene status"):
        assert "FALLBACK: asked for digital-twin, used standard" in program.run(*line.split(), scene.name).out
    assert "FALLBACK" in program.run("scene", "list").out


async def test_ctrl_c_leaves_and_the_run_goes_on(stack: Stack) -> None:
    """130 with how to follow and how to stop; then `generate` joins the same run, and `cancel` ends it."""
    program, scene = on_stack(stack), await new_scene(stack)
    async with slow_pictures(stack):
        process = program.start("scene", "generate", scene.name)
        assert process.stdout is not None
        output = process.stdout
        await until(lambda: " image " in output.readline())
        process.send_signal(signal.SIGINT)
        _, told = await asyncio.to_thread(process.communicate, timeout=30)
        run = await newest_run(stack.servers.client, scene.id)
        assert run is not None
        joined = program.run("scene", "generate", scene.name, "--no-wait", "--json")
        status = program.run("scene", "status", scene.name)
        canceled = await program.waited("scene", "cancel", scene.name, "--json")
    assert process.returncode == 130
    assert f"scene generate {scene.name}" in told
    assert f"scene cancel {scene.name}" in told
    assert "Traceback" not in told
    assert not run.over
    assert (joined.code, joined.json["run_id"], joined.json["attached"]) == (0, run.run_id, True)
    assert (status.code, "image" in status.out, "running" in status.out) == (0, True, True)
    assert (canceled.code, canceled.json["requested"], canceled.json["status"]) == (0, True, "canceled")
    assert program.run("scene", "status", scene.name, "--watch").code == 5
    assert "nothing to cancel" in program.run("scene", "cancel", scene.name).out


async def test_a_run_that_was_terminated_is_mended_when_looked_at(stack: Stack) -> None:
    """A workflow that is killed cannot write its end: the next `list` does."""
    program, scene = on_stack(stack), await new_scene(stack)
    async with slow_pictures(stack):
        handle = await stack.start(scene)
        await until(lambda: _listed(program, scene)["status"] == "generating")
        await handle.terminate("a test")
        listed = _listed(program, scene)
    assert (listed["status"], listed["failure_code"]) == ("canceled", "canceled")
    assert (await stack.reload(scene)).status == SceneStatus.CANCELED
    watched = await program.waited("scene", "status", scene.name, "--watch", "--json")
    assert (watched.code, watched.json["status"]) == (5, "canceled")


async def test_a_run_without_a_worker_is_visible(stack: Stack) -> None:
    """Whoever starts, looks or cancels is told that nobody serves the task queue."""
    program, scene = on_stack(stack), await new_scene(stack)
    words = "no worker serves task queue nobody-here"
    started = program.run("scene", "generate", scene.name, "--no-wait", DEVATAR_TASK_QUEUE="nobody-here")
    status = program.run("scene", "status", scene.name)
    canceled = program.run("scene", "cancel", scene.name)
    await scene_handle(stack.servers.client, scene.id).terminate("a test")
    assert (started.code, words in started.err) == (0, True)
    assert (status.code, words in status.out, "generating" in status.out) == (0, True, True)
    assert words in canceled.out


def _listed(program: Program, scene: Scene) -> dict[str, str]:
    return next(row for row in program.run("scene", "list", "--json").json if row["id"] == scene.id)
