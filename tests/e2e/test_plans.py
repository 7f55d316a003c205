"""A plan and the run after it: what was told is what is bought."""

from pathlib import Path
from typing import Any

import pytest

from domain.estimates import RunPlan, Verdict
from models.enums import Step
from models.tables import Scene
from runtime.catalog.plans import plan_run
from runtime.catalog.scenes import patch_scene
from studio.media.portrait import draw_portrait
from tests.e2e.test_film import TWELVE_SECONDS
from tests.support.stack import Stack

Costs = dict[tuple[Step, int | None], int]
FRAME_OF_LIPSYNC = 1_600


def told(plan: RunPlan) -> Costs:
    """What is to be bought, at which price."""
    return {(step.step, step.clip): step.cost_micros for step in plan.steps if step.verdict is Verdict.BUY}


async def filmed(stack: Stack, scene: Scene) -> Costs:
    """Film it: what was booked, which is what was billed."""
    before, known = await stack.bill(), {job.id for job in await stack.jobs(scene)}
    await stack.film(scene)
    new = [job for job in await stack.jobs(scene) if job.id not in known]
    billed = sum(line["price_usd_micros"] for line in (await stack.bill())[len(before) :])
    assert billed == sum(job.actual_cost_micros or 0 for job in new)
    return {(Step(job.step), job.clip): job.actual_cost_micros or 0 for job in new}


def promised(plan: RunPlan) -> Costs:
    """The prices that do not hang on what a vendor makes: of a lipsync, and of clips for a speech yet to be bought."""
    return {
        (step.step, step.clip): step.cost_micros
        for step in plan.steps
        if step.verdict is Verdict.BUY and step.exact and step.step is not Step.LIPSYNC
    }


def face(folder: Path) -> str:
    """A photograph."""
    path = folder / "face.jpg"
    path.write_bytes(draw_portrait("a face", face="x", seed=1, width=640, height=480, output_format="jpeg"))
    return str(path)


@pytest.mark.parametrize(
    ("fields", "changes", "follows"),
    [
        (
            {"generation_mode": "digital-twin", "clip_policy": "cover"},
            {"wardrobe": "a red coat"},
            {Step.IMAGE, Step.VIDEO, Step.LIPSYNC},
        ),
        ({"headshot": "face.jpg"}, {"aspect_ratio": "9:16"}, {Step.VIDEO, Step.LIPSYNC}),
        ({}, {"dialogue": f"{TWELVE_SECONDS} And one more word."}, {Step.SPEECH, Step.LIPSYNC}),
    ],
    ids=["twin of clips", "headshot", "drawn"],
)
async def test_the_plan_is_the_bill(
    stack: Stack, tmp_path: Path, fields: dict[str, Any], changes: dict[str, Any], follows: set[Step]
) -> None:
    """What is bought is what the plan said, step by step; planned once more, all is reused, down to the joined clips.

    After an edit the same holds for what depends on it.
    """
    identity = await stack.identity()
    given = fields | ({"headshot": face(tmp_path)} if "headshot" in fields else {})
    words = f"{TWELVE_SECONDS} Number {stack.unique()}."
    scene = await stack.scene(words, identity=identity.name, environment=f"room {stack.unique()}", **given)
    first = await plan_run(stack.parts, scene.id)
    booked = await filmed(stack, scene)
    again = await plan_run(stack.parts, scene.id)

    assert promised(first) == {key: booked[key] for key in promised(first)}
    assert {step for step, _ in told(first)} == {step for step, _ in booked}
    assert {step.verdict for step in again.steps} <= {Verdict.REUSE, Verdict.SKIP}
    assert (again.cost_micros, again.exact, again.feasible) == (0, True, True)
    assert await filmed(stack, scene) == {}

    await patch_scene(stack.parts.database, None, scene.id, changes)
    edited = await plan_run(stack.parts, scene.id)
    rebooked = await filmed(stack, scene)
    assert edited.exact == (Step.SPEECH not in follows)
    assert {step for step, _ in told(edited)} == follows
    assert promised(edited) == {key: rebooked[key] for key in promised(edited)}
    if edited.exact:
        assert told(edited).keys() == rebooked.keys()
        assert sum(told(edited).values()) == pytest.approx(sum(rebooked.values()), abs=2 * FRAME_OF_LIPSYNC)
