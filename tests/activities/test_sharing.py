"""One open purchase of the same thing: others wait for it, share its result, or take it over when its run is gone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from activities.claims import JUST_CLAIMED, BeingBoughtError
from activities.purchases import Purchases
from activities.wanted import Wanted, result_of
from models.enums import JobState, Provider, SceneStatus, Step
from models.messages import RunRef
from models.tables import ProviderJob
from store.database import Database
from store.objects.local import LocalObjectStore
from tests.activities.shop import PRICE, REFUSED, REQUEST, S, Vendor
from tests.activities.test_purchases import keep
from tests.support.databases import opened, stored_scene


def wanted(scene_id: str, *, fresh: str = "", clip: int | None = None) -> Wanted:
    """A scene's wish; every scene wants the same picture."""
    run = RunRef(scene_id=scene_id, run_id=f"run-{scene_id}")
    return Wanted(run, Step.IMAGE, Provider.FAL, REQUEST, clip, fresh=fresh)


@pytest.fixture
async def shared(url: str, tmp_path: Path) -> AsyncIterator[Database]:
    """Two scenes under way, on each kind of database."""
    async with opened(url) as database:
        for name in ("ann", "bob"):
            await stored_scene(database, name, status=SceneStatus.GENERATING, run_id=f"run-{name}")
        yield database


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    """An empty object store."""
    return LocalObjectStore(tmp_path / "objects", "http://127.0.0.1", SecretStr("signing-key"))


@pytest.fixture
def purchases(shared: Database, objects: LocalObjectStore) -> Purchases:
    """What two workers have."""
    return Purchases(shared, objects)


async def rows(database: Database) -> list[ProviderJob]:
    """All purchases of both scenes."""
    async with database.transaction() as tx:
        return [*await tx.jobs.of_scene("ann"), *await tx.jobs.of_scene("bob")]


async def ends(database: Database, name: str) -> None:
    """A scene's run is over."""
    async with database.transaction() as tx:
        scene = await tx.scenes.get(name)
        assert scene is not None
        scene.status = SceneStatus.CANCELED


async def bring(purchases: Purchases, job: ProviderJob, *states: JobState) -> ProviderJob:
    """The purchase, so far."""
    return await purchases.move(job, *states, request_id="r1")


@pytest.mark.parametrize("states", [(), (S.SENT,), (S.SENT, S.UNKNOWN), (S.SENT, S.ACCEPTED)], ids=str)
async def test_the_second_waits(purchases: Purchases, shared: Database, states: tuple[JobState, ...]) -> None:
    """While one run buys, wherever its purchase stands, another that needs the same is told to wait, and for what."""
    first = await bring(purchases, await purchases.begin(wanted("ann")), *states)
    with pytest.raises(BeingBoughtError) as waiting:
        await purchases.begin(wanted("bob"))
    assert waiting.value.job.id == first.id
    assert "ann-image-1" in waiting.value.waits.reason
    assert 1.0 <= waiting.value.waits.recheck_s <= 30.0
    assert len(await rows(shared)) == 1


async def test_the_result_is_shared(purchases: Purchases, objects: LocalObjectStore, tmp_path: Path) -> None:
    """What one bought the other gets for nothing."""
    job = await bring(purchases, await purchases.begin(wanted("ann")), S.SENT, S.ACCEPTED)
    await purchases.settle(job, await keep(objects, tmp_path))
    got = await purchases.begin(wanted("bob"))
    assert (got.id, result_of(got, wanted("bob").run).cost_micros) == (job.id, 0)
    assert result_of(got, wanted("ann").run).cost_micros == PRICE


async def test_the_other_buys_when_the_first_fails(purchases: Purchases, shared: Database) -> None:
    """A purchase that came to nothing leaves the way free."""
    job = await bring(purchases, await purchases.begin(wanted("ann")), S.SENT, S.ACCEPTED)
    await purchases.fail(job, REFUSED)
    assert (await purchases.begin(wanted("bob"))).scene_id == "bob"
    assert len(await rows(shared)) == 2


