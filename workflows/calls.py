"""Running an activity under its policy."""

import asyncio

from temporalio import workflow

from workflows.policies import Call, InputT, ResultT


async def call(activity: Call[InputT, ResultT], order: InputT, summary: str) -> ResultT:
    """Run an activity. A cancel that it never heard of, since it ended well first, still ends the run."""
    result = await execute(activity, order, summary)
    if workflow.cancellation_reason() is not None:
        raise asyncio.CancelledError(f"canceled during {activity.name}")
    return result


async def execute(activity: Call[InputT, ResultT], order: InputT, summary: str) -> ResultT:
    """Run an activity under its policy; `summary` is what Temporal's UI shows of it."""
    result: ResultT = await workflow.execute_activity(
        activity.name,
        order,
        result_type=activity.gives,
        start_to_close_timeout=activity.once,
        schedule_to_close_timeout=activity.overall,
        heartbeat_timeout=activity.heartbeat,
        retry_policy=activity.retry,
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=summary,
    )
    return result
