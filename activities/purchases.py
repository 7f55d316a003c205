"""The one way to buy: claim, send, find again after a lost answer, settle. Every paid call goes through here.

What happens when the process dies on any line: INTENT is committed before anything is sent and SENT before the request
leaves, so the next attempt knows whether a request may be out. A row in SENT or UNKNOWN is never sent again before the
vendor was asked for it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy.exc import IntegrityError

from activities import journal
from activities.journal import LOG_STEP, Entry
from domain.failures import RULES, is_retryable
from domain.fingerprints import fingerprint
from domain.prices import estimate_cost
from models.artifacts import ArtifactRef
from models.enums import FailureCode, JobState, LogLevel, Provider, Step
from models.messages import JobTicket, PurchaseResult, RunRef
from models.requests import PaidRequest
from models.tables import ProviderJob, now
from providers.errors import Delivery, ProviderError
from store.database import Database
from store.jobs import Order
from store.objects.port import ObjectStore

Answer = TypeVar("Answer")

# "There is none" is believed only after this. A vendor lists speech when it is spoken, not when it is asked for: a
# request whose sender died may be at work as long as the adapter would have waited (240 s), and be paid for twice.
SETTLING_TIME = timedelta(minutes=5)


@dataclass(frozen=True)
class Wanted:
    """What a step of a run wants to have bought."""

    run: RunRef
    step: Step
    provider: Provider
    request: PaidRequest
    clip: int | None = None

    def order(self) -> Order:
        """The same as the database takes it."""
        return Order(
            scene_id=self.run.scene_id,
            run_id=self.run.run_id,
            step=self.step,
            clip=self.clip,
            provider=self.provider,
            model=self.request.model,
            fingerprint=fingerprint(self.provider, self.request),
            request=self.request.model_dump(mode="json"),
            estimated_cost_micros=estimate_cost(self.provider, self.request),
        )


class Purchases:
    """Moves purchases through their states, each move in a transaction of its own together with its log row."""

    def __init__(self, database: Database, objects: ObjectStore) -> None:
        self._database = database
        self._objects = objects

    async def begin(self, wanted: Wanted) -> ProviderJob:
        """The step's own unfinished purchase, else a stored result of the same thing, else a new INTENT."""
        order = wanted.order()
        async with self._database.transaction() as tx:
            job = await tx.jobs.find_open(order)
            stored = await tx.jobs.find_stored(order.fingerprint)
        if job is not None:
            return job
        if stored is not None and await self._is_intact(stored):
            await self._note_reuse(wanted, stored)
            return stored
        try:
            async with self._database.transaction() as tx:
                return await tx.jobs.add_intent(order)
        except IntegrityError:  # another attempt of the same activity claimed it a moment ago
            async with self._database.transaction() as tx:
                job = await tx.jobs.find_open(order)
            if job is None:
                raise
            return job

    async def attempt(
        self, job: ProviderJob, send: Callable[[], Awaitable[Answer]], find: Callable[[], Awaitable[Answer | None]]
    ) -> Answer:
        """Send once, or find what an earlier attempt sent. Raises `ProviderError`; the row says what is known."""
        if job.state in (JobState.SENT, JobState.UNKNOWN):
            found = await self._find(job, find)
            if found is not None:
                return found
        await self.move(job, JobState.SENT)
        try:
            return await send()
        except ProviderError as error:
            return await self._after_failed_send(job, error, find)

    async def move(
        self, job: ProviderJob, *states: JobState, entry: Entry | None = None, **changes: Any
    ) -> ProviderJob:
        """Move the row on through `states`, with its log row, in one commit; `job` itself is brought up to date."""
        async with self._database.transaction() as tx:
            moved = job
            for state in states:
                moved = await tx.jobs.move(job.id, state, **changes)
            if entry is not None:
                await journal.write(tx, RunRef(scene_id=moved.scene_id, run_id=moved.run_id), entry)
        for name in ProviderJob.model_fields:
            setattr(job, name, getattr(moved, name))
        return job

    async def settle(self, job: ProviderJob, artifact: ArtifactRef, **facts: Any) -> ProviderJob:
        """The result is in our store: STORED, the end of a good purchase. `facts` are further columns of the row."""
        began = job.accepted_at or job.sent_at or job.intent_at
        elapsed_s = (now() - began).total_seconds()
        charged = facts.get("actual_cost_micros", job.actual_cost_micros)
        entry = Entry(
            event=f"{job.idempotency_key}:stored",
            step=LOG_STEP[Step(job.step)],
            provider=job.provider,
            message=f"{_what(job)} stored after {elapsed_s:.1f} s",
            duration_ms=int(elapsed_s * 1000),
            cost_micros=job.estimated_cost_micros if charged is None else charged,
            payload={"artifact": artifact.key, "size": artifact.size},
        )
        missing = [] if job.state == JobState.SUCCEEDED else [JobState.SUCCEEDED]
        facts["artifact"] = artifact.model_dump(mode="json")
        return await self.move(job, *missing, JobState.STORED, entry=entry, **facts)

    async def fail(self, job: ProviderJob, error: ProviderError) -> None:
        """The purchase is over without a result."""
        await self.move(job, JobState.FAILED, entry=failed_entry(job, error), **_error(error))

    async def _after_failed_send(
        self, job: ProviderJob, error: ProviderError, find: Callable[[], Awaitable[Answer | None]]
    ) -> Answer:
        if error.delivery is Delivery.ANSWER_LOST:
            await self.move(job, JobState.UNKNOWN, entry=failed_entry(job, error, "lost"), **_error(error))
            found = await self._find(job, find)
            if found is not None:
                return found
            raise ProviderError(FailureCode.PROVIDER_UNAVAILABLE, f"{job.provider} never got the request") from error
        if is_retryable(error.code):
            await self.move(job, JobState.INTENT, **_error(error))
        else:
            await self.fail(job, error)
        raise error

    async def _find(self, job: ProviderJob, find: Callable[[], Awaitable[Answer | None]]) -> Answer | None:
        """Ask the vendor for a request whose answer was lost. None: it is sure, and the row is back at INTENT."""
        try:
            found = await find()
        except ProviderError as error:
            if job.state == JobState.SENT:
                await self.move(job, JobState.UNKNOWN, entry=failed_entry(job, error, "lost"), **_error(error))
            raise
        if found is not None:
            return found
        age = now() - (job.sent_at or job.intent_at)
        if age < SETTLING_TIME:
            raise ProviderError(
                FailureCode.PROVIDER_UNAVAILABLE,
                f"the answer of {job.provider} was lost and it lists no such request yet",
                retry_after_s=(SETTLING_TIME - age).total_seconds(),
            )
        await self.move(job, JobState.INTENT)
        return None

    async def _note_reuse(self, wanted: Wanted, job: ProviderJob) -> None:
        if not result_of(job, wanted.run).reused:
            return
        entry = Entry(
            event=f"{wanted.step}:{wanted.clip or ''}:reused",
            step=LOG_STEP[wanted.step],
            provider=job.provider,
            message=f"{_what(job)} reused: the same thing was bought before",
            cost_micros=0,
            payload={"idempotency_key": job.idempotency_key},
        )
        async with self._database.transaction() as tx:
            await journal.write(tx, wanted.run, entry)

    async def _is_intact(self, job: ProviderJob) -> bool:
        artifact = ArtifactRef.model_validate(job.artifact)
        found = await self._objects.stat(artifact.key)
        return found is not None and found.size == artifact.size and found.sha256 == artifact.sha256