@pytest.mark.parametrize("states", [(S.SENT,), (S.SENT, S.UNKNOWN), (S.SENT, S.ACCEPTED)], ids=str)
async def test_what_a_dead_run_left_is_taken_over(
    purchases: Purchases, shared: Database, states: tuple[JobState, ...]
) -> None:
    """A purchase whose run is over is carried on by whoever needs it, and not made again."""
    job = await bring(purchases, await purchases.begin(wanted("ann")), *states)
    await ends(shared, "ann")
    taken = await purchases.begin(wanted("bob"))
    assert taken.id == job.id
    if S.ACCEPTED not in states:
        vendor = Vendor(finds=["r1"])
        assert await purchases.attempt(taken, send=vendor.send, find=vendor.find) == "r1"
        assert vendor.calls == ["find"]
    assert len(await rows(shared)) == 1


async def test_one_takes_over(purchases: Purchases, shared: Database) -> None:
    """Of several that need what a dead run left one carries it on, also in the eyes of a cancel; the others wait."""
    await stored_scene(shared, "cat", status=SceneStatus.GENERATING, run_id="run-cat")
    job = await bring(purchases, await purchases.begin(wanted("ann")), S.SENT, S.UNKNOWN)
    await ends(shared, "ann")
    came = await asyncio.gather(*(purchases.begin(wanted(name)) for name in ("bob", "cat")), return_exceptions=True)
    assert sorted(type(each).__name__ for each in came) == ["BeingBoughtError", "ProviderJob"]
    (row,) = [row for row in await rows(shared) if row.id == job.id]
    assert row.scene_id == "ann"
    async with shared.transaction() as tx:
        worked_on = [await tx.jobs.open_of_run(name, f"run-{name}") for name in ("ann", "bob", "cat")]
    assert [bool(jobs) for jobs in worked_on] == [row.worked_on_by == name for name in ("ann", "bob", "cat")]
    again = Wanted(RunRef(scene_id=row.worked_on_by, run_id=row.run_id), Step.IMAGE, Provider.FAL, REQUEST)
    assert (await purchases.begin(again)).id == job.id  # as often as it looks
    await purchases.move(await purchases.begin(again), S.INTENT)  # the vendor was busy: it is sent again, by the same
    assert (await purchases.begin(again)).id == job.id
    with pytest.raises(BeingBoughtError):  # its own scene's next run waits too, and takes it back afterwards
        await purchases.begin(Wanted(RunRef(scene_id="ann", run_id="run2"), Step.IMAGE, Provider.FAL, REQUEST))
    await ends(shared, row.worked_on_by)
    back = await purchases.begin(Wanted(RunRef(scene_id="ann", run_id="run2"), Step.IMAGE, Provider.FAL, REQUEST))
    assert (back.id, back.worked_on_by, back.run_id) == (job.id, "ann", "run2")


@pytest.mark.parametrize(("held", "recheck_s"), [(True, 3600.0), (False, 30.0)])
async def test_a_held_purchase_is_looked_at_more_and_more_rarely(
    purchases: Purchases, shared: Database, *, held: bool, recheck_s: float
) -> None:
    """What may be held for weeks fills nobody's history; what is under way is looked at twice a minute."""
    job = await bring(purchases, await purchases.begin(wanted("ann")), S.SENT, S.UNKNOWN if held else S.ACCEPTED)
    async with shared.transaction() as tx:
        row = await tx.jobs.get(job.id)
        assert row.sent_at is not None
        row.sent_at -= timedelta(days=1)
    holding = Purchases(shared, LocalObjectStore(Path(), "http://127.0.0.1", SecretStr("key")), {})
    with pytest.raises(BeingBoughtError) as waiting:
        await holding.begin(wanted("bob"))
    assert waiting.value.waits.recheck_s == recheck_s


async def test_the_test_of_an_identity_is_waited_for(purchases: Purchases, shared: Database) -> None:
    """A purchase outside of scenes, which no run attends, is left alone for a minute; then it was left behind."""
    job = await bring(purchases, await purchases.begin(wanted("test-ann")), S.SENT)
    with pytest.raises(BeingBoughtError):
        await purchases.begin(wanted("bob"))
    async with shared.transaction() as tx:
        row = await tx.jobs.get(job.id)
        assert row.sent_at is not None
        row.sent_at -= JUST_CLAIMED
    assert (await purchases.begin(wanted("bob"))).id == job.id


