"""The one way to buy: claim, send, find again after a lost answer, settle. Every paid call goes through here.

What happens when the process dies on any line: INTENT is committed before anything is sent and SENT before the request
leaves, so the next attempt knows whether a request may be out. A row in SENT or UNKNOWN is never sent again before the
vendor was asked for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from activities import journal
from activities.budgets import DATABASE_ONLY, Budgets
from activities.claims import Claims, age_s, run_of
from activities.journal import Entry
from activities.purchase_log import (
    accepted_entry,
    canceled_entry,
    failed_entry,
    parked_entry,
    stored_entry,
)
from activities.wanted import Wanted
from domain.failures import is_retryable
from domain.unknowns import DEFAULTS, HOLD, LONGEST_RECHECK_S, UnknownPolicy, recheck_s
from models.artifacts import ArtifactRef
from models.enums import FailureCode, JobState, Step
from models.messages import PurchaseWait
from models.tables import ProviderJob, now
from providers.errors import Delivery, ProviderError
from store.database import Database
from store.objects.port import ObjectStore

Answer = TypeVar("Answer")

LAST_WORD_S = 3.0  # a POST is answered within it, as a rule, and a cancel is to end in seconds
UNANSWERED = (JobState.INTENT, JobState.SENT, JobState.UNKNOWN)


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
        self._policies = policies
        self._claims = Claims(database, objects, policies, budgets)

    async def begin(self, wanted: Wanted) -> ProviderJob:
        """See `Claims.begin`."""
        return await self._claims.begin(wanted)

    async def attempt(
        self, job: ProviderJob, send: Callable[[], Awaitable[Answer]], find: Callable[[], Awaitable[Answer | None]]
    ) -> Answer:
        """Send once, or find what an earlier attempt sent. Raises `ProviderError`; the row says what is known.

        A request that the vendor does not know goes out again, under the same key. A cancel that comes while it is out
        is put off for a moment, since the answer says what was bought; when it comes, the cancel is for the caller.
        """
        again: list[JobState] = []
        if job.state in (JobState.SENT, JobState.UNKNOWN):
            found = await self.find(job, find)
            if found is not None:
                return found
            again = [JobState.INTENT]
        await self.move(job, *again, JobState.SENT)
        try:
            return await _answered(send())
        except ProviderError as error:
            return await self._after_failed_send(job, error, find)

    async def find(self, job: ProviderJob, find: Callable[[], Awaitable[Answer | None]]) -> Answer | None:
        """Ask the vendor for a request whose answer was lost. None: it does not know it, or not yet.

        Raises `ProviderError` when it cannot tell (yet); the row is in UNKNOWN then.
        """
        try:
            return await find()
        except ProviderError as error:
            if job.state == JobState.SENT:
                await self.move(job, JobState.UNKNOWN, entry=failed_entry(job, error, "lost"), **_error(error))
            raise

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
                await journal.write(tx, run_of(row), accepted_entry(row))
        return _refresh(job, row)

    async def move(
        self, job: ProviderJob, *states: JobState, entry: Entry | None = None, **changes: Any
    ) -> ProviderJob:
        """Move the row on through `states`, with its log row, in one commit; `job` itself is brought up to date.

        Raises IllegalMoveError when somebody else moved it since `job` was read.
        """
        async with self._database.transaction() as tx:
            moved = job
            for state in states:
                moved = await tx.jobs.move(job.id, state, seen=job if moved is job else None, **changes)
            if entry is not None:
                await journal.write(tx, run_of(moved), entry)
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

    async def fail(self, job: ProviderJob, error: ProviderError, **facts: Any) -> None:
        """The purchase is over without a result; what the vendor charged for it all the same is booked."""
        facts |= {"actual_cost_micros": _cost_of_failure(job, error), "resubmit": error.resubmit} | _error(error)
        await self.move(job, JobState.FAILED, entry=failed_entry(job, error), **facts)

    async def cancel(self, job: ProviderJob, error: ProviderError | None = None) -> None:
        """The purchase was stopped: before it was sent, or by the vendor, whose `error` says what it charged."""
        cost = _cost_of_failure(job, error) if error else 0
        await self.move(job, JobState.CANCELED, entry=canceled_entry(job), actual_cost_micros=cost)

    async def release(self, job: ProviderJob) -> None:
        """Nobody waits for it, and the vendor never had it, or does not know it long after it was sent."""
        back = [] if job.state == JobState.INTENT else [JobState.INTENT]
        await self.move(job, *back, JobState.CANCELED, entry=canceled_entry(job), actual_cost_micros=0)

    async def park(self, job: ProviderJob, reason: str) -> PurchaseWait:
        """Leave an accepted purchase to the reconciler; its run waits for word from there."""
        async with self._database.transaction() as tx:
            row = await tx.jobs.park(job.id)
            await journal.write(tx, run_of(row), parked_entry(row, reason))
        _refresh(job, row)
        return PurchaseWait(reason=reason, recheck_s=LONGEST_RECHECK_S)

    def wait_for_answer(self, job: ProviderJob, error: ProviderError) -> PurchaseWait:
        """What a run does about its purchase in UNKNOWN: look again later, by the step's policy."""
        policy = self._policies.get(Step(job.step), HOLD)
        pause = min(error.retry_after_s or LONGEST_RECHECK_S, recheck_s(age_s(job), policy))
        if policy.rebuy_after is not None:
            then = f"it is bought again {policy.rebuy_after.total_seconds():g} s after it was sent"
        elif error.code is FailureCode.OUTCOME_UNKNOWN:
            then = f"it waits for a person (`starter.py jobs give-up {job.idempotency_key}`) or the vendor's webhook"
        else:
            then = f"{job.provider} is asked again"
        reason = f"{job.provider}'s answer to {job.idempotency_key} was lost: {error.detail}; {then}"
        return PurchaseWait(reason=reason, recheck_s=pause)

    async def _after_failed_send(
        self, job: ProviderJob, error: ProviderError, find: Callable[[], Awaitable[Answer | None]]
    ) -> Answer:
        if error.delivery is Delivery.ANSWER_LOST:
            await self.move(job, JobState.UNKNOWN, entry=failed_entry(job, error, "lost"), **_error(error))
            found = await self.find(job, find)
            if found is not None:
                return found
            detail = f"{error.detail}; {job.provider} does not know the request yet"
            raise ProviderError(FailureCode.PROVIDER_UNAVAILABLE, detail) from error
        if is_retryable(error.code):
            await self.move(job, JobState.INTENT, **_error(error))
        else:
            await self.fail(job, error)
        raise error


async def _answered(sending: Awaitable[Answer]) -> Answer:
    """The answer, also where a cancel comes first and the answer within `LAST_WORD_S` after it."""
    request = asyncio.ensure_future(sending)
    try:
        return await asyncio.shield(request)
    except asyncio.CancelledError:
        await asyncio.wait({request}, timeout=LAST_WORD_S)
        if request.done() and not request.cancelled() and request.exception() is None:
            return request.result()
        request.cancel()
        raise


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


def _error(error: ProviderError) -> dict[str, Any]:
    return {"error_code": error.code, "error_detail": error.detail}