def result_of(job: ProviderJob, run: RunRef) -> PurchaseResult:
    """What a stored purchase means for a run: another run's purchase costs this one nothing."""
    reused = (job.scene_id, job.run_id) != (run.scene_id, run.run_id)
    cost = job.actual_cost_micros if job.actual_cost_micros is not None else job.estimated_cost_micros
    return PurchaseResult(
        artifact=ArtifactRef.model_validate(job.artifact),
        reused=reused,
        cost_micros=0 if reused else cost,
        seed=job.seed,
    )


def ticket_of(job: ProviderJob, run: RunRef) -> JobTicket:
    """What the workflow needs to collect a purchase, or its result when it is already here."""
    return JobTicket(
        job_id=job.id,
        provider=Provider(job.provider),
        model=job.model,
        result=result_of(job, run) if job.state == JobState.STORED else None,
    )


def failed_entry(job: ProviderJob, error: ProviderError, event: str = "failed") -> Entry:
    """The log row of a purchase that did not come out."""
    return Entry(
        event=f"{job.idempotency_key}:{event}",
        step=LOG_STEP[Step(job.step)],
        provider=job.provider,
        level=RULES[error.code].log_level,
        message=f"{_what(job)}: {RULES[error.code].user_message}",
        error_code=error.code,
        payload={"detail": error.detail, "status": error.status, "vendor_code": error.vendor_code},
    )


def accepted_entry(job: ProviderJob) -> Entry:
    """The log row of a purchase that the vendor took."""
    return Entry(
        event=f"{job.idempotency_key}:accepted",
        step=LOG_STEP[Step(job.step)],
        provider=job.provider,
        level=LogLevel.INFO,
        message=f"{_what(job)} accepted",
        cost_micros=job.estimated_cost_micros,
        payload={"idempotency_key": job.idempotency_key},
    )


def _what(job: ProviderJob) -> str:
    return f"{job.step} {job.clip} by {job.model}" if job.clip else f"{job.step} by {job.model}"


def _error(error: ProviderError) -> dict[str, Any]:
    return {"error_code": error.code, "error_detail": error.detail}
