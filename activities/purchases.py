"""The one way to buy: claim, send, find again after a lost answer, settle. Every paid call goes through here.

What happens when the process dies on any line: INTENT is committed before anything is sent and SENT before the request
leaves, so the next attempt knows whether a request may be out. A row in SENT or UNKNOWN is never sent again before the
vendor was asked for it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.exc import IntegrityError

from activities import journal
from activities.budgets import DATABASE_ONLY, Budgets
from activities.journal import Entry
from activities.purchase_log import (
    accepted_entry,
    canceled_entry,
    failed_entry,
    parked_entry,
    reused_entry,
    stored_entry,
    written_off_entry,
)
from domain.failures import is_retryable
from domain.fingerprints import fingerprint
from domain.prices import estimate_cost
from domain.unknowns import DEFAULTS, HOLD, LONGEST_RECHECK_S, UnknownPolicy, recheck_s
from models.artifacts import ArtifactRef
from models.enums import FailureCode, JobState, Provider, Step
from models.messages import Collected, JobTicket, PurchaseResult, PurchaseWait, RunRef
from models.requests import PaidRequest
from models.tables import ProviderJob, now
from providers.errors import Delivery, ProviderError
from store.database import Database
from store.jobs import Order
from store.objects.port import ObjectStore

Answer = TypeVar("Answer")

UNANSWERED = (JobState.INTENT, JobState.SENT, JobState.UNKNOWN)


@dataclass(frozen=True)
class Wanted:
    """What a step of a run wants to have bought."""

    run: RunRef
    step: Step
    provider: Provider
    request: PaidRequest
    clip: int | None = None
    identity_id: str | None = None

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
            identity_id=self.identity_id,
        )


class Purchases:
    """Moves purchases through their states, each move in a transaction of its own together with its log row."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        policies: Mapping[Step, UnknownPolicy] = DEFAULTS,
        budgets: Budgets = DATABASE_ONLY,
    ) -> None:
        self._database = database
        self._objects = objects
        self._policies = policies
        self._budgets = budgets

    async def begin(self, wanted: Wanted) -> ProviderJob:
        """The step's unfinished purchase, else a stored result, else a new INTENT. Raises RejectedError over budget."""
        order = wanted.order()
        async with self._database.transaction() as tx:
            job = await tx.jobs.find_open(order)
            stored = await tx.jobs.find_stored(order.fingerprint)
        if job is not None and not await self._written_off_by_policy(job):
            return job
        if stored is not None and await self._is_intact(stored):
            await self._note_reuse(wanted, order, stored)
            return stored
        try:
            async with self._database.transaction() as tx:
                await self._budgets.check(tx, order)
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
            found = await self.find(job, find)
            if found is not None:
                return found
        await self.move(job, JobState.SENT)
        try:
            return await send()
        except ProviderError as error:
            return await self._after_failed_send(job, error, find)

    async def find(self, job: ProviderJob, find: Callable[[], Awaitable[Answer | None]]) -> Answer | None:
        """Ask the vendor for a request whose answer was lost. None: it is sure, and the row is back at INTENT.

        Raises `ProviderError` when it cannot tell (yet); the row is in UNKNOWN then.
        """
        try:
            found = await find()
        except ProviderError as error:
            if job.state == JobState.SENT:
                await self.move(job, JobState.UNKNOWN, entry=failed_entry(job, error, "lost"), **_error(error))
            raise
        if found is None:
            await self.move(job, JobState.INTENT)
        return found

    async def accept(self, job: ProviderJob, request_id: str) -> ProviderJob:
        """The vendor has it under this id, said by its answer or by its webhook, whichever comes first.

        Hearing it again changes nothing. Raises IllegalMoveError for another id than the one that is known, and for a
        purchase that is over.
        """
        async with self._database.transaction() as tx:
            row = await tx.jobs.get(job.id, lock=True)
            if row.state in UNANSWERED or row.request_id != request_id:
                if row.state == JobState.INTENT:  # taken for refused, but the vendor has it
                    await tx.jobs.move(job.id, JobState.SENT)
                row = await tx.jobs.move(job.id, JobState.ACCEPTED, request_id=request_id)
                await journal.write(tx, _run_of(row), accepted_entry(row))
        return _refresh(job, row)

    async def move(
        self, job: ProviderJob, *states: JobState, entry: Entry | None = None, **changes: Any
    ) -> ProviderJob:
        """Move the row on through `states`, with its log row, in one commit; `job` itself is brought up to date."""
        async with self._database.transaction() as tx:
            moved = job
            for state in states:
                moved = await tx.jobs.move(job.id, state, **changes)
            if entry is not None:
                await journal.write(tx, _run_of(moved), entry)
        return _refresh(job, moved)

    async def settle(self, job: ProviderJob, artifact: ArtifactRef, **facts: Any) -> ProviderJob:
        """The result is in our store: STORED, the end of a good purchase. `facts` are further columns of the row."""
        began = job.accepted_at or job.sent_at or job.intent_at
        charged = facts.get("actual_cost_micros", job.actual_cost_micros)
        cost = job.estimated_cost_micros if charged is None else charged
        entry = stored_entry(job, artifact, (now() - began).total_seconds(), cost)
        missing = [] if job.state == JobState.SUCCEEDED else [JobState.SUCCEEDED]
        facts["artifact"] = artifact.model_dump(mode="json")
        return await self.move(job, *missing, JobState.STORED, entry=entry, **facts)

    async def fail(self, job: ProviderJob, error: ProviderError) -> None:
        """The purchase is over without a result; what the vendor charged for it all the same is booked."""
        cost = _cost_of_failure(job, error)
        await self.move(job, JobState.FAILED, entry=failed_entry(job, error), actual_cost_micros=cost, **_error(error))

    async def cancel(self, job: ProviderJob, error: ProviderError | None = None) -> None:
        """The purchase was stopped: before it was sent, or by the vendor, whose `error` says what it charged."""
        cost = _cost_of_failure(job, error) if error else 0
        await self.move(job, JobState.CANCELED, entry=canceled_entry(job), actual_cost_micros=cost)

    async def park(self, job: ProviderJob, reason: str) -> PurchaseWait:
        """Leave an accepted purchase to the reconciler; its run waits for word from there."""
        async with self._database.transaction() as tx:
            row = await tx.jobs.park(job.id)
            await journal.write(tx, _run_of(row), parked_entry(row, reason))
        _refresh(job, row)
        return PurchaseWait(reason=reason, recheck_s=LONGEST_RECHECK_S)

    def wait_for_answer(self, job: ProviderJob, error: ProviderError) -> PurchaseWait:
        """What a run does about its purchase in UNKNOWN: look again later, by the step's policy."""
        policy = self._policy_of(job)
        pause = min(error.retry_after_s or LONGEST_RECHECK_S, recheck_s(_age_s(job), policy))
        if policy.rebuy_after is not None:
            then = f"it is bought again {policy.rebuy_after.total_seconds():g} s after it was sent"
        elif error.code is FailureCode.OUTCOME_UNKNOWN:
            then = f"it waits for a person (`starter.py jobs give-up {job.idempotency_key}`) or the vendor's webhook"
        else:
            then = f"{job.provider} is asked again"
        reason = f"{job.provider}'s answer to {job.idempotency_key} was lost: {error.detail}; {then}"
        return PurchaseWait(reason=reason, recheck_s=pause)

    async def _written_off_by_policy(self, job: ProviderJob) -> bool:
        after = self._policy_of(job).rebuy_after
        if job.state != JobState.UNKNOWN or after is None or _age_s(job) < after.total_seconds():
            return False
        why = f"no word for {after.total_seconds():g} s, bought again: possible loss"
        async with self._database.transaction() as tx:
            row = await tx.jobs.write_off(job.id)
            if row is not None:
                await journal.write(tx, _run_of(row), written_off_entry(row, why))
        return row is not None

    async def _after_failed_send(
        self, job: ProviderJob, error: ProviderError, find: Callable[[], Awaitable[Answer | None]]
    ) -> Answer:
        if error.delivery is Delivery.ANSWER_LOST:
            await self.move(job, JobState.UNKNOWN, entry=failed_entry(job, error, "lost"), **_error(error))
            found = await self.find(job, find)
            if found is not None:
                return found
            raise ProviderError(FailureCode.PROVIDER_UNAVAILABLE, f"{job.provider} never got the request") from error
        if is_retryable(error.code):
            await self.move(job, JobState.INTENT, **_error(error))
        else:
            await self.fail(job, error)
        raise error

    async def _note_reuse(self, wanted: Wanted, order: Order, job: ProviderJob) -> None:
        if not result_of(job, wanted.run).reused:
            return
        async with self._database.transaction() as tx:
            await tx.jobs.note_reuse(order, job)
            await journal.write(tx, wanted.run, reused_entry(job, wanted.step, wanted.clip))

    async def _is_intact(self, job: ProviderJob) -> bool:
        artifact = ArtifactRef.model_validate(job.artifact)
        found = await self._objects.stat(artifact.key)
        return found is not None and found.size == artifact.size and found.sha256 == artifact.sha256

    def _policy_of(self, job: ProviderJob) -> UnknownPolicy:
        return self._policies.get(Step(job.step), HOLD)


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


