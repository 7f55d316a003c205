"""Purchases in the database: claims, moves, what is found again, what was spent."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import col

from domain.jobs import MOVES, IllegalMoveError
from models.enums import JobState, Step
from models.tables import IdentityProfile, ProviderJob, now
from store.database import Database
from store.jobs import Order
from tests.conftest import MIGRATED
from tests.support.databases import opened, order, stored_scene
from tests.support.postgres import Postgres

S = JobState
FILM = {"key": "artifacts/f.mp4", "size": 1}
PATH = {
    S.INTENT: (),
    S.SENT: (S.SENT,),
    S.UNKNOWN: (S.SENT, S.UNKNOWN),
    S.ACCEPTED: (S.SENT, S.ACCEPTED),
    S.SUCCEEDED: (S.SENT, S.ACCEPTED, S.SUCCEEDED),
    S.STORED: (S.SENT, S.ACCEPTED, S.SUCCEEDED, S.STORED),
    S.FAILED: (S.SENT, S.FAILED),
    S.CANCELED: (S.CANCELED,),
}


async def claim(database: Database, wanted: Order) -> ProviderJob | None:
    """Claim as the purchases do; None when another was faster."""
    try:
        async with database.transaction() as tx:
            return await tx.jobs.add_intent(wanted)
    except IntegrityError:
        return None


async def job_at(database: Database, *states: JobState, wanted: Order | None = None, **changes: Any) -> ProviderJob:
    """A purchase that went through `states`."""
    job = await claim(database, wanted or order())
    assert job is not None
    async with database.transaction() as tx:
        for state in states:
            job = await tx.jobs.move(job.id, state, **needed(state) | changes)
    return job


def needed(state: JobState) -> dict[str, Any]:
    """What the database wants a purchase in this state to have."""
    return {S.ACCEPTED: {"request_id": "r1"}, S.SUCCEEDED: {"request_id": "r1"}, S.STORED: {"artifact": FILM}}.get(
        state, {}
    )


async def jobs(database: Database) -> list[ProviderJob]:
    async with database.transaction() as tx:
        return await tx.jobs.of_scene("scene1")


async def test_intent(database: Database) -> None:
    """A claim is a row in INTENT with its key and everything that was ordered."""
    await stored_scene(database)
    await claim(database, order())
    (job,) = await jobs(database)
    assert (job.state, job.take, job.idempotency_key) == (S.INTENT, 1, "scene1-video-1-1")
    assert (job.request, job.estimated_cost_micros, job.actual_cost_micros) == ({"prompt": "p"}, 100, None)
    assert job.sent_at is None


@pytest.mark.parametrize("racers", [2, 10])
async def test_claim_race(database: Database, racers: int) -> None:
    """However many claim the same step at once, there is one purchase, and whoever gets a row gets that one."""
    await stored_scene(database)
    won = await asyncio.gather(*(claim(database, order(run_id=f"run{n}")) for n in range(racers)))
    (job,) = await jobs(database)
    assert {each.id for each in won if each} == {job.id}


@pytest.mark.parametrize("state", [S.INTENT, S.SENT, S.UNKNOWN, S.ACCEPTED, S.SUCCEEDED])
async def test_claim_after_claim(database: Database, state: JobState) -> None:
    """A claim that comes late gets the unfinished purchase, wherever it stands, and carries it on."""
    await stored_scene(database)
    first = await job_at(database, *PATH[state])
    second = await claim(database, order(run_id="run2"))
    assert second is not None
    assert (second.id, second.run_id, second.state) == (first.id, "run2", state)


@pytest.mark.parametrize("state", [S.STORED, S.FAILED, S.CANCELED])
async def test_next_take(database: Database, state: JobState) -> None:
    """After a purchase that is over comes the next take, under a key of its own."""
    await stored_scene(database)
    await job_at(database, *PATH[state])
    second = await claim(database, order())
    assert second is not None
    assert (second.take, second.idempotency_key) == (2, "scene1-video-1-2")


async def test_claims_apart(database: Database) -> None:
    """Another clip, step or content is another purchase; another content of the same clip is its next take."""
    await stored_scene(database)
    wanted = [order(), order(clip=2), order(step=Step.IMAGE, clip=None), order(clip=1, fingerprint="e" * 64)]
    claimed = [await claim(database, each) for each in wanted]
    keys = [each and each.idempotency_key for each in claimed]
    assert keys == ["scene1-video-1-1", "scene1-video-2-1", "scene1-image-1", "scene1-video-1-2"]


@pytest.mark.parametrize("state", JobState)
async def test_moves(database: Database, state: JobState) -> None:
    """Each move of the table is made and timed; any other is refused and changes nothing."""
    await stored_scene(database)
    for clip, to in enumerate(JobState, 1):
        job = await job_at(database, *PATH[state], wanted=order(clip=clip))
        if to in MOVES[state]:
            async with database.transaction() as tx:
                await tx.jobs.move(job.id, to, **needed(to))
        else:
            with pytest.raises(IllegalMoveError):
                async with database.transaction() as tx:
                    await tx.jobs.move(job.id, to, request_id="changed")
    for found, to in zip(await jobs(database), JobState, strict=True):
        assert found.state == (to if to in MOVES[state] else state)
        assert found.request_id in (None, "r1")
        assert (found.ended_at is not None) is (found.state in (S.FAILED, S.CANCELED))


@pytest.mark.parametrize("state", JobState)
async def test_database_checks_moves(database: Database, state: JobState) -> None:
    """The database itself makes the moves of the table and refuses all others, whoever asks."""
    await stored_scene(database)
    for clip, to in enumerate(JobState, 1):
        job = await job_at(database, *PATH[state], wanted=order(clip=clip))
        change = update(ProviderJob).where(col(ProviderJob.id) == job.id)
        change = change.values(state=to, request_id="r1", artifact=FILM)
        if to in MOVES[state] or to is state:
            async with database.engine.begin() as connection:
                await connection.execute(change)
        else:
            with pytest.raises(DBAPIError, match="illegal move"):
                async with database.engine.begin() as connection:
                    await connection.execute(change)
    for found, to in zip(await jobs(database), JobState, strict=True):
        assert found.state == (to if to in MOVES[state] else state)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"state": "paid"}, "job_state_is_known|illegal move"),
        ({"state": "accepted"}, "accepted_job_has_id"),
        ({"state": "accepted", "request_id": "r1", "actual_cost_micros": -1}, "job_cost_is_no_refund"),
        ({"estimated_cost_micros": -1}, "job_cost_is_no_refund"),
    ],
)
async def test_database_checks_rows(database: Database, changes: dict[str, Any], rule: str) -> None:
    """The database refuses a purchase that cannot be: of no known state, accepted without an id, at a negative cost."""
    await stored_scene(database)
    job = await job_at(database, S.SENT)
    with pytest.raises(DBAPIError, match=rule):
        async with database.engine.begin() as connection:
            await connection.execute(update(ProviderJob).where(col(ProviderJob.id) == job.id).values(**changes))


async def test_purchases_are_kept(database: Database) -> None:
    """No purchase can be deleted, in whatever way."""
    await stored_scene(database)
    await job_at(database)
    with pytest.raises(DBAPIError, match="never deleted"):
        async with database.engine.begin() as connection:
            await connection.execute(delete(ProviderJob))
    assert len(await jobs(database)) == 1


async def test_move_race(database: Database) -> None:
    """Of two that make the same move at once one makes it, and the other sees that it is made."""
    await stored_scene(database)
    job = await job_at(database)

    async def send() -> bool:
        try:
            async with database.transaction() as tx:
                await tx.jobs.move(job.id, S.SENT)
                await asyncio.sleep(0.01)
        except IllegalMoveError:
            return False
        return True

    assert sorted(await asyncio.gather(*(send() for _ in range(5)))) == [False] * 4 + [True]


async def test_unknown_job(database: Database) -> None:
    """A purchase that does not exist is a KeyError that names it."""
    with pytest.raises(KeyError, match="nothing"):
        async with database.transaction() as tx:
            await tx.jobs.move("nothing", S.SENT)


async def test_times_of_states(database: Database) -> None:
    """A purchase keeps when it reached each state."""
    await stored_scene(database)
    began = now()
    job = await job_at(database, *PATH[S.STORED])
    times = [job.sent_at, job.accepted_at, job.succeeded_at, job.stored_at]
    assert all(time is not None and began <= time <= now() for time in times)
    assert job.ended_at is None


async def test_error_is_cleared(database: Database) -> None:
    """A purchase that was found again after a lost answer carries no error; one that waits for a resend does."""
    await stored_scene(database)
    job = await job_at(database, S.SENT, S.UNKNOWN, error_code="timed_out", error_detail="lost")
    assert (job.error_code, job.error_detail) == ("timed_out", "lost")
    async with database.transaction() as tx:
        job = await tx.jobs.move(job.id, S.INTENT)
    assert (job.error_code, job.error_detail) == ("timed_out", "lost")
    async with database.transaction() as tx:
        await tx.jobs.move(job.id, S.SENT)
        job = await tx.jobs.move(job.id, S.ACCEPTED, request_id="r1")
    assert (job.error_code, job.error_detail, job.request_id) == (None, None, "r1")


@pytest.mark.parametrize("state", JobState)
async def test_find_open(database: Database, state: JobState) -> None:
    """What a step has not finished buying is found by step, clip and content; the asking run may take it up."""
    await stored_scene(database)
    job = await job_at(database, *PATH[state])
    async with database.transaction() as tx:
        found = await tx.jobs.find_open(order(run_id="run2"))
        if found is not None:
            tx.jobs.take_up(found, order(run_id="run2"))
        others = [await tx.jobs.find_open(other) for other in (order(clip=2), order(fingerprint="e" * 64))]
    assert others == [None, None]
    if MOVES[state]:
        assert found is not None
        assert (found.id, found.run_id) == (job.id, "run2")
    else:
        assert found is None


@pytest.mark.parametrize("state", JobState)
async def test_find_stored(database: Database, state: JobState) -> None:
    """A result is found by its content alone, for any scene, once it is stored."""
    await stored_scene(database)
    job = await job_at(database, *PATH[state])
    async with database.transaction() as tx:
        found = await tx.jobs.find_stored(order("scene2"))
        assert await tx.jobs.find_stored(order(fingerprint="e" * 64)) == []
    assert [each.id for each in found] == ([job.id] if state is S.STORED else [])


async def test_find_newest_stored(database: Database) -> None:
    """Of several results of the same thing the newest is found."""
    await stored_scene(database)
    oldest = await job_at(database, *PATH[S.STORED])
    newest = await job_at(database, *PATH[S.STORED])
    async with database.transaction() as tx:
        found = await tx.jobs.find_stored(order())
    assert [each.id for each in found] == [newest.id, oldest.id]


@pytest.mark.parametrize("place", ["anchor", "clips"])
async def test_the_current_takes_own_is_found_first(database: Database, place: str) -> None:
    """However many newer results of the same thing there are."""
    await stored_scene(database)
    own = {"key": "artifacts/own.mp4", "size": 1}
    job = await job_at(database, S.SENT, S.ACCEPTED, S.SUCCEEDED)
    async with database.transaction() as tx:
        await tx.jobs.move(job.id, S.STORED, artifact=own)
        scene = await tx.scenes.get("scene1")
        assert scene is not None
        scene.artifacts = {place: [own] if place == "clips" else own}
    for _ in range(6):
        await job_at(database, *PATH[S.STORED])
    async with database.transaction() as tx:
        found = await tx.jobs.find_stored(order())
        elsewhere = await tx.jobs.find_stored(order("scene2"))
    assert found[0].id == job.id
    assert job.id not in {each.id for each in elsewhere}


async def test_open_of_run(database: Database) -> None:
    """What a run has open is found; what is over, or another run's, is not."""
    await stored_scene(database)
    for clip, state in enumerate(JobState, 1):
        await job_at(database, *PATH[state], wanted=order(clip=clip))
    await job_at(database, wanted=order(clip=99, run_id="run2"))
    async with database.transaction() as tx:
        found = await tx.jobs.open_of_run("scene1", "run1")
    assert {JobState(job.state) for job in found} == {state for state in JobState if MOVES[state]}


