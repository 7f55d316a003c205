"""Another try at a picture that is too dear, and what its run then shows."""

from contextlib import nullcontext
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from models.enums import ExpiryPolicy, FaceVerdict, FailureCode, Provider, Step, StepState
from models.messages import JobTicket
from tests.workflows.runs import start, worker_of
from tests.workflows.stand_ins import failing
from tests.workflows.test_approval import FACE, looks, stand_ins
from workflows.generate_scene import GenerateSceneWorkflow


@pytest.mark.parametrize("breaks", [False, True], ids=["filmed", "a later step fails"])
async def test_budget_of_another_face(environment: WorkflowEnvironment, breaks: bool) -> None:
    """Where the budget allows no other picture the one that there is goes on, and its step is done, not failed."""
    expiry = FACE.model_copy(update={"on_expiry": ExpiryPolicy.APPROVE})
    acting = stand_ins(approval=None, face=expiry)
    acting.scripts["check_face"] = looks(FaceVerdict.OTHER_PERSON)
    over, ticket = failing(FailureCode.BUDGET_EXCEEDED), JobTicket(job_id="j", provider=Provider.FAL, model="m")
    seeds: list[int] = []

    async def submit(order: Any) -> Any:
        seeds.append(order.request.seed)
        return ticket if len(seeds) == 1 else await over(order)

    acting.scripts["submit_image"] = submit
    if breaks:
        acting.scripts["submit_lipsync"] = failing(FailureCode.INVALID_REQUEST)
    async with worker_of(environment, acting) as worker:
        handle = await start(environment, worker)
        with pytest.raises(WorkflowFailureError) if breaks else nullcontext():
            await handle.result()
        progress = await handle.query(GenerateSceneWorkflow.progress)
    image = next(item for item in progress.steps if item.step is Step.IMAGE)
    assert (len(seeds), image.state, image.waiting_for, image.cost_micros) == (2, StepState.DONE, None, 10)
    assert image.detail == "16x9; the budget allows no other"
    assert not breaks or acting.input_of("end_scene").failure.step is Step.LIPSYNC
