"""The reconciler's pass: every page, every purchase, whatever one of them does; and who is told."""

import asyncio
import uuid
from typing import Any

from temporalio.testing import WorkflowEnvironment

from models.enums import FailureCode, JobState, Step
from models.messages import PurchaseWait
from models.reconciling import (
    ReconciledJob,
    ReconcileInput,
    ReconcileReport,
    UnattendedInput,
    UnattendedJob,
    UnattendedJobs,
)
from tests.workflows.runs import start, worker_of
from tests.workflows.stand_ins import Script, StandIns, failing
from tests.workflows.test_waiting import ticket, until_waiting
from workflows.reconcile import ReconcileProviderJobsWorkflow


def job(job_id: str, before: JobState, after: JobState, **facts: Any) -> ReconciledJob:
    """What became of a purchase."""
    given: dict[str, Any] = {"idempotency_key": f"key-{job_id}", "scene_id": "nobody", "note": "", **facts}
    return ReconciledJob(job_id=job_id, before=before, after=after, **given)


def found(job_id: str) -> UnattendedJob:
    """A purchase that no run works on."""
    return UnattendedJob(job_id=job_id, state=JobState.ACCEPTED)


async def reconcile(environment: WorkflowEnvironment, stand_ins: StandIns) -> ReconcileReport:
    """One pass."""
    async with worker_of(environment, stand_ins) as worker:
        return await environment.client.execute_workflow(
            ReconcileProviderJobsWorkflow.run,
            ReconcileInput(quiet_s=7),
            id=str(uuid.uuid4()),
            task_queue=worker.task_queue,
        )


async def test_every_page_is_looked_at(environment: WorkflowEnvironment) -> None:
    """Page after page, each beginning where the last one ended; the report says what moved and what is held."""
    ids = [f"{number:02}" for number in range(25)]

    async def page(order: UnattendedInput) -> UnattendedJobs:
        rest = [each for each in ids if each > order.after]
        return UnattendedJobs(jobs=[found(each) for each in rest[:12]], more=len(rest) > 12)

    async def one(order: Any) -> ReconciledJob:
        if order.job_id == "03":
            return job("03", JobState.ACCEPTED, JobState.STORED)
        if order.job_id == "20":
            return job("20", JobState.UNKNOWN, JobState.UNKNOWN, held=True)
        return job(order.job_id, JobState.ACCEPTED, JobState.ACCEPTED)

    stand_ins = StandIns(scripts={"list_unattended": page, "reconcile_job": one})
    report = await reconcile(environment, stand_ins)
    asked = [order for name, order in stand_ins.asked if name == "list_unattended"]

    assert [(order.quiet_s, order.after) for order in asked] == [(7.0, ""), (7.0, "11"), (7.0, "23")]
    assert report.looked_at == 25
    assert [each.job_id for each in report.moved] == ["03"]
    assert [each.job_id for each in report.held] == ["20"]


async def test_one_that_cannot_be_looked_at_stops_no_other(environment: WorkflowEnvironment) -> None:
    """A purchase whose look fails is named in the report, and the others are looked at."""

    async def page(_: UnattendedInput) -> UnattendedJobs:
        return UnattendedJobs(jobs=[found("a"), found("b")], more=False)

    async def one(order: Any) -> ReconciledJob:
        if order.job_id == "a":
            await failing(FailureCode.UNAUTHORIZED)(order)
        return job(order.job_id, JobState.ACCEPTED, JobState.STORED)

    report = await reconcile(environment, StandIns(scripts={"list_unattended": page, "reconcile_job": one}))

    assert [each.job_id for each in report.moved] == ["b"]
    assert len(report.failed) == 1
    assert report.failed[0].startswith("a: ")


async def test_the_scene_that_waits_is_told(environment: WorkflowEnvironment) -> None:
    """A purchase that moved wakes its scene's run; one that did not leaves it asleep."""
    waits = PurchaseWait(reason="the answer was lost", recheck_s=86_400.0)
    answers = iter([True, False])

    async def submit(_: Any) -> Any:
        return ticket(waits=waits) if next(answers) else ticket("submit_image")

    async def page(_: UnattendedInput) -> UnattendedJobs:
        return UnattendedJobs(jobs=[found("a")], more=False)

    scene_id = uuid.uuid4().hex

    async def one(order: Any) -> ReconciledJob:
        return job(order.job_id, JobState.UNKNOWN, JobState.ACCEPTED, scene_id=scene_id)

    scripts: dict[str, Script] = {"submit_image": submit, "list_unattended": page, "reconcile_job": one}
    stand_ins = StandIns(scripts=scripts)
    with environment.auto_time_skipping_disabled():
        async with worker_of(environment, stand_ins) as worker:
            handle = await start(environment, worker, f"scene-{scene_id}")
            await until_waiting(handle, Step.IMAGE)
            await reconcile(environment, stand_ins)
            async with asyncio.timeout(20):
                await handle.result()

    assert stand_ins.names().count("submit_image") == 2
