"""Locks by name: one holder at a time, from the very call on."""

import asyncio

from store.database import Database


async def test_one_at_a_time(database: Database) -> None:
    """Who asks for a lock that is held waits until its transaction ends."""
    inside = 0
    most = 0

    async def work() -> None:
        nonlocal inside, most
        async with database.transaction() as tx:
            await tx.assets.lock_object("key")
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.01)
            inside -= 1

    await asyncio.gather(*(work() for _ in range(6)))
    assert most == 1
