"""Starting, stopping and looking at scenes: what the command line and the HTTP API share."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, CancelledError, TerminatedError, WorkflowAlreadyStartedError
from temporalio.exceptions import TimeoutError as RunTimeoutError
from temporalio.service import RPCError, RPCStatusCode

from activities.takes import show_current_take
from domain.failures import user_message
from domain.keys import workflow_id
from domain.rejections import ConflictError
from models.enums import FailureCode, SceneStatus, Step
from models.messages import Failure, GenerateSceneInput, GenerateSceneResult
from models.progress import SceneProgress
from models.tables import Scene
from store.database import Database
from workflows.generate_scene import GenerateSceneWorkflow

RPC_TIMEOUT = timedelta(seconds=10)
POLL_LASTS = timedelta(seconds=75)  # a long poll takes a minute; the server lists a poller for five after its last one

SceneHandle = WorkflowHandle[GenerateSceneWorkflow, GenerateSceneResult]

_ENDED_WITHOUT_A_WORD = {
    WorkflowExecutionStatus.CANCELED: (SceneStatus.CANCELED, FailureCode.CANCELED, "the workflow was canceled"),
    WorkflowExecutionStatus.TERMINATED: (SceneStatus.CANCELED, FailureCode.CANCELED, "the workflow was terminated"),
    WorkflowExecutionStatus.TIMED_OUT: (SceneStatus.FAILED, FailureCode.TIMED_OUT, "the workflow timed out"),
    WorkflowExecutionStatus.FAILED: (SceneStatus.FAILED, FailureCode.UNKNOWN, "the workflow failed"),
    WorkflowExecutionStatus.COMPLETED: (SceneStatus.FAILED, FailureCode.UNKNOWN, "its record was not written"),
}
_GONE = (SceneStatus.FAILED, FailureCode.UNKNOWN, "Temporal does not know the run any more")


@dataclass(frozen=True)
class PendingActivity:
    """An activity under way: `waiting_for` from its heartbeat, `retry` when an attempt failed and another comes."""

    name: str
    attempt: int
    waiting_for: str | None
    retry: str | None


@dataclass(frozen=True)
class Run:
    """A run as the server sees it; `workers` counts those that poll its task queue."""

    run_id: str
    over: bool
    task_queue: str
    workers: int
    pending: list[PendingActivity]


async def start_scene(
    client: Client, scene: Scene, task_queue: str, *, fresh: Collection[Step] = (), started_by: str | None = None
) -> SceneHandle:
    """Start the scene's workflow, or attach to the run that is under way: a scene never runs twice at once.

    `fresh` are steps to be made anew, `started_by` is kept with the take. Raises ConflictError when a step is to be
    made anew while a run is under way: that run would not do it.
    """
    handle, _ = await start_or_attach(client, scene, task_queue, fresh=fresh, started_by=started_by)
    return handle


async def start_or_attach(
    client: Client, scene: Scene, task_queue: str, *, fresh: Collection[Step] = (), started_by: str | None = None
) -> tuple[SceneHandle, bool]:
    """As `start_scene`; the handle is of this very run, and True says that it had been under way already."""
    request = GenerateSceneInput(
        scene_id=scene.id, fresh=[step for step in Step if step in fresh], started_by=started_by
    )
    try:
        handle = await _start(client, scene, task_queue, request)
    except WorkflowAlreadyStartedError as running:
        if fresh:
            problem = f"a run of {scene.name!r} is under way, which makes nothing anew"
            raise ConflictError("fresh", problem, "Wait for its end, or cancel it, then start again") from None
        return scene_handle(client, scene.id, running.run_id), True
    return scene_handle(client, scene.id, handle.first_execution_run_id), False


async def _start(client: Client, scene: Scene, task_queue: str, request: GenerateSceneInput) -> SceneHandle:
    return await client.start_workflow(
        GenerateSceneWorkflow.run,
        request,
        id=workflow_id(scene.id),
        task_queue=task_queue,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        static_summary=f"Scene {scene.name}",
        static_details=f"Scene `{scene.id}`: {scene.dialogue[:400]}",
        rpc_timeout=RPC_TIMEOUT,
    )


def scene_handle(client: Client, scene_id: str, run_id: str | None = None) -> SceneHandle:
    """One run of a scene, as a rule the newest."""
    return client.get_workflow_handle_for(GenerateSceneWorkflow.run, workflow_id(scene_id), run_id=run_id)


async def cancel_scene(client: Client, scene_id: str) -> bool:
    """Ask the run to stop; False when there is none under way."""
    try:
        await scene_handle(client, scene_id).cancel(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


async def tell_purchase_changed(client: Client, scene_id: str) -> bool:
    """Wake the run if it waits for a purchase; False when there is none under way."""
    try:
        signal = GenerateSceneWorkflow.purchase_changed
        await scene_handle(client, scene_id).signal(signal, rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


async def query_progress(client: Client, scene_id: str, run_id: str | None = None) -> SceneProgress | None:
    """What the workflow says of itself; None when there is no run or no worker answers."""
    handle = scene_handle(client, scene_id, run_id)
    try:
        return await handle.query(GenerateSceneWorkflow.progress, rpc_timeout=RPC_TIMEOUT)
    except RPCError:
        return None


async def look(client: Client, handle: SceneHandle) -> Run:
    """What the server knows of a run. Raises RPCError (`NOT_FOUND`) when there is none."""
    description = await handle.describe(rpc_timeout=RPC_TIMEOUT)
    pending = [await _pending(client, item) for item in description.raw_description.pending_activities]
    return Run(
        run_id=description.run_id,
        over=description.close_time is not None,
        task_queue=description.task_queue,
        workers=await polling_workers(client, description.task_queue),
        pending=pending,
    )


async def newest_run(client: Client, scene_id: str) -> Run | None:
    """The scene's newest run; None when it never ran, or so long ago that the server forgot."""
    try:
        return await look(client, scene_handle(client, scene_id))
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def polling_workers(client: Client, task_queue: str) -> int:
    """How many workers take the queue's workflows now."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    answer = await client.workflow_service.describe_task_queue(request, timeout=RPC_TIMEOUT)
    since = datetime.now(UTC) - POLL_LASTS
    return len({p.identity for p in answer.pollers if p.last_access_time.ToDatetime(UTC) >= since})


def run_failure(error: WorkflowFailureError) -> tuple[SceneStatus, Failure]:
    """How a run ended without a film, from what Temporal says: good also where the record could not be written."""
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.details:
        try:
            return SceneStatus.FAILED, Failure.model_validate(cause.details[0])
        except ValidationError:
            return _ended(SceneStatus.FAILED, FailureCode.UNKNOWN, cause.message)
    if isinstance(cause, CancelledError | TerminatedError):
        return _ended(SceneStatus.CANCELED, FailureCode.CANCELED, str(cause))
    if isinstance(cause, RunTimeoutError):
        return _ended(SceneStatus.FAILED, FailureCode.TIMED_OUT, str(cause))
    return _ended(SceneStatus.FAILED, FailureCode.UNKNOWN, str(cause))


def _ended(status: SceneStatus, code: FailureCode, detail: str) -> tuple[SceneStatus, Failure]:
    return status, Failure(code=code, step=None, user_message=user_message(code), detail=detail)


async def mend(database: Database, client: Client, scene: Scene) -> Scene:
    """Correct a scene that still says "generating" though its run is over (terminated, timed out, or lost)."""
    if scene.status != SceneStatus.GENERATING:
        return scene
    outcome = await _outcome(client, scene)
    if outcome is None:
        return scene
    status, code, detail = outcome
    async with database.transaction() as tx:
        ended = await tx.scenes.end_if_generating(
            scene.id,
            scene.run_id,
            status=status,
            failure_code=code,
            failure_message=user_message(code),
            failure_detail=detail,
        )
        found = await tx.scenes.get(scene.id) or scene
        if ended and scene.run_id is not None:
            await tx.approvals.withdraw(scene.run_id)
            await show_current_take(tx, found)
        return found


async def mend_all(database: Database, client: Client) -> None:
    """`mend` every scene that says "generating"."""
    async with database.transaction() as tx:
        scenes = await tx.scenes.generating()
    for scene in scenes:
        await mend(database, client, scene)


async def _outcome(client: Client, scene: Scene) -> tuple[SceneStatus, FailureCode, str] | None:
    """How the scene's newest run ended; None while it runs. A reset ends a run and goes on in another."""
    handle = client.get_workflow_handle(workflow_id(scene.id))
    try:
        description: WorkflowExecutionDescription = await handle.describe(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
            return _GONE
        raise
    return _ENDED_WITHOUT_A_WORD.get(description.status) if description.status else None


async def _pending(client: Client, item: PendingActivityInfo) -> PendingActivity:
    waiting_for = None
    if item.HasField("heartbeat_details"):
        decoded = await client.data_converter.decode(item.heartbeat_details.payloads)
        waiting_for = str(decoded[0]) if decoded and decoded[0] else None
    retry = None
    if item.HasField("last_failure"):
        retry = f"attempt {item.attempt}: {item.last_failure.message}"
    return PendingActivity(item.activity_type.name, item.attempt, waiting_for, retry)
