"""A worker: serves the scene workflow and its activities until it is told to stop, then drains."""

import asyncio
import logging
import signal
from datetime import timedelta

from pydantic import ValidationError
from temporalio.client import Client
from temporalio.worker import Worker

from models.enums import Provider
from runtime.schedules import ensure_reconciler
from runtime.search_attributes import ensure_search_attributes
from runtime.settings import Settings
from runtime.temporal import connect
from runtime.wiring import Parts, activities_of, assembled
from workflows.generate_scene import GenerateSceneWorkflow
from workflows.reconcile import ReconcileProviderJobsWorkflow

CONCURRENT_ACTIVITIES = 100  # most of them wait for vendors; heartbeating ones cost about 0.1 MiB and 0.1 % CPU each
STICKY_TIMEOUT = timedelta(seconds=2)  # after a crash the next worker gets a scene's tasks this fast, not after 10 s
HEARTBEAT_THROTTLE = timedelta(seconds=2)  # a cancel reaches an activity with its heartbeats, so they go out this often

log = logging.getLogger(__name__)


def make_worker(client: Client, parts: Parts, *, search_attributes: bool) -> Worker:
    """The worker of one process."""
    return Worker(
        client,
        task_queue=parts.settings.task_queue,
        workflows=[GenerateSceneWorkflow, ReconcileProviderJobsWorkflow],
        activities=activities_of(parts, search_attributes=search_attributes),
        max_concurrent_activities=CONCURRENT_ACTIVITIES,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=timedelta(seconds=parts.settings.graceful_shutdown_s),
        # Input that is no GenerateSceneInput fails the run with the field named; any other bug waits for a deploy.
        workflow_failure_exception_types=[ValidationError],
    )


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raises RejectedError for settings or services that are not there."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with assembled(settings) as parts:
        await parts.database.check()
        client = await connect()
        searchable = await ensure_search_attributes(client)
        await ensure_reconciler(client, settings)
        for provider, variable in settings.missing().items():
            if provider is not Provider.KLING:
                log.warning("%s cannot be used: %s is not set", provider, variable)
        async with make_worker(client, parts, search_attributes=searchable):
            log.info("worker ready: task queue %s, namespace %s", settings.task_queue, client.namespace)
            await stop.wait()
            log.info("worker stops: running activities have %g s to hand over", settings.graceful_shutdown_s)
