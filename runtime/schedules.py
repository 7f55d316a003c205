"""The reconciler's schedule at Temporal: made by the first worker, given another interval by a later one."""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from models.reconciling import ReconcileInput, ReconcileReport
from runtime.launching import RPC_TIMEOUT
from runtime.settings import Settings
from workflows.reconcile import ReconcileProviderJobsWorkflow


def reconciler_id(task_queue: str) -> str:
    """The id of the schedule, and the beginning of its workflows' ids."""
    return f"reconcile-{task_queue}"


async def ensure_reconciler(client: Client, settings: Settings) -> None:
    """Have the reconciler run every `DEVATAR_RECONCILE_MINUTES`, one pass at a time; 0 leaves all as it is."""
    if not settings.reconcile_minutes:
        return
    wanted = _schedule(settings)
    try:
        await client.create_schedule(reconciler_id(settings.task_queue), wanted, rpc_timeout=RPC_TIMEOUT)
    except ScheduleAlreadyRunningError:
        handle = client.get_schedule_handle(reconciler_id(settings.task_queue))
        await handle.update(lambda found: _updated(found, wanted), rpc_timeout=RPC_TIMEOUT)


async def reconcile_now(client: Client, task_queue: str, quiet: timedelta) -> ReconcileReport:
    """One pass at once, beside the schedule; `quiet` leaves out what moved so recently."""
    return await client.execute_workflow(
        ReconcileProviderJobsWorkflow.run,
        ReconcileInput(quiet_s=quiet.total_seconds()),
        id=f"{reconciler_id(task_queue)}-now",
        task_queue=task_queue,
        rpc_timeout=RPC_TIMEOUT,
    )


def _schedule(settings: Settings) -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow(
            ReconcileProviderJobsWorkflow.run,
            ReconcileInput(),
            id=reconciler_id(settings.task_queue),
            task_queue=settings.task_queue,
            static_summary="Late results, lost answers, expired purchases",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(minutes=settings.reconcile_minutes))]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
    )


def _updated(found: ScheduleUpdateInput, wanted: Schedule) -> ScheduleUpdate | None:
    """What it does and when; that an operator paused it stays as it is."""
    schedule = found.description.schedule
    if schedule.spec.intervals == wanted.spec.intervals:
        return None
    schedule.spec, schedule.action, schedule.policy = wanted.spec, wanted.action, wanted.policy
    return ScheduleUpdate(schedule=schedule)
