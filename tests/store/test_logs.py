"""The generation log: each event once, in the order written."""

import asyncio
from typing import Any

from models.tables import GenerationLog
from store.database import Database
from tests.support.databases import stored_scene


def row(event: str, scene_id: str = "scene1", **fields: Any) -> GenerationLog:
    given: dict[str, Any] = {"level": "INFO", "step": "UPLOAD", "provider": "system", "message": event} | fields
    return GenerationLog(scene_id=scene_id, run_id="run1", event_key=event, **given)


async def write(database: Database, entry: GenerationLog) -> bool:
    async with database.transaction() as tx:
        return await tx.logs.write_once(entry)


async def rows(database: Database, scene_id: str = "scene1", **bounds: int) -> list[GenerationLog]:
    async with database.transaction() as tx:
        return await tx.logs.of_scene(scene_id, **bounds)


async def test_once(database: Database) -> None:
    """The second write of an event is dropped and changes nothing; another scene's event is another."""
    await stored_scene(database, "scene1")
    await stored_scene(database, "scene2")
    payload = {"detail": "é", "nested": {"none": None, "zero": 0}}
    assert await write(database, row("a", message="first", payload=payload, cost_micros=2**40))
    assert not await write(database, row("a", message="second"))
    assert await write(database, row("a", scene_id="scene2"))
    (found,) = await rows(database)
    assert (found.message, found.payload, found.cost_micros) == ("first", payload, 2**40)


async def test_concurrent_writers(database: Database) -> None:
    """Of 20 writers of one event exactly one writes it, and none fails."""
    await stored_scene(database)
    written = await asyncio.gather(*(write(database, row("a", message=str(number))) for number in range(20)))
    assert sorted(written) == [False] * 19 + [True]
    (found,) = await rows(database)
    assert found.message == str(written.index(True))


async def test_in_order_and_in_pages(database: Database) -> None:
    """Rows come in the order written, and a reader goes on after the last id that it has seen."""
    await stored_scene(database)
    for event in ("c", "a", "b"):
        await write(database, row(event))
    page = await rows(database, limit=2)
    assert [each.event_key for each in page] == ["c", "a"]
    assert page[-1].id is not None
    assert [each.event_key for each in await rows(database, after=page[-1].id)] == ["b"]


async def test_goes_with_its_transaction(database: Database) -> None:
    """A row of a transaction that fails is not there, and can be written later."""
    await stored_scene(database)
    try:
        async with database.transaction() as tx:
            assert await tx.logs.write_once(row("a"))
            raise KeyError
    except KeyError:
        pass
    assert await rows(database) == []
    assert await write(database, row("a"))
