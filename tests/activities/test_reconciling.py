"""What the reconciler does about purchases that no run works on."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.reconcile import ReconcileActivities
from activities.wanted import Wanted
from domain.polling import LONGEST_WAIT
from domain.unknowns import NEVER_ARRIVED
from models.enums import JobState, Provider, SceneStatus, Step
from models.messages import RunRef
from models.reconciling import ReconciledJob, ReconcileJobInput
from models.tables import ProviderJob
from providers.errors import ProviderError
from tests.activities.shop import CANNOT_TELL, REQUEST, RUN, S, Shop, Vendor, wanted
from tests.support.databases import stored_scene

LONG = NEVER_ARRIVED + timedelta(minutes=1)


class Desk:
    """Asks the vendor as the activities of a step do."""

    def __init__(self, shop: Shop, answer: str | ProviderError | None) -> None:
        self._shop, self._vendor = shop, Vendor(finds=[answer] * 9)

    async def recover(self, job: ProviderJob) -> bool:
        """See `JobActivities.recover`."""
        found = await self._shop.purchases.find(job, self._vendor.find)
        if found is not None:
            await self._shop.purchases.accept(job, found)
        return found is not None

    async def look(self, job: ProviderJob) -> str:
        """See `Collector.look`."""
        return "in progress"


async def reconcile(shop: Shop, job: ProviderJob, answer: str | ProviderError | None) -> ReconciledJob:
    """One look at a purchase; the vendor answers the question for a lost request so."""
    desk: Any = Desk(shop, answer)
    acts = ReconcileActivities(
        database=shop.database, purchases=shop.purchases, collector=desk, speech=desk, jobs=desk, mend=_nothing
    )
    order = ReconcileJobInput(job_id=job.id, state=JobState(job.state))
    return await ActivityEnvironment().run(acts.reconcile_job, order)


async def _nothing() -> None:
    pass


async def left(shop: Shop, *states: JobState, age: timedelta = timedelta()) -> ProviderJob:
    """A purchase that was left so long ago; `scene1` generates only where a test says so."""
    job = await shop.purchases.begin(wanted())
    if states:
        await shop.purchases.move(job, *states, request_id="r1" if S.ACCEPTED in states else None)
        await shop.age(age)
    return await shop.row()


async def generates(shop: Shop) -> None:
    """The scene's run is under way."""
    async with shop.database.transaction() as tx:
        scene = await tx.scenes.get(RUN.scene_id)
        assert scene is not None
        scene.status, scene.run_id = SceneStatus.GENERATING, RUN.run_id


@pytest.mark.parametrize("states", [(S.SENT,), (S.SENT, S.UNKNOWN)], ids=str)
@pytest.mark.parametrize(("age", "end"), [(timedelta(), None), (LONG, S.CANCELED)], ids=["young", "old"])
async def test_not_found(shop: Shop, states: tuple[JobState, ...], age: timedelta, end: JobState | None) -> None:
    """A request that the vendor does not know may still be on its way; only long after is it released, for nothing."""
    job = await left(shop, *states, age=age)
    report = await reconcile(shop, job, None)
    row = await shop.row()
    assert (row.state, row.actual_cost_micros) == ((end, 0) if end else (states[-1], None))
    assert "never had it" in report.note if end else "does not know it yet" in report.note


async def test_not_found_and_waited_for(shop: Shop) -> None:
    """A run that waits for it sends it again by itself."""
    await generates(shop)
    await reconcile(shop, await left(shop, S.SENT, S.UNKNOWN, age=LONG), None)
    assert (await shop.row()).state == S.UNKNOWN


async def test_found(shop: Shop) -> None:
    """A lost request that the vendor knows goes on from there."""
    report = await reconcile(shop, await left(shop, S.SENT, S.UNKNOWN), "r9")
    assert (report.before, report.after, (await shop.row()).request_id) == (S.UNKNOWN, S.ACCEPTED, "r9")


async def test_taken_up_meanwhile(shop: Shop) -> None:
    """What a run has taken up since the purchases were listed is left to it, and that run's scene is told of it."""
    job = await left(shop, S.SENT, age=LONG)
    await stored_scene(shop.database, "bob", status=SceneStatus.GENERATING, run_id="run-bob")
    run = RunRef(scene_id="bob", run_id="run-bob")
    await shop.purchases.begin(Wanted(run, Step.IMAGE, Provider.FAL, REQUEST))
    report = await reconcile(shop, job, None)
    assert (report.note, report.scene_id) == ("a run works on it by now", "bob")
    assert (await shop.row()).state == S.SENT


@pytest.mark.parametrize(
    ("states", "awaited", "after"),
    [
        ((S.SENT,), False, S.FAILED),
        ((S.SENT, S.UNKNOWN), False, S.FAILED),
        ((S.SENT, S.UNKNOWN), True, S.UNKNOWN),
        ((S.SENT, S.ACCEPTED), True, S.FAILED),
    ],
    ids=str,
)
async def test_after_thirty_days(shop: Shop, states: tuple[JobState, ...], awaited: bool, after: JobState) -> None:
    """What can never come is given up; but a scene that holds for a lost answer is let go by a person alone."""
    job = await left(shop, *states, age=LONGEST_WAIT)
    if awaited:
        await generates(shop)
        if S.ACCEPTED in states:
            async with shop.database.transaction() as tx:
                await tx.jobs.park(job.id)
    await reconcile(shop, job, CANNOT_TELL)
    assert (await shop.row()).state == after
