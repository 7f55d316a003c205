"""What only a person can decide: to give up a purchase whose answer was lost."""

from activities import journal
from activities.claims import run_of
from activities.purchase_log import written_off_entry
from domain.rejections import RejectedError
from models.enums import FailureCode, JobState
from models.tables import ProviderJob
from store.database import Database

_INSTEAD = {
    JobState.INTENT: "Nothing was sent yet: `starter.py scene generate` sends it, `scene cancel` stops it",
    JobState.SENT: "A run may still be waiting for the answer: `starter.py scene generate` finds out what came of it",
    JobState.ACCEPTED: "The vendor has it: `starter.py scene generate` collects it",
    JobState.SUCCEEDED: "The vendor has finished it: `starter.py scene generate` collects it",
    JobState.STORED: "Its result is kept and nothing was lost",
    JobState.UNKNOWN: "Try once more: it was moved at this very moment",
    JobState.FAILED: "It is over: `starter.py scene generate` buys anew",
    JobState.CANCELED: "It is over: `starter.py scene generate` buys anew",
}


async def give_up(database: Database, reference: str, reason: str) -> ProviderJob:
    """Wait no longer for a purchase in UNKNOWN, so that its scene buys anew; what it cost may be lost.

    It stays in UNKNOWN, written off: a webhook or the reconciler may still find it. `reference` is its key or id.
    Raises RejectedError: `not_found`, another state than UNKNOWN, or given up before.
    """
    async with database.transaction() as tx:
        found = await tx.jobs.find(reference)
        if found is None:
            raise RejectedError(
                "key", f"there is no purchase {reference!r}", "See `starter.py jobs list`", FailureCode.NOT_FOUND
            )
        job = await tx.jobs.write_off(found.id)
        if job is None:
            if found.written_off_at is not None:
                raise RejectedError("key", f"{found.idempotency_key} was given up before", "Nothing is left to do")
            remedy = _INSTEAD[JobState(found.state)]
            raise RejectedError("key", f"{found.idempotency_key} is {found.state}, not {JobState.UNKNOWN}", remedy)
        job.error_detail = f"given up: possible loss. {reason}"
        await journal.write(tx, run_of(job), written_off_entry(job, job.error_detail))
        return job
