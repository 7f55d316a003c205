"""Garbage on a running system: what a workflow under way needs is kept, wherever it is written down."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from models.enums import JobState, Step
from models.tables import Scene, now
from runtime.catalog.artifacts import Shelf, find_garbage
from runtime.histories import objects_of_runs
from tests.e2e.test_plans import face
from tests.support.stack import Stack

AGELESS = timedelta(days=1)  # from now on: so that what is made right now is old enough


def shelf(stack: Stack, *, asks_runs: bool) -> Shelf:
    async def held(scenes: Sequence[Scene]) -> set[str]:
        return await objects_of_runs(stack.servers.client, scenes) if asks_runs else set()

    return Shelf(stack.parts.database, stack.parts.objects, held)


async def garbage(stack: Stack, *, asks_runs: bool = True) -> set[str]:
    found = await find_garbage(shelf(stack, asks_runs=asks_runs), before=now() + AGELESS)
    return {each.key for each in found}


async def test_a_run_keeps_what_only_its_history_knows(stack: Stack, tmp_path: Path) -> None:
    """While the speech is being bought the fitted headshot is in no row; after the film all of it is in the take."""
    identity = await stack.identity()
    scene = await stack.scene(f"Line {stack.unique()}.", identity=identity.name, headshot=face(tmp_path))
    before = await garbage(stack)
    slow = {"provider": "elevenlabs", "queue_s": 6.0, "processing_s": 0.0}
    await stack.control("PUT", "/control/latency", json=slow)
    try:
        handle = await stack.start(scene)
        await stack.until(scene, Step.SPEECH, JobState.SENT)
        running = await stack.reload(scene)
        fitted = await objects_of_runs(stack.servers.client, [running])
        assert fitted
        assert await garbage(stack, asks_runs=False) - before == fitted
        assert await garbage(stack) == before
    finally:
        await stack.control("PUT", "/control/latency", json=slow | {"queue_s": 0.0})
    await handle.result()
    assert await garbage(stack) == before
