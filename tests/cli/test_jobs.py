"""Purchases: showing them, and the one decision that only a person can take."""

import pytest

from models.enums import JobState, Provider, SceneStatus, Step
from models.tables import GenerationLog, ProviderJob, Scene
from store.database import Database
from store.jobs import Order
from tests.cli.program import Program, on_stack
from tests.support.stack import Stack

FLUX = "fal-ai/flux/dev"
ESTIMATE = 350_000
S = JobState

WAY_TO: dict[JobState, list[JobState]] = {
    S.INTENT: [],
    S.SENT: [S.SENT],
    S.ACCEPTED: [S.SENT, S.ACCEPTED],
    S.SUCCEEDED: [S.SENT, S.SUCCEEDED],
    S.STORED: [S.SENT, S.SUCCEEDED, S.STORED],
    S.FAILED: [S.FAILED],
    S.CANCELED: [S.CANCELED],
    S.UNKNOWN: [S.SENT, S.UNKNOWN],
}


async def bought(database: Database, state: JobState) -> ProviderJob:
    """A new scene with one purchase in this state."""
    async with database.transaction() as tx:
        scene = await tx.scenes.add(Scene(name="hello", dialogue="Hello there."))
        order = Order(
            scene_id=scene.id,
            run_id="a-run",
            step=Step.VIDEO,
            clip=1,
            provider=Provider.FAL,
            model="some/model",
            fingerprint="f",
            request={"prompt": "bulk"},
            estimated_cost_micros=ESTIMATE,
        )
        job = await tx.jobs.add_intent(order)
        for step in WAY_TO[state]:
            job = await tx.jobs.move(job.id, step, request_id="r1", artifact={"key": "k"})
    return job


async def job_and_log(database: Database, job: ProviderJob) -> tuple[ProviderJob, list[GenerationLog]]:
    """The purchase and its scene's log as they are now."""
    async with database.transaction() as tx:
        return await tx.jobs.get(job.id), await tx.logs.of_scene(job.scene_id)


async def test_purchases_are_listed_with_state_and_cost(program: Program, database: Database) -> None:
    """Of one scene or of all, without the bulk of the request."""
    job = await bought(database, S.ACCEPTED)
    await database.close()
    mine = program.run("jobs", "list", "--scene", "hello", "--json").json
    assert program.run("jobs", "list", "--json").json == mine
    assert [(row["idempotency_key"], row["state"], row["estimated_cost_micros"]) for row in mine] == [
        (job.idempotency_key, "accepted", ESTIMATE)
    ]
    assert "request" not in mine[0]
    table = program.run("jobs", "list").out
    assert all(word in table for word in (job.idempotency_key, "accepted", "~$0.3500", "some/model"))


async def test_a_lost_purchase_can_be_given_up(program: Program, database: Database) -> None:
    """It is written off with the reason, the log has it once with what may be lost, and a second time is refused."""
    job = await bought(database, S.UNKNOWN)
    given_up = program.run("jobs", "give-up", job.idempotency_key, "--reason", "fal's list lacks it", "--json")
    again = program.run("jobs", "give-up", job.id, "--reason", "once more")
    row, log = await job_and_log(database, job)
    await database.close()
    assert (given_up.code, given_up.json["state"]) == (0, "unknown")
    assert (row.state, row.written_off_at is not None) == (S.UNKNOWN, True)
    assert row.error_detail == "given up: possible loss. fal's list lacks it"
    assert [(entry.level, entry.payload["possible_loss_micros"]) for entry in log] == [("WARN", ESTIMATE)]
    assert "fal's list lacks it" in log[0].message
    assert again.code == 2
    assert "was given up before" in again.err


@pytest.mark.parametrize("state", [state for state in S if state is not S.UNKNOWN])
async def test_no_other_purchase_can_be_given_up(program: Program, database: Database, state: JobState) -> None:
    """Exit code 2, the state and what to do instead; the purchase and the log stay as they were."""
    job = await bought(database, state)
    answer = program.run("jobs", "give-up", job.idempotency_key, "--reason", "out of patience")
    row, log = await job_and_log(database, job)
    await database.close()
    assert (answer.code, row.state, log) == (2, state, [])
    assert f"is {state}, not unknown" in answer.err


async def test_a_waiting_scene_buys_anew_when_its_purchase_is_given_up(stack: Stack) -> None:
    """A lost answer holds the scene, visibly; the person's decision wakes it, and it films with a second picture."""
    program = on_stack(stack)
    identity = await stack.identity(lora_url=None)
    scene = await stack.scene("Hi.", identity=identity.name, environment=f"room {identity.id}")
    fault = {"provider": "fal", "model": FLUX, "fault": "accept_then_drop"}
    await stack.control("POST", "/control/faults", json=fault)
    handle = await stack.start(scene)
    await stack.until(scene, Step.IMAGE, S.UNKNOWN)
    await stack.control("DELETE", "/control/faults")
    lost = program.run("jobs", "list", "--scene", scene.id).out
    key = next(job.idempotency_key for job in await stack.jobs(scene) if job.state == S.UNKNOWN)
    given_up = program.run("jobs", "give-up", key, "--reason", "test")
    result = await handle.result()
    pictures = [
        (job.state, job.written_off_at is not None) for job in await stack.jobs(scene) if job.step == Step.IMAGE
    ]
    assert "jobs give-up" in lost
    assert given_up.code == 0
    assert result.status == SceneStatus.COMPLETED
    assert pictures == [(S.UNKNOWN, True), (S.STORED, False)]
