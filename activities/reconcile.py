"""Purchases that no run works on: found again, collected late, released or expired. Nothing is bought here."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import activity

from activities.collecting import Collector
from activities.failures import translated_failures
from activities.heartbeats import heartbeating
from activities.jobs import JobActivities
from activities.purchases import Purchases
from activities.speech import SpeechActivities
from domain.jobs import OPEN_STATES
from domain.polling import LONGEST_WAIT
from domain.unknowns import NEVER_ARRIVED
from models.enums import FailureCode, JobState, Step
from models.reconciling import ReconciledJob, ReconcileJobInput, UnattendedInput, UnattendedJob, UnattendedJobs
from models.tables import ProviderJob, now
from providers.errors import Delivery, ProviderError
from store.database import Database

PAGE = 100


class ReconcileActivities:
    """The activities of `ReconcileProviderJobsWorkflow`."""

    def __init__(
        self,
        *,
        database: Database,
        purchases: Purchases,
        collector: Collector,
        speech: SpeechActivities,
        jobs: JobActivities,
        mend: Callable[[], Awaitable[None]],
    ) -> None:
        self._database = database
        self._purchases = purchases
        self._collector = collector
        self._speech = speech
        self._jobs = jobs
        self._mend = mend

    @activity.defn
    async def list_unattended(self, order: UnattendedInput) -> UnattendedJobs:
        """A page of the purchases that are unfinished although no run works on them.

        Before the first one, scenes whose run ended without a word (terminated, timed out) are set right.
        """
        if not order.after:
            await self._mend()
        quiet = timedelta(seconds=order.quiet_s)
        async with self._database.transaction() as tx:
            jobs = await tx.jobs.unattended(quiet=quiet, after=order.after, limit=PAGE + 1)
        found = [UnattendedJob(job_id=job.id, state=JobState(job.state)) for job in jobs[:PAGE]]
        return UnattendedJobs(jobs=found, more=len(jobs) > PAGE)

    @activity.defn
    async def reconcile_job(self, order: ReconcileJobInput) -> ReconciledJob:
        """Take one of them as far as it goes now. A vendor that cannot tell is an answer too, and no failure."""
        with translated_failures():
            async with heartbeating() as pulse:
                async with self._database.transaction() as tx:
                    job = await tx.jobs.get(order.job_id)
                    taken_up = not _is_waiting(job) and await tx.jobs.is_attended(job)
                if taken_up:
                    return _report(job, order, "a run works on it by now")
                pulse.waiting_for = f"{job.provider}: {job.idempotency_key}"
                try:
                    note = await self._go_on(job)
                except ProviderError as error:
                    note = error.detail
                    await self._expire(job)
        return _report(job, order, note)

    async def _go_on(self, job: ProviderJob) -> str:
        if job.state in (JobState.SENT, JobState.UNKNOWN):
            step = self._speech if job.step == Step.SPEECH else self._jobs
            if not await step.recover(job):
                return await self._not_found(job)
        elif job.state == JobState.INTENT and not await self._is_awaited(job):
            await self._purchases.release(job)
        if job.state not in (JobState.ACCEPTED, JobState.SUCCEEDED):
            return str(job.state)
        note = await self._collector.look(job)
        await self._expire(job)
        return note

    async def _not_found(self, job: ProviderJob) -> str:
        """The vendor does not know it. A run that waits for it sends it again; else it is released, some time later."""
        if not await self._is_awaited(job) and now() - (job.sent_at or job.intent_at) >= NEVER_ARRIVED:
            await self._purchases.release(job)
            return f"{job.provider} never had it"
        return f"{job.provider} does not know it yet"

    async def _expire(self, job: ProviderJob) -> None:
        """Give up what can never come any more; whether it was charged, nobody can tell by then.

        A scene that holds for a lost answer goes on holding: only a person ends that.
        """
        age = now() - (job.sent_at or job.intent_at)
        if age < LONGEST_WAIT or job.state not in OPEN_STATES - {JobState.INTENT}:
            return
        lost = job.state in (JobState.SENT, JobState.UNKNOWN)
        if lost and await self._is_awaited(job):
            return
        code = FailureCode.OUTCOME_UNKNOWN if lost else FailureCode.TIMED_OUT
        detail = f"nothing came for {age.days} days, and {job.provider} keeps nothing that long"
        await self._purchases.fail(job, ProviderError(code, detail, delivery=Delivery.JOB_ENDED, charged=None))

    async def _is_awaited(self, job: ProviderJob) -> bool:
        """Whether the run that works on it is still under way, and will go on with it."""
        async with self._database.transaction() as tx:
            return job.written_off_at is None and await tx.jobs.is_attended(job)


def _is_waiting(job: ProviderJob) -> bool:
    """Whether its run has left it to the reconciler, or to whoever brings word of it."""
    return job.parked_at is not None or job.written_off_at is not None or job.state == JobState.UNKNOWN


def _report(job: ProviderJob, order: ReconcileJobInput, note: str) -> ReconciledJob:
    after = JobState(job.state)
    return ReconciledJob(
        job_id=job.id,
        idempotency_key=job.idempotency_key,
        scene_id=job.worked_on_by,
        before=order.state,
        after=after,
        note=note,
        held=after is JobState.UNKNOWN and job.written_off_at is None,
    )