def collected(job: ProviderJob, run: RunRef) -> Collected:
    """A stored purchase as an activity returns it."""
    return Collected(**dict(result_of(job, run)))


def ticket_of(job: ProviderJob, run: RunRef, waits: PurchaseWait | None = None) -> JobTicket:
    """What the workflow needs to collect a purchase, or its result when it is already here."""
    return JobTicket(
        job_id=job.id,
        provider=Provider(job.provider),
        model=job.model,
        result=result_of(job, run) if job.state == JobState.STORED else None,
        waits=waits,
    )


def _cost_of_failure(job: ProviderJob, error: ProviderError) -> int | None:
    """Micro-dollars that a purchase without a result cost; None when nobody can tell."""
    if error.actual_cost_micros is not None:
        return error.actual_cost_micros
    if error.charged or job.state == JobState.SUCCEEDED:  # what the vendor finished is paid for
        return job.estimated_cost_micros if job.actual_cost_micros is None else job.actual_cost_micros
    return None if error.charged is None else 0


def _refresh(job: ProviderJob, row: ProviderJob) -> ProviderJob:
    for name in ProviderJob.model_fields:
        setattr(job, name, getattr(row, name))
    return job


def _run_of(job: ProviderJob) -> RunRef:
    return RunRef(scene_id=job.scene_id, run_id=job.run_id)


def _age_s(job: ProviderJob) -> float:
    return (now() - (job.sent_at or job.intent_at)).total_seconds()


def _error(error: ProviderError) -> dict[str, Any]:
    return {"error_code": error.code, "error_detail": error.detail}
