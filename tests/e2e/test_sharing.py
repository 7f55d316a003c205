"""Scenes that need the same things at the same time, on two workers: each thing is bought once."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from models.enums import SceneStatus, Step
from models.tables import Scene
from tests.e2e.test_reuse import step_of
from tests.support.stack import Stack

SCENES = 20
ONE_OF_EACH = {Step.SPEECH: 1, Step.IMAGE: 1, Step.VIDEO: 1, Step.LIPSYNC: 1}


async def alike(stack: Stack) -> list[Scene]:
    """So many scenes that differ in nothing but their names."""
    identity, number = await stack.identity(), stack.unique()
    fields = {"identity": identity.name, "generation_mode": "digital-twin", "environment": f"room {number}", "seed": 7}
    return [await stack.scene(f"Line {number}.", **fields) for _ in range(SCENES)]


@pytest.mark.timeout(180)
async def test_twenty_alike_on_two_workers(stack: Stack) -> None:
    """One of each step is on the bill, whoever buys it; all others share it, and every scene has its film."""
    scenes = await alike(stack)
    before = await stack.bill()
    async with AsyncExitStack() as running:
        queue = f"sharing-{stack.unique()}"
        for _ in range(2):
            await running.enter_async_context(stack.worker(queue, {}))
        handles = [await stack.start(scene, queue) for scene in scenes]
        results = await asyncio.gather(*(handle.result() for handle in handles))

    assert Counter(map(step_of, (await stack.bill())[len(before) :])) == ONE_OF_EACH
    assert {result.status for result in results} == {SceneStatus.COMPLETED}
    assert len({result.film.sha256 for result in results}) == 1
    booked = [job.actual_cost_micros or 0 for scene in scenes for job in await stack.jobs(scene)]
    assert sum(result.cost_micros for result in results) == sum(booked)
