"""Heartbeats of a long activity: how a worker's death is noticed and how a cancel arrives."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

BEATS_PER_TIMEOUT = 3  # two may be lost before the server takes the worker for dead
LONGEST_INTERVAL_S = 2.0  # a cancel arrives with the answer to a heartbeat, and people wait for it
HANDED_OVER = "handed_over"
"""The type of the error by which an activity leaves its work to the next worker."""


class Pulse:
    """What the next heartbeat says; shown as what the step waits for."""

    def __init__(self) -> None:
        self.waiting_for = ""


@asynccontextmanager
async def heartbeating() -> AsyncGenerator[Pulse]:
    """Heartbeat in the background until the block ends; the pace follows the activity's own heartbeat timeout."""
    pulse = Pulse()
    timeout = activity.info().heartbeat_timeout
    if timeout is None:
        yield pulse
        return
    interval_s = min(timeout.total_seconds() / BEATS_PER_TIMEOUT, LONGEST_INTERVAL_S)
    task = asyncio.create_task(_beat(pulse, interval_s))
    try:
        yield pulse
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def pause(seconds: float) -> None:
    """Sleep between two looks at a vendor. Raises ApplicationError at once when the worker is to stop.

    The server then gives the activity to the next worker, which goes on from the database.
    """
    if not activity.in_activity():
        await asyncio.sleep(seconds)
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await activity.wait_for_worker_shutdown()
    if activity.is_worker_shutdown():
        raise ApplicationError(
            "the worker stops, the next one goes on",
            type=HANDED_OVER,
            category=ApplicationErrorCategory.BENIGN,
            next_retry_delay=timedelta(seconds=1),
        )


async def _beat(pulse: Pulse, interval_s: float) -> None:
    while True:
        activity.heartbeat(pulse.waiting_for)
        await asyncio.sleep(interval_s)
