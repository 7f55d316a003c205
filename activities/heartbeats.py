"""Heartbeats of a long activity: how a worker's death is noticed and how a cancel arrives."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from temporalio import activity

BEATS_PER_TIMEOUT = 3  # two may be lost before the server takes the worker for dead


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
    task = asyncio.create_task(_beat(pulse, timeout.total_seconds() / BEATS_PER_TIMEOUT))
    try:
        yield pulse
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _beat(pulse: Pulse, interval_s: float) -> None:
    while True:
        activity.heartbeat(pulse.waiting_for)
        await asyncio.sleep(interval_s)
