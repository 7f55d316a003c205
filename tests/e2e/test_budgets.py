"""A budget that ends in the middle of a scene: it stops before the purchase, and goes on when the budget is raised."""

import pytest
from temporalio.client import WorkflowFailureError

from domain.ledger import Costs, total
from models.enums import FailureCode, JobState, SceneStatus, Step
from models.tables import Scene
from runtime.catalog.scenes import patch_scene
from store.ledger import LedgerFilter
from tests.support.stack import Stack


async def test_a_scene_goes_on_when_its_budget_is_raised(stack: Stack) -> None:
    """Speech and picture are bought, the clip is not; after the budget is raised each step was bought once in all."""
    number = stack.unique()
    identity = await stack.identity()
    words = f"This costs what it may cost, number {number}."
    scene = await stack.scene(words, identity=identity.name, seed=30_000 + number, budget_usd="0.10")
    before = len(await stack.bill())
    with pytest.raises(WorkflowFailureError):
        await stack.film(scene)
    stopped = await stack.reload(scene)
    bought = {Step(job.step): job.state for job in await stack.jobs(scene)}

    assert (stopped.status, stopped.failure_code, stopped.failure_step) == (
        SceneStatus.FAILED,
        FailureCode.BUDGET_EXCEEDED,
        Step.VIDEO,
    )
    assert f"starter.py scene edit {scene.name} --budget" in (stopped.failure_detail or "")
    assert bought == {Step.SPEECH: JobState.STORED, Step.IMAGE: JobState.STORED}
    assert len(await stack.bill()) == before + 2

    await patch_scene(stack.parts.database, None, scene.id, {"budget_usd": "5"})
    result = await stack.film(scene)
    jobs = await stack.jobs(scene)
    bill = (await stack.bill())[before:]
    costs = await _costs(stack, scene)

    assert result.status == SceneStatus.COMPLETED
    assert sorted(job.step for job in jobs) == sorted([Step.SPEECH, Step.IMAGE, Step.VIDEO, Step.LIPSYNC])
    assert {job.state for job in jobs} == {JobState.STORED}
    assert len(bill) == 4
    assert costs.spent_micros == sum(line["price_usd_micros"] for line in bill)
    assert (costs.in_flight_micros, costs.unknown_micros) == (0, 0)
    assert costs.saved_micros == sum(job.actual_cost_micros or 0 for job in jobs if Step(job.step) in bought)


async def _costs(stack: Stack, scene: Scene) -> Costs:
    async with stack.parts.database.transaction() as tx:
        return total(await tx.ledger.lines(LedgerFilter(scene_id=scene.id)))
