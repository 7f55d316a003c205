"""A scene that waits for a person, on the whole of Devatar: its worker goes and another comes."""

import pytest
from temporalio.client import WorkflowFailureError

from domain.rejections import ConflictError, RejectedError
from models.approving import ApprovalAnswer
from models.enums import ApprovalDecision, FailureCode, JobState, Step
from models.tables import Scene
from runtime.approving import approval_of, send_answer
from runtime.launching import mend, scene_handle
from tests.support.stack import Stack

APPROVED = ApprovalDecision.APPROVED
LORA = "deven"


async def test_a_worker_restart(stack: Stack) -> None:
    """Nothing pends while no worker is there; an answer then waits for one; the next worker films the picture.

    Afterwards the answer is in the database, a second one comes too late, and the take says what was filmed.
    """
    queue = f"approval-{stack.unique()}"
    identity = await stack.identity(lora_url=None)
    room = f"a room with {stack.unique()} windows"
    scene = await stack.scene("Is this me?", identity=identity.name, environment=room, approval=True)
    client = stack.servers.client
    async with stack.worker(queue, {}):
        handle = await stack.start(scene, queue)
        answer = ApprovalAnswer(token=await stack.until_asked(scene), by="anna")
    description = await handle.describe()
    with pytest.raises(RejectedError) as unanswered:
        await send_answer(client, scene, ApprovalDecision.REDRAWN, answer.model_copy(update={"token": "x"}), 1.0)
    bought = [job.step for job in await stack.jobs(scene)]
    async with stack.worker(queue, {}):
        await send_answer(client, scene, APPROVED, answer)
        await handle.result()
    with pytest.raises(ConflictError) as late:
        await send_answer(client, scene, APPROVED, answer)
    found = await approval_of(stack.parts.database, scene.id)

    assert not description.raw_description.pending_activities
    assert unanswered.value.code is FailureCode.PROVIDER_UNAVAILABLE
    assert "it may still be taken" in unanswered.value.problem
    assert sorted(bought) == [Step.IMAGE, Step.SPEECH]
    assert "no run of" in late.value.problem
    assert found.waiting is None
    (row,) = found.past
    assert (row.decision, row.decided_by, row.decided_at is not None) == (APPROVED, "anna", True)
    assert row.price_micros == sum(
        job.estimated_cost_micros for job in await stack.jobs(scene) if job.step in (Step.VIDEO, Step.LIPSYNC)
    )
    assert {job.state for job in await stack.jobs(scene)} == {JobState.STORED}


async def test_redrawn_by_a_lora_that_changed(stack: Stack) -> None:
    """A picture is booked under the LoRA that drew it: with the old content back, it is not taken for the old face's.

    A seed's picture that is stored is not bought again.
    """
    identity = await stack.identity(lora_url=stack.lora(f"{LORA}.safetensors"))
    fields = {"generation_mode": "digital-twin", "environment": f"a room with {stack.unique()} tables"}
    scene = await stack.scene("Still me?", identity=identity.name, approval=True, seed=1, **fields)
    await stack.control("POST", "/control/lora", json={"name": LORA, "version": 1})
    drawn: list[int] = []
    try:
        await stack.start(scene)
        token = await stack.until_asked(scene)
        await stack.control("POST", "/control/lora", json={"name": LORA, "version": 2})
        for seed in (7, 1, 7):
            answer = ApprovalAnswer(token=token, by="anna", seed=seed)
            await send_answer(stack.servers.client, scene, ApprovalDecision.REDRAWN, answer)
            token = await stack.until_asked(scene, token)
            drawn.append(await _pictures(stack, scene))
        rejected = ApprovalAnswer(token=token, by="anna", reason="another face")
        await send_answer(stack.servers.client, scene, ApprovalDecision.REJECTED, rejected)
        with pytest.raises(WorkflowFailureError):
            await scene_handle(stack.servers.client, scene.id).result()
    finally:
        await stack.control("POST", "/control/lora", json={"name": LORA, "version": 1})
    handle = await stack.start(scene)
    await stack.until_asked(scene, token)
    drawn.append(await _pictures(stack, scene))
    await handle.terminate("seen")

    assert drawn == [2, 3, 3, 4]


async def _pictures(stack: Stack, scene: Scene) -> int:
    """How many were bought for it."""
    return [job.step for job in await stack.jobs(scene)].count(Step.IMAGE)


async def test_a_question_ends_with_its_run(stack: Stack) -> None:
    """A run that is canceled or terminated asks nothing any more: the question is withdrawn, with the time."""
    identity = await stack.identity(lora_url=None)
    room = f"a room with {stack.unique()} chairs"
    scenes = [await stack.scene(f"Who, {n}?", identity=identity.name, environment=room, approval=True) for n in (1, 2)]
    handles = [await stack.start(scene) for scene in scenes]
    for scene in scenes:
        await stack.until_asked(scene)
    await handles[0].cancel()
    await handles[1].terminate("by an operator")
    with pytest.raises(WorkflowFailureError):
        await handles[0].result()
    await mend(stack.parts.database, stack.servers.client, await stack.reload(scenes[1]))
    for scene in scenes:
        found = await approval_of(stack.parts.database, scene.id)
        assert found.waiting is None
        (row,) = found.past
        assert (row.decision, row.decided_by) == (ApprovalDecision.WITHDRAWN, "the end of its run")
        assert row.decided_at is not None