async def test_stored_as(database: Database) -> None:
    """Purchases are found by the key of the object that they left."""
    await stored_scene(database)
    job = await job_at(database, *PATH[S.STORED], artifact={"key": "artifacts/a.mp4", "size": 1})
    await job_at(database, wanted=order(clip=2))
    async with database.transaction() as tx:
        found = await tx.jobs.stored_as("artifacts/a.mp4")
        assert await tx.jobs.stored_as("artifacts/b.mp4") == []
    assert [each.id for each in found] == [job.id]


async def test_given_up_and_resolved_at_once(postgres: Postgres) -> None:
    """Of a give-up and the vendor's word, which come at the same time, the first to commit counts."""
    postgres.empty(MIGRATED, IdentityProfile.metadata.tables)
    async with opened(postgres.url(MIGRATED)) as database:
        await stored_scene(database)
        job = await job_at(database, S.SENT, S.UNKNOWN)
        async with database.transaction() as tx:
            found = await tx.jobs.find(job.idempotency_key)
            async with database.transaction() as other:
                await other.jobs.move(job.id, S.ACCEPTED, request_id="r1")
            assert found is not None
            assert await tx.jobs.write_off(found.id) is None
        async with database.transaction() as tx:
            row = await tx.jobs.get(job.id)
    assert (row.state, row.written_off_at) == (S.ACCEPTED, None)
