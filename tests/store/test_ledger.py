"""Adding money up in the database."""

from datetime import timedelta

import pytest

from domain.ledger import Costs, Line, booked, booking_of, total, totals
from models.enums import JobState, Provider, Step
from models.tables import now
from store.database import Database
from store.ledger import LedgerFilter, Owners
from tests.support.databases import stored_scene
from tests.support.ledger import book, bought, reused

S = JobState
EVERYTHING = LedgerFilter()


async def lines(database: Database, which: LedgerFilter = EVERYTHING, owners: Owners | None = None) -> list[Line]:
    async with database.transaction() as tx:
        return await tx.ledger.lines(which, owners)


@pytest.mark.parametrize("actual", [None, 0, 7])
async def test_every_state(database: Database, actual: int | None) -> None:
    """The database's sums are those of the rule, for every state and whatever the vendor has told."""
    await book(database, *(bought(state, actual, model=str(n)) for state in JobState for n in range(2)))
    each = 100 if actual is None else actual
    expected = sum((booked(booking_of(state, actual), 2 * each, 2) for state in JobState), Costs())
    async with database.transaction() as tx:
        committed = await tx.ledger.committed(EVERYTHING)
        unknown = await tx.ledger.unknown(EVERYTHING, limit=100)
    assert total(await lines(database)) == expected
    assert committed == expected.committed_micros == 16 * each
    assert {JobState(job.state) for job in unknown} == {s for s in JobState if booking_of(s, actual) == "unknown"}
    assert len(unknown) == expected.unknown_count


async def test_large_sums(database: Database) -> None:
    """Sums are exact beyond what 32 bits and binary fractions hold."""
    micros = 2**53 - 1
    await book(database, *(bought(S.STORED, micros) for _ in range(3)))
    assert total(await lines(database)).spent_micros == 3 * micros


async def test_nothing(database: Database) -> None:
    """An empty ledger adds up to nothing."""
    async with database.transaction() as tx:
        assert await tx.ledger.committed(EVERYTHING) == 0
        assert not await tx.ledger.knows(EVERYTHING)
        assert await tx.ledger.unknown(EVERYTHING, limit=1) == []
    assert await lines(database) == []


async def test_filters(database: Database) -> None:
    """Each filter leaves what fits it, and together they leave what fits all, of purchases and of savings."""
    first = bought(S.STORED, 1, project_id="p1", identity_id="i1", intent_at=now() - timedelta(days=8))
    second = bought(S.SENT, scene_id="scene2", project_id="p1", identity_id="i2", provider=Provider.SYNC)
    third = bought(S.UNKNOWN, scene_id="scene3", project_id="p2", identity_id="i1")
    saved = reused(first, "scene2", project_id="p1", identity_id="i2")
    await book(database, first, second, third, saved)
    week = now() - timedelta(days=7)
    expected = {
        EVERYTHING: Costs(1, 100, 100, 100, 1),
        LedgerFilter(scene_id="scene2"): Costs(0, 100, 0, 100),
        LedgerFilter(project_id="p1"): Costs(1, 100, 0, 100),
        LedgerFilter(identity_id="i1"): Costs(1, 0, 100, 0, 1),
        LedgerFilter(provider=Provider.SYNC): Costs(0, 100),
        LedgerFilter(since=week): Costs(0, 100, 100, 100, 1),
        LedgerFilter(project_id="p1", identity_id="i1"): Costs(1),
        LedgerFilter(project_id="p1", since=week): Costs(0, 100, 0, 100),
        LedgerFilter(scene_id="nothing"): Costs(),
    }
    async with database.transaction() as tx:
        for which, costs in expected.items():
            assert total(await tx.ledger.lines(which)) == costs
            assert await tx.ledger.committed(which) == costs.committed_micros
            assert len(await tx.ledger.unknown(which, limit=9)) == costs.unknown_count
            assert await tx.ledger.knows(which) is (costs != Costs())


async def test_apart(database: Database) -> None:
    """Sums are told apart by provider and step, and on demand by scene or project, or by some of them."""
    speech = bought(S.STORED, 1, provider=Provider.ELEVENLABS, step=Step.SPEECH, project_id="p1")
    rows = [speech, bought(S.STORED, 2, project_id="p1"), bought(S.STORED, 3), bought(S.STORED, 4, "scene2")]
    await book(database, *rows, reused(speech, "scene3"))
    everything = await lines(database)
    per_scene = totals(await lines(database, owners=Owners("scene_id")), lambda line: line.owner)
    per_project = totals(await lines(database, owners=Owners("project_id")), lambda line: line.owner)
    some = totals(await lines(database, owners=Owners("scene_id", ["scene2", "scene9"])), lambda line: line.owner)
    assert totals(everything, lambda line: (line.provider, line.step)) == {
        (Provider.ELEVENLABS, Step.SPEECH): Costs(1, saved_micros=100),
        (Provider.FAL, Step.VIDEO): Costs(9),
    }
    assert {line.owner for line in everything} == {None}
    assert per_scene == {"scene1": Costs(6), "scene2": Costs(4), "scene3": Costs(saved_micros=100)}
    assert per_project == {"p1": Costs(3), None: Costs(7, saved_micros=100)}
    assert some == {"scene2": Costs(4)}
    assert await lines(database, owners=Owners("scene_id", [])) == []


async def test_outlives_its_scene(database: Database) -> None:
    """What a deleted scene cost stays in every sum; only its name is gone."""
    doomed = await stored_scene(database, "scene1")
    await stored_scene(database, "scene2")
    job = bought(S.STORED, 7, project_id="p1")
    await book(database, job, bought(S.STORED, 1, "scene2", project_id="p1"), reused(job, "scene2", project_id="p1"))
    which = LedgerFilter(project_id="p1")
    async with database.transaction() as tx:
        assert await tx.ledger.scene_names(which) == {"scene1": "scene1", "scene2": "scene2"}
        await tx.scenes.delete(doomed)
    async with database.transaction() as tx:
        assert await tx.ledger.scene_names(which) == {"scene2": "scene2"}
        assert await tx.ledger.knows(LedgerFilter(scene_id="scene1"))
    assert total(await lines(database, which)) == Costs(8, saved_micros=100)


async def test_newest_unknown(database: Database) -> None:
    """The purchases to look at come newest first, and no more of them than were asked for."""
    ages = [3, 1, 2]
    await book(database, *(bought(S.UNKNOWN, model=str(age), intent_at=now() - timedelta(days=age)) for age in ages))
    async with database.transaction() as tx:
        found = await tx.ledger.unknown(EVERYTHING, limit=2)
    assert [job.model for job in found] == ["1", "2"]
