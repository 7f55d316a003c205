"""What only a person can decide: to give up a purchase whose answer was lost."""

from activities.journal import LOG_STEP
from domain.rejections import RejectedError
from models.enums import FailureCode, JobState, LogLevel, Step
from models.tables import GenerationLog, ProviderJob
from store.database import Database

_INSTEAD = {
    JobState.INTENT: "Nothing was sent yet: `starter.py scene generate` sends it, `scene cancel` stops it",
    JobState.SENT: "A run may still be waiting for the answer: `starter.py scene generate` finds out what came of it",
    JobState.ACCEPTED: "The vendor has it: `starter.py scene generate` collects it",
    JobState.SUCCEEDED: "The vendor has finished it: `starter.py scene generate` collects it",
    JobState.STORED: "Its result is kept and nothing was lost",
    JobState.FAILED: "It is over: `starter.py scene generate` buys anew",
    JobState.CANCELED: "It is over: `starter.py scene generate` buys anew",
}


async def give_up(database: Database, reference: str, reason: str) -> ProviderJob:
    """Mark a purchase in UNKNOWN as failed, so that the next run buys anew; what it cost may be lost.

    `reference` is its key or id. Raises RejectedError: `not_found`, or another state than UNKNOWN.
    """
    async with database.transaction() as tx:
        found = await tx.jobs.find(reference)
        if found is None:
            raise RejectedError(
                "key", f"there is no purchase {reference!r}", "See `starter.py jobs list`", FailureCode.NOT_FOUND
            )
        job = await tx.jobs.get(found.id, lock=True)
        if job.state != JobState.UNKNOWN:
            remedy = _INSTEAD[JobState(job.state)]
            raise RejectedError("key", f"{job.idempotency_key} is {job.state}, not {JobState.UNKNOWN}", remedy)
        detail = f"given up: possible loss. {reason}"
        await tx.jobs.move(job.id, JobState.FAILED, error_code=FailureCode.OUTCOME_UNKNOWN, error_detail=detail)
        await tx.logs.write_once(_row(job, detail))
        return job


def _row(job: ProviderJob, detail: str) -> GenerationLog:
    return GenerationLog(
        scene_id=job.scene_id,
        run_id=job.run_id,
        event_key=f"{job.idempotency_key}:given-up",
        level=LogLevel.WARN,
        step=LOG_STEP[Step(job.step)],
        provider=job.provider,
        message=f"{job.step} by {job.model}: {detail}",
        error_code=FailureCode.OUTCOME_UNKNOWN,
        payload={"idempotency_key": job.idempotency_key, "possible_loss_micros": job.estimated_cost_micros},
    )
