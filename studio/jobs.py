"""The life of a job: accepted and billed, queued, run, ended, announced."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from studio.context import Context, JobFailedError, Vendor
from studio.faults import ANSWER_FAULTS, Fault, answer_with
from studio.prices import Charge
from studio.state import OPEN_STATES, BillLine, Job

Handler = Callable[[Request], Awaitable[Response]]

log = logging.getLogger("studio")


def guarded(context: Context, vendor: Vendor, operation: str, handler: Handler) -> Handler:
    """An endpoint that checks credentials first, then lets a planned fault or a bad account answer."""

    async def endpoint(request: Request) -> Response:
        await request.body()  # so that the journal holds it, whatever happens next
        refusal = vendor.authorize(request)
        if refusal is not None:
            return refusal
        model = await vendor.model_of(request)
        fault = context.faults.take(vendor.name, operation, model, ANSWER_FAULTS)
        state = context.account_of(vendor.name).get("state", "ok")
        if fault is None and operation == "submit" and state != "ok":
            fault = Fault(vendor.name, state)
        if fault is None:
            return await handler(request)
        return await answer_with(fault, request, handler, vendor.refuse)

    return endpoint


class Jobs:
    """Runs jobs in the background and keeps the bill in step with how they end."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._vendors: Mapping[str, Vendor] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._announcements: set[asyncio.Task[None]] = set()

    def serve(self, vendors: Mapping[str, Vendor]) -> None:
        """Names the vendors that produce; jobs left open by an earlier run are run again."""
        self._vendors = vendors
        for job in list(self._context.store.jobs.values()):
            if job.state in OPEN_STATES:
                job.state = "queued"
                self._start(job)

    def accept(self, job: Job, charge: Charge, *, key: tuple[str, str] | None = None, priced: bool = True) -> None:
        """Keeps and bills a new job and starts it. `key` is (idempotency key, fingerprint of the body)."""
        name = key[0] if key is not None else job.external_id
        state = "charged" if priced else "open"
        line = BillLine(
            job.id, job.created_at, job.provider, job.model, name, charge.units, charge.unit, charge.usd_micros, state
        )
        self._context.store.accept(job, line, key)
        self._start(job)

    def settle(self, job: Job, charge: Charge) -> None:
        """Writes the final price of a job whose price depends on its output."""
        line = self._context.store.bill[job.id]
        line.units, line.unit, line.price_usd_micros, line.state = (
            charge.units,
            charge.unit,
            charge.usd_micros,
            "charged",
        )
        self._context.store.save_line(line)

    def waive(self, job: Job) -> None:
        """Takes a job's price off the bill; the line stays."""
        line = self._context.store.bill[job.id]
        line.price_usd_micros, line.state = 0, "waived"
        self._context.store.save_line(line)

    def queue_position(self, job: Job) -> int:
        """How many jobs of the provider wait before this one."""
        waiting = [other.id for other in self._context.store.jobs.values() if self._waits_with(other, job)]
        return waiting.index(job.id) if job.id in waiting else 0

    def active(self, provider: str) -> int:
        """Number of a provider's jobs that have not ended."""
        return sum(job.provider == provider and job.state in OPEN_STATES for job in self._context.store.jobs.values())

    def cancel(self, job: Job) -> None:
        """Takes a waiting job out of the queue and off the bill."""
        task = self._tasks.pop(job.id, None)
        if task is not None:
            task.cancel()
        self.waive(job)
        self._end(job, "canceled")

    async def finished(self, job: Job) -> None:
        """Waits until a job has ended."""
        task = self._tasks.get(job.id)
        if task is not None:
            await asyncio.wait([task])

    async def close(self) -> None:
        """Stops all running jobs; they are run again when the same data is opened next time."""
        tasks = [*self._tasks.values(), *self._announcements]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @staticmethod
    def _waits_with(other: Job, job: Job) -> bool:
        return other.provider == job.provider and other.state == "queued"

    def _start(self, job: Job) -> None:
        task = asyncio.create_task(self._run(job))
        self._tasks[job.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(job.id, None))

    async def _run(self, job: Job) -> None:
        vendor = self._vendors[job.provider]
        latency = self._context.latency_of(job.provider)
        await asyncio.sleep(latency.queue_s)
        job.state, job.started_at = "running", time.time()
        self._context.store.save_job(job)
        self._announce(job)
        if "stuck" in job.faults:
            await asyncio.Event().wait()
        await asyncio.sleep(latency.processing_s)
        await self._work(job, vendor)
        self._announce(job)

    def _announce(self, job: Job) -> None:
        task = asyncio.create_task(self._vendors[job.provider].announce(job))
        self._announcements.add(task)
        task.add_done_callback(self._announcements.discard)

    async def _work(self, job: Job, vendor: Vendor) -> None:
        try:
            for name in ("content_refused", "completed_with_error"):
                if name in job.faults:
                    raise vendor.planned_failure(name, job.faults[name])
            job.output = await vendor.produce(job)
        except JobFailedError as failed:
            job.failure = failed.failure
            if not failed.billed:
                self.waive(job)
            self._end(job, failed.state)
        except Exception:  # a defect of the studio must end the job in the vendor's form, not hang the caller
            log.exception("job %s of %s failed", job.id, job.provider)
            job.failure = vendor.planned_failure("completed_with_error", {}).failure
            self.waive(job)
            self._end(job, "failed")
        else:
            self._end(job, "succeeded")

    def _end(self, job: Job, state: str) -> None:
        job.state, job.finished_at = state, time.time()
        self._context.store.save_job(job)
