"""Runs of the scene workflow with stand-ins for its activities."""

import uuid
from collections.abc import Collection
from datetime import timedelta

import pytest
from pydantic import ValidationError
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from models.enums import Step, StepState
from models.messages import GenerateSceneInput, GenerateSceneResult
from models.progress import SceneProgress
from runtime.launching import SceneHandle
from tests.workflows.stand_ins import StandIns
from workflows.generate_scene import GenerateSceneWorkflow
from workflows.reconcile import ReconcileProviderJobsWorkflow


async def finish(environment: WorkflowEnvironment, stand_ins: StandIns) -> GenerateSceneResult:
    """Run one scene to its end."""
    async with worker_of(environment, stand_ins) as worker:
        return await (await start(environment, worker)).result()


async def fail(environment: WorkflowEnvironment, stand_ins: StandIns) -> tuple[ApplicationError, SceneProgress]:
    """Run one scene to its failure; the error and the last progress."""
    async with worker_of(environment, stand_ins) as worker:
        handle = await start(environment, worker)
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
        progress = await handle.query(GenerateSceneWorkflow.progress)
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause, progress


def worker_of(environment: WorkflowEnvironment, stand_ins: StandIns) -> Worker:
    """A worker with stand-ins, on a task queue of its own."""
    return Worker(
        environment.client,
        task_queue=str(uuid.uuid4()),
        workflows=[GenerateSceneWorkflow, ReconcileProviderJobsWorkflow],
        activities=stand_ins.activities(),
        workflow_failure_exception_types=[ValidationError],
        max_heartbeat_throttle_interval=timedelta(seconds=0.2),
    )


async def start(
    environment: WorkflowEnvironment, worker: Worker, workflow_id: str | None = None, *, fresh: Collection[Step] = ()
) -> SceneHandle:
    """Start a scene there, with these steps made anew."""
    return await environment.client.start_workflow(
        GenerateSceneWorkflow.run,
        GenerateSceneInput(scene_id="s1", fresh=list(fresh)),
        id=workflow_id or str(uuid.uuid4()),
        task_queue=worker.task_queue,
    )


def states_of(progress: SceneProgress) -> dict[Step, StepState]:
    """Each step's state."""
    return {item.step: item.state for item in progress.steps}
