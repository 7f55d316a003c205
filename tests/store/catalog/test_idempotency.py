"""A repeated request gets the first answer."""

import asyncio
from datetime import timedelta

import pytest

from domain.rejections import ConflictError, RejectedError
from models.tables import now
from runtime.catalog.idempotency import ABANDONED_AFTER, KEPT_FOR, Answered, Request, abandon, begin, finish
from store.database import Database

FIRST = Request(owner="local", key="key-1", line="POST /api/scenes/x/generate", body_sha256="a" * 64)


async def age(database: Database, by: timedelta) -> None:
    async with database.transaction() as tx:
        record = await tx.idempotency.get(FIRST.owner, FIRST.key)
        assert record is not None
        record.created_at = now() - by


async def test_replay(database: Database) -> None:
    """The same request gets the first answer, whatever it was; another owner's key is another."""
    assert await begin(database, FIRST) is None
    await finish(database, FIRST, 202, {"workflowId": "scene-x", "list": [1, None]})
    assert await begin(database, FIRST) == Answered(202, {"workflowId": "scene-x", "list": [1, None]})
    assert await begin(database, Request("other", FIRST.key, FIRST.line, FIRST.body_sha256)) is None


@pytest.mark.parametrize("changes", [{"line": "POST /api/scenes/y/generate"}, {"body_sha256": "b" * 64}])
async def test_another_request(database: Database, changes: dict[str, str]) -> None:
    """The key of one request cannot be used for another, whether that was answered or not."""
    await begin(database, FIRST)
    other = Request(**{"owner": FIRST.owner, "key": FIRST.key, "line": FIRST.line, "body_sha256": "a" * 64} | changes)
    with pytest.raises(RejectedError, match="another request") as caught:
        await begin(database, other)
    assert not isinstance(caught.value, ConflictError)


async def test_at_once(database: Database) -> None:
    """Of 20 requests at once one goes on; the others are told that it is being answered."""

    async def ask() -> bool:
        try:
            return await begin(database, FIRST) is None
        except ConflictError:
            return False

    assert sum(await asyncio.gather(*(ask() for _ in range(20)))) == 1


async def test_abandoned(database: Database) -> None:
    """A request that came to nothing may be sent again: at once when it was given up, later when its worker died."""
    await begin(database, FIRST)
    await abandon(database, FIRST)
    assert await begin(database, FIRST) is None
    with pytest.raises(ConflictError):
        await begin(database, FIRST)
    await age(database, ABANDONED_AFTER)
    assert await begin(database, FIRST) is None
    with pytest.raises(ConflictError):
        await begin(database, FIRST)


async def test_an_answer_is_not_given_up(database: Database) -> None:
    """What was answered stays answered, for a day."""
    await begin(database, FIRST)
    await finish(database, FIRST, 200, "done")
    await abandon(database, FIRST)
    assert await begin(database, FIRST) == Answered(200, "done")
    await age(database, KEPT_FOR + timedelta(seconds=1))
    assert await begin(database, FIRST) is None


@pytest.mark.parametrize("key", ["", "a" * 256, "a\x00b", "a\nb", "é"])
async def test_bad_keys(database: Database, key: str) -> None:
    """A key that no header should carry is refused."""
    with pytest.raises(RejectedError):
        await begin(database, Request("local", key, "POST /", ""))
