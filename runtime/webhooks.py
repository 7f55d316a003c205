"""What vendors announce: where they do, and what it changes. Polling stays the truth; this only resolves and wakes."""

from activities import journal
from activities.claims import run_of
from activities.jobs import CallbackOf
from activities.journal import LOG_STEP, Entry
from activities.purchase_log import what
from activities.purchases import UNANSWERED, Purchases
from domain.jobs import OPEN_STATES, IllegalMoveError
from domain.rejections import ConflictError, RejectedError
from models.enums import FailureCode, LogLevel, Provider, Step
from models.tables import ProviderJob
from runtime.settings import Settings
from store.database import Database


def callback_url(settings: Settings) -> CallbackOf:
    """Where a vendor announces a purchase's end; the purchase's id, of 60 random bits, tells which one it is.

    None for vendors that sign nothing, for sync.so while its secret is unset, and for all without a public address.
    """
    signing = {Provider.FAL} | ({Provider.SYNC} if settings.sync_webhook_secret else set[Provider]())

    def of(provider: Provider, job_id: str) -> str | None:
        if settings.public_url is None or provider not in signing:
            return None
        return f"{settings.public_url}/api/webhooks/{provider}?job={job_id}"

    return of


class Announcements:
    """Takes what vendors announce, each in transactions of its own."""

    def __init__(self, database: Database, purchases: Purchases) -> None:
        self._database = database
        self._purchases = purchases

    async def take(self, provider: Provider, job_id: str, request_id: str) -> str | None:
        """Note that the vendor has the purchase under `request_id`; the scene that may wait for that, None for none.

        Hearing it early, late or again changes nothing. Raises RejectedError (`not_found`) for a purchase that is not
        of this vendor, and ConflictError, with an ERROR in the scene's log, when the vendor has a second job for it.
        """
        job = await self._find(job_id)
        if job is None or job.provider != provider:
            raise RejectedError("job", "there is no such purchase", "Nothing to do", FailureCode.NOT_FOUND)
        changed = False
        if job.state in UNANSWERED:
            try:
                job = await self._purchases.accept(job, request_id)
                changed = True
            except IllegalMoveError:  # its submit, or another delivery, was faster
                job = await self._find(job_id) or job
        if job.request_id != request_id:
            await self._note_stray_job(job, request_id)
            raise ConflictError("job", f"{provider} has another job for it", "Look at it in the vendor's dashboard")
        is_parked = job.parked_at is not None and job.state in OPEN_STATES
        return job.worked_on_by if changed or is_parked else None

    async def _find(self, job_id: str) -> ProviderJob | None:
        async with self._database.transaction() as tx:
            try:
                return await tx.jobs.get(job_id)
            except KeyError:
                return None

    async def _note_stray_job(self, job: ProviderJob, request_id: str) -> None:
        """A second job, or one of a purchase that ended when the vendor did not know it."""
        known = f"beside {job.request_id}" if job.request_id else f"although the purchase is {job.state}"
        entry = Entry(
            event=f"{job.idempotency_key}:stray-job:{request_id}",
            step=LOG_STEP[Step(job.step)],
            provider=job.provider,
            level=LogLevel.ERROR,
            message=f"{what(job)}: {job.provider} has the job {request_id} {known}; it is not in the ledger",
            payload={"idempotency_key": job.idempotency_key, "request_id": job.request_id, "stray": request_id},
        )
        async with self._database.transaction() as tx:
            await journal.write(tx, run_of(job), entry)