async def test_what_a_dead_run_never_sent_is_released(purchases: Purchases, shared: Database) -> None:
    """A claim that was not sent is given up after a moment, and the other makes its own."""
    job = await purchases.begin(wanted("ann"))
    await ends(shared, "ann")
    with pytest.raises(BeingBoughtError):
        await purchases.begin(wanted("bob"))
    async with shared.transaction() as tx:
        (await tx.jobs.get(job.id)).intent_at -= JUST_CLAIMED
    own = await purchases.begin(wanted("bob"))
    first, second = await rows(shared)
    assert (first.state, first.actual_cost_micros) == (S.CANCELED, 0)
    assert (second.id, second.scene_id, second.state) == (own.id, "bob", S.INTENT)


async def test_a_race_of_scenes(purchases: Purchases, shared: Database) -> None:
    """However many scenes begin at once, one buys."""
    names = [f"scene{number}" for number in range(20)]
    for name in names:
        await stored_scene(shared, name, status=SceneStatus.GENERATING, run_id=f"run-{name}")
    won = await asyncio.gather(*(purchases.begin(wanted(name)) for name in names), return_exceptions=True)
    assert sorted(type(each).__name__ for each in won) == ["BeingBoughtError"] * 19 + ["ProviderJob"]


async def test_a_fresh_one_is_another(purchases: Purchases, objects: LocalObjectStore, tmp_path: Path) -> None:
    """Asked for afresh, a step buys although the thing is stored or being bought; a retry finds its own."""
    job = await bring(purchases, await purchases.begin(wanted("ann")), S.SENT, S.ACCEPTED)
    fresh = await purchases.begin(wanted("bob", fresh="again"))
    await purchases.settle(job, await keep(objects, tmp_path))
    assert (fresh.scene_id, fresh.state) == ("bob", S.INTENT)
    assert (await purchases.begin(wanted("bob", fresh="again"))).id == fresh.id
    await bring(purchases, fresh, S.SENT, S.ACCEPTED)
    await purchases.settle(fresh, await keep(objects, tmp_path))
    assert (await purchases.begin(wanted("bob", fresh="again"))).id == fresh.id


async def test_clips_of_a_scene_are_not_shared(purchases: Purchases, shared: Database) -> None:
    """Two clips that are asked for in the same words are two purchases: a film does not show one clip twice."""
    first, second = [await purchases.begin(wanted("ann", clip=clip)) for clip in (1, 2)]
    assert first.id != second.id


async def _remove(objects: LocalObjectStore, key: str) -> None:
    await objects.delete(key)


async def _alter(objects: LocalObjectStore, key: str) -> None:
    content = objects.path_of(key).read_bytes()
    objects.path_of(key).write_bytes(content[:-1] + b"?")


@pytest.mark.parametrize("damage", [_remove, _alter], ids=["gone", "another byte"])
async def test_a_damaged_result_is_said(
    purchases: Purchases,
    shared: Database,
    objects: LocalObjectStore,
    tmp_path: Path,
    damage: Callable[[LocalObjectStore, str], Awaitable[None]],
) -> None:
    """A stored result whose object is gone, or is no longer the same, is bought anew, once, and the log says why."""
    job = await bring(purchases, await purchases.begin(wanted("ann")), S.SENT, S.ACCEPTED)
    await purchases.settle(job, await keep(objects, tmp_path))
    await damage(objects, result_of(job, wanted("ann").run).artifact.key)
    own = await purchases.begin(wanted("bob"))
    assert (await purchases.begin(wanted("bob"))).id == own.id
    async with shared.transaction() as tx:
        log = await tx.logs.of_scene("bob")
    assert [entry.level for entry in log] == ["WARN"]
    assert "gone or damaged" in log[0].message


async def test_a_result_that_is_removed_at_this_moment(
    shared: Database, tmp_path: Path, purchases: Purchases, objects: LocalObjectStore
) -> None:
    """An object that goes between the look at it and its use is bought anew: nothing is booked as reused."""
    job = await bring(purchases, await purchases.begin(wanted("ann")), S.SENT, S.ACCEPTED)
    await purchases.settle(job, await keep(objects, tmp_path))
    own = await Purchases(shared, _Vanishing(tmp_path / "objects", "http://127.0.0.1", SecretStr("key"))).begin(
        wanted("bob")
    )
    async with shared.transaction() as tx:
        log = await tx.logs.of_scene("bob")
    assert own.id != job.id
    assert ["gone or damaged" in entry.message for entry in log] == [True]


class _Vanishing(LocalObjectStore):
    async def is_intact(self, key: str, *, size: int, sha256: str) -> bool:
        intact = await super().is_intact(key, size=size, sha256=sha256)
        await self.delete(key)
        return intact
