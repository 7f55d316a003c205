"""Engine and transactions: addresses, commit and rollback, many at once."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, StatementError

from domain.rejections import RejectedError
from store.database import Database
from tests.support.databases import identity, scene, stored_scene


@pytest.mark.parametrize(
    ("url", "driver", "backend"),
    [
        ("postgresql://u:p@h:5432/d", "postgresql+psycopg", "postgresql"),
        ("postgres://u:p@h/d?sslmode=require", "postgresql+psycopg", "postgresql"),
        ("postgresql+psycopg://u:p@h/d", "postgresql+psycopg", "postgresql"),
        ("sqlite:///devatar.db", "sqlite+aiosqlite", "sqlite"),
        ("sqlite:////var/lib/devatar.db", "sqlite+aiosqlite", "sqlite"),
    ],
)
def test_addresses(url: str, driver: str, backend: str) -> None:
    """An address need name no driver; everything else in it stays."""
    database = Database(url)
    assert database.backend == backend
    assert database.engine.url.drivername == driver
    assert database.engine.url.render_as_string(hide_password=False).split("://")[1] == url.split("://")[1]


@pytest.mark.parametrize("url", ["", "hunter2", "mysql://u:hunter2@h/d", "postgresql://u:hunter2@h:port/d"])
def test_bad_addresses(url: str) -> None:
    """Any other address is refused by the setting's name, and not shown."""
    with pytest.raises(RejectedError) as caught:
        Database(url)
    assert caught.value.field == "DATABASE_URL"
    assert "hunter2" not in str(caught.value)


async def test_commit(database: Database) -> None:
    """What a block wrote is there after it."""
    await stored_scene(database)
    async with database.transaction() as tx:
        found = await tx.scenes.get("scene1")
    assert found is not None
    assert found.dialogue == "Hello."


async def test_rollback(database: Database) -> None:
    """An error takes everything back that the block wrote, and leaves as it is."""

    async def write_and_fail() -> None:
        async with database.transaction() as tx:
            await tx.scenes.add(scene("one"))
            await tx.identities.add(identity("two"))
            raise RuntimeError("bang")

    with pytest.raises(RuntimeError, match="bang"):
        await write_and_fail()
    async with database.transaction() as tx:
        assert await tx.scenes.list() == []
        assert await tx.identities.list() == []


async def test_canceled_in_transaction(database: Database) -> None:
    """A transaction that is canceled leaves nothing behind: neither rows nor a lock."""
    inside = asyncio.Event()

    async def hang() -> None:
        async with database.transaction() as tx:
            await tx.scenes.add(scene("one"))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await inside.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(5), database.transaction() as tx:
        assert await tx.scenes.list() == []
        await tx.scenes.add(scene("one"))


async def test_many_at_once(database: Database) -> None:
    """30 transactions that read, then write, all get through, none seeing a half of another."""
    await stored_scene(database, "counter", seed=0)

    async def count() -> None:
        async with database.transaction() as tx:
            counter = await tx.scenes.get("counter", lock=True)
            assert counter is not None
            assert counter.seed is not None
            await asyncio.sleep(0)
            counter.seed += 1

    async with asyncio.timeout(30):
        await asyncio.gather(*(count() for _ in range(30)))
    async with database.transaction() as tx:
        counter = await tx.scenes.get("counter")
    assert counter is not None
    assert counter.seed == 30


@pytest.mark.parametrize(
    "time",
    [
        datetime(2026, 11, 22, 12, 30, 15, 123456, UTC),
        datetime(2026, 7, 1, 1, 0, tzinfo=timezone(timedelta(hours=-7))),
        datetime(1999, 12, 31, 23, 59, 59, 999999, timezone(timedelta(hours=5, minutes=45))),
    ],
)
async def test_times(database: Database, time: datetime) -> None:
    """A time comes back to the microsecond and in UTC, whatever zone it was in or the server keeps."""
    await stored_scene(database, started_at=time)
    async with database.transaction() as tx:
        found = await tx.scenes.get("scene1")
    assert found is not None
    assert found.started_at is not None
    assert (found.started_at, found.started_at.tzinfo) == (time, UTC)
    assert found.ended_at is None


async def test_naive_time(database: Database) -> None:
    """A time without a zone is refused."""
    with pytest.raises(StatementError, match="without a zone"):
        await stored_scene(database, started_at=datetime(2026, 11, 22))  # noqa: DTZ001 - a naive time is what is tested
    async with database.transaction() as tx:
        assert await tx.scenes.list() == []


async def test_updates_are_noted(database: Database) -> None:
    """A row says when it was changed last."""
    created = await stored_scene(database)
    async with database.transaction() as tx:
        changed = await tx.scenes.get("scene1")
        assert changed is not None
        changed.status = "generating"
    assert changed.updated_at > created.updated_at
    assert changed.created_at == created.created_at


async def test_values_survive(database: Database) -> None:
    """JSON, 63-bit seeds, falsy values and text of any script come back as they were."""
    fields: dict[str, Any] = {
        "headshot": {"key": "é"},
        "seed": 2**63 - 1,
        "clip_seconds": [10, 5],
        "dialogue": "日本 🎬\n'\";--",
    }
    await stored_scene(database, artifacts={}, speech_duration_s=0.0, **fields)
    async with database.transaction() as tx:
        found = await tx.scenes.get("scene1")
    assert found is not None
    assert {name: getattr(found, name) for name in fields} == fields
    assert (found.artifacts, found.speech_duration_s) == ({}, 0.0)


async def test_unset_json_is_null(database: Database) -> None:
    """Whoever looks with SQL finds unset JSON as NULL."""
    await stored_scene(database)
    async with database.engine.connect() as connection:
        query = text("SELECT count(*) FROM scene WHERE headshot IS NULL AND clip_seconds IS NULL")
        assert (await connection.execute(query)).scalar() == 1


async def test_foreign_keys(database: Database) -> None:
    """A scene of an identity that does not exist is refused, by SQLite too."""
    with pytest.raises(IntegrityError):
        await stored_scene(database, identity_id="nobody")
