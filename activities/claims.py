"""Before a purchase: is it under way, is it stored, is somebody else buying it, does the budget cover it?"""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy.exc import IntegrityError

from activities import journal
from activities.budgets import Budgets
from activities.purchase_log import canceled_entry, gone_entry, reused_entry, written_off_entry
from activities.wanted import Wanted, result_of
from domain.unknowns import HOLD, LONGEST_RECHECK_S, UnknownPolicy
from models.artifacts import ArtifactRef
from models.enums import FailureCode, JobState, Step
from models.messages import PurchaseWait, RunRef
from models.tables import ProviderJob, now
from providers.errors import ProviderError
from store.database import Database, Transaction
from store.jobs import Order
from store.objects.port import ObjectStore

ATTEMPTS = 20  # each failed one means that another claim was settled or given up in between
SHARE_OF_AGE, LEAST_S, MOST_S = 0.2, 1.0, 30.0  # how soon a purchase that another run makes is looked at again
JUST_CLAIMED = timedelta(minutes=1)  # a claim is sent within milliseconds; the test of an identity takes seconds


class BeingBoughtError(ProviderError):
    """Another run is buying the very same thing: this one waits for it."""

    def __init__(self, job: ProviderJob) -> None:
        detail = f"another run works on the same {job.step}, {job.idempotency_key}"
        super().__init__(FailureCode.PROVIDER_UNAVAILABLE, detail)
        self.job = job
        waits_itself = job.state == JobState.UNKNOWN or job.parked_at is not None
        recheck_s = min(max(LEAST_S, SHARE_OF_AGE * age_s(job)), LONGEST_RECHECK_S if waits_itself else MOST_S)
        self.waits = PurchaseWait(reason=f"{self.detail}; shared when it is there", recheck_s=recheck_s)


class Claims:
    """Finds or makes the row that a purchase goes on with. One row at a time is open for the same thing."""

    def __init__(
        self, database: Database, objects: ObjectStore, policies: Mapping[Step, UnknownPolicy], budgets: Budgets
    ) -> None:
        self._database = database
        self._objects = objects
        self._policies = policies
        self._budgets = budgets

    async def begin(self, wanted: Wanted) -> ProviderJob:
        """The step's unfinished purchase, else a stored result, else one that its own run left behind, else an INTENT.

        Raises BeingBoughtError while another run works on the same, and RejectedError over budget.
        """
        order = wanted.order()
        useless: set[str] = set()
        for _ in range(ATTEMPTS):
            job = await self._under_way(order) or await self._stored(wanted, order, useless)
            job = job or await self._claimed(order, useless)
            if job is not None:
                return job
        raise ProviderError(FailureCode.PROVIDER_UNAVAILABLE, "too many claims of the same purchase at once")

    async def _under_way(self, order: Order) -> ProviderJob | None:
        async with self._database.transaction() as tx:
            job = await tx.jobs.find_open(order)
            if job is None or await self._is_written_off(tx, job):
                return None
            attended = not _works_on(job, order) and await tx.jobs.is_attended(job)
            if not attended:
                tx.jobs.take_up(job, order)
        if attended:
            raise BeingBoughtError(job)
        return job

    async def _stored(self, wanted: Wanted, order: Order, useless: set[str]) -> ProviderJob | None:
        async with self._database.transaction() as tx:
            found = await tx.jobs.find_stored(order)
        for job in found:
            if await self._is_intact(job) and await self._is_kept_for(wanted, order, job):
                return job
            useless.add(job.id)
            async with self._database.transaction() as tx:
                await journal.write(tx, wanted.run, gone_entry(job, wanted.step, wanted.clip))
        return None

    async def _claimed(self, order: Order, useless: set[str]) -> ProviderJob | None:
        """A new INTENT, or the purchase of a run that is over; None when something changed at this very moment."""
        try:
            async with self._database.transaction() as tx:
                rival = await tx.jobs.find_rival(order)
                # What was open a moment ago may be stored now: a result that nobody has looked at goes first.
                if rival is None and any(job.id not in useless for job in await tx.jobs.find_stored(order)):
                    return None
                if rival is None:
                    await self._budgets.check(tx, order)
                    return await tx.jobs.add_intent(order)
                found = await self._taken_over(tx, rival, order)
        except IntegrityError:
            return None
        if isinstance(found, BeingBoughtError):
            raise found
        return found

    async def _taken_over(
        self, tx: Transaction, rival: ProviderJob, order: Order
    ) -> ProviderJob | BeingBoughtError | None:
        """The purchase that no other run works on any more, from now on ours; None when it is over with this look.

        Whoever comes next finds it attended and waits, so that no two runs send or look for the same request.
        """
        if _is_own(rival, order):
            return None  # it came to be a moment ago: the next look finds it first
        if not _works_on(rival, order):
            if await _is_worked_on(tx, rival):
                return BeingBoughtError(rival)
            if rival.state == JobState.INTENT:  # nothing is out, and nobody is going to send it
                await tx.jobs.move(rival.id, JobState.CANCELED, actual_cost_micros=0)
                await journal.write(tx, run_of(rival), canceled_entry(rival))
                return None
        if await self._is_written_off(tx, rival):
            return None
        tx.jobs.take_up(rival, order)
        return rival

    async def _is_written_off(self, tx: Transaction, job: ProviderJob) -> bool:
        """By the policy of its step, now."""
        after = self._policies.get(Step(job.step), HOLD).rebuy_after
        if job.state != JobState.UNKNOWN or after is None or age_s(job) < after.total_seconds():
            return False
        row = await tx.jobs.write_off(job.id)
        if row is not None:
            why = f"no word for {after.total_seconds():g} s, bought again: possible loss"
            await journal.write(tx, run_of(row), written_off_entry(row, why))
        return row is not None

    async def _is_kept_for(self, wanted: Wanted, order: Order, job: ProviderJob) -> bool:
        """Book the reuse, from when on nobody removes the object; False when that has just happened."""
        if not result_of(job, wanted.run).reused:
            return True
        key = ArtifactRef.model_validate(job.artifact).key
        async with self._database.transaction() as tx:
            await tx.assets.lock_object(key)
            if await self._objects.stat(key) is None:
                return False
            await tx.jobs.note_reuse(order, job)
            await journal.write(tx, wanted.run, reused_entry(job, wanted.step, wanted.clip))
        return True

    async def _is_intact(self, job: ProviderJob) -> bool:
        artifact = ArtifactRef.model_validate(job.artifact)
        return await self._objects.is_intact(artifact.key, size=artifact.size, sha256=artifact.sha256)


async def _is_worked_on(tx: Transaction, job: ProviderJob) -> bool:
    """By a run under way, or a moment ago by whoever has none."""
    young = age_s(job) < JUST_CLAIMED.total_seconds()
    if young and (job.state == JobState.INTENT or await tx.scenes.get(job.worked_on_by) is None):
        return True
    return await tx.jobs.is_attended(job)


def _works_on(job: ProviderJob, order: Order) -> bool:
    return (job.worked_on_by, job.run_id) == (order.scene_id, order.run_id)


def _is_own(job: ProviderJob, order: Order) -> bool:
    return (job.scene_id, job.step, job.clip) == (order.scene_id, order.step, order.clip)


def run_of(job: ProviderJob) -> RunRef:
    """The run that works on a purchase."""
    return RunRef(scene_id=job.worked_on_by, run_id=job.run_id)


def age_s(job: ProviderJob) -> float:
    """Seconds since it was sent, or else claimed."""
    return (now() - (job.sent_at or job.intent_at)).total_seconds()
