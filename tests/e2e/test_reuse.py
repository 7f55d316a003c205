"""A project of eight scenes: after each change the bill grows by what depends on it, as the plans had said."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from domain.estimates import Verdict
from models.enums import Step
from models.tables import Scene
from runtime.catalog.plans import plan_run
from runtime.catalog.scenes import patch_scene
from tests.e2e.test_plans import FRAME_OF_LIPSYNC
from tests.support.stack import Stack

TWINS, DRAWN = 6, 2
LORA = "mira"
EVERYTHING = {Step.SPEECH: 1, Step.IMAGE: 1, Step.VIDEO: 1, Step.LIPSYNC: 1}
FOLLOWS = {Step.IMAGE: 1, Step.VIDEO: 1, Step.LIPSYNC: 1}

Purchase = tuple[str, Step, int | None]


async def project(stack: Stack) -> list[Scene]:
    """Eight short scenes of one person: six digital twins, two drawn from words, each in a place of its own."""
    identity = await stack.identity(lora_url=stack.lora(f"{LORA}.safetensors"))
    number = stack.unique()
    modes = ["digital-twin"] * TWINS + ["standard"] * DRAWN
    return [
        await stack.scene(
            f"Line {number} {index}.",
            identity=identity.name,
            generation_mode=mode,
            environment=f"room {number} {index}",
        )
        for index, mode in enumerate(modes, 1)
    ]


async def told(stack: Stack, scenes: Sequence[Scene]) -> dict[Purchase, int]:
    """What their plans say will be bought, at which price."""
    plans = [await plan_run(stack.parts, scene.id) for scene in scenes]
    bought = [(plan.scene_id, step) for plan in plans for step in plan.steps if step.verdict is Verdict.BUY]
    return {(scene_id, step.step, step.clip): step.cost_micros for scene_id, step in bought}


async def booked(stack: Stack, scenes: Sequence[Scene]) -> dict[str, tuple[Purchase, int]]:
    """All purchases of the scenes, by id."""
    jobs = [job for scene in scenes for job in await stack.jobs(scene)]
    return {job.id: ((job.scene_id, Step(job.step), job.clip), job.actual_cost_micros or 0) for job in jobs}


def step_of(line: dict[str, Any]) -> Step:
    """Which step a line of the bill is for."""
    whole = {"elevenlabs": Step.SPEECH, "sync": Step.LIPSYNC}
    return whole.get(line["provider"]) or (Step.VIDEO if "kling" in line["model"] else Step.IMAGE)


async def grown(stack: Stack, scenes: Sequence[Scene]) -> Counter[Step]:
    """Film them all side by side: by which steps the bill grew, which is what the plans said and the ledger has."""
    plan, lines, known = await told(stack, scenes), await stack.bill(), await booked(stack, scenes)
    await asyncio.gather(*(stack.film(scene) for scene in scenes))
    new = (await stack.bill())[len(lines) :]
    bought = dict(entry for job_id, entry in (await booked(stack, scenes)).items() if job_id not in known)
    assert sum(line["price_usd_micros"] for line in new) == sum(bought.values())
    assert plan.keys() == bought.keys()
    respoken = {scene_id for scene_id, step, _ in plan if step is Step.SPEECH}
    for (scene_id, step, clip), micros in bought.items():
        if step is not Step.LIPSYNC:  # which is paid by its length
            assert plan[scene_id, step, clip] == micros
        elif scene_id not in respoken:
            assert plan[scene_id, step, clip] == pytest.approx(micros, abs=2 * FRAME_OF_LIPSYNC)
    return Counter(map(step_of, new))


async def edit(stack: Stack, scene: Scene, **changes: object) -> None:
    """What a person changes."""
    await patch_scene(stack.parts.database, None, scene.id, changes)


def times(steps: dict[Step, int], scenes: int) -> dict[Step, int]:
    """The purchases of so many scenes."""
    return {step: count * scenes for step, count in steps.items()}


@pytest.mark.timeout(180)
async def test_change_one_thing_pay_for_one_thing(stack: Stack) -> None:
    """A word costs a speech and its lipsync; a wardrobe a picture and what follows; another LoRA at the same address
    every digital twin's picture and what follows, and no speech; nothing costs nothing."""
    scenes = await project(stack)
    await stack.control("POST", "/control/lora", json={"name": LORA, "version": 1})
    try:
        assert await grown(stack, scenes) == times(EVERYTHING, TWINS + DRAWN)

        await edit(stack, scenes[0], dialogue=f"{scenes[0].dialogue.rstrip('.')} again.")
        assert await grown(stack, scenes[:2]) == {Step.SPEECH: 1, Step.LIPSYNC: 1}

        await edit(stack, scenes[1], wardrobe="a red coat")
        assert await grown(stack, scenes[:2]) == FOLLOWS

        await stack.control("POST", "/control/lora", json={"name": LORA, "version": 2})
        assert await grown(stack, scenes) == times(FOLLOWS, TWINS)
        assert await grown(stack, scenes) == {}

        await stack.control("POST", "/control/lora", json={"name": LORA, "version": 1})
        assert await told(stack, scenes) == {}  # the first face's pictures are still there
    finally:
        await stack.control("POST", "/control/lora", json={"name": LORA, "version": 1})


async def test_a_longer_line_may_need_a_longer_clip(stack: Stack) -> None:
    """Where more words need other clips, the video is bought too, and the picture is not."""
    identity = await stack.identity()
    scene = await stack.scene(f"Line {stack.unique()}.", identity=identity.name, environment=f"room {stack.unique()}")
    await grown(stack, [scene])
    words = "This line goes on for so long that five seconds of film are not enough for all of it, not at all."
    await edit(stack, scene, dialogue=f"{scene.dialogue} {words}")
    assert await grown(stack, [scene]) == {Step.SPEECH: 1, Step.VIDEO: 1, Step.LIPSYNC: 1}
