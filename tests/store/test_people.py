"""Identities and scenes: what is unique, what is found, what is written by a run that ended."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import IntegrityError

from models.enums import SceneStatus
from store.database import Database
from tests.support.databases import identity, scene, stored_scene


async def add(database: Database, name: str, **fields: object) -> str:
    async with database.transaction() as tx:
        return (await tx.identities.add(identity(name, **fields))).id


@pytest.mark.parametrize(
    ("name", "fields"),
    [("one", {"trigger_word": "TOK_other"}), ("other", {"trigger_word": "TOK_one"}), ("other", {"is_default": True})],
    ids=["name", "trigger word", "second default"],
)
async def test_unique(database: Database, name: str, fields: dict[str, object]) -> None:
    """Names and trigger words are taken once, and there is one default identity."""
    await add(database, "one", is_default=True)
    with pytest.raises(IntegrityError):
        await add(database, name, **fields)


async def test_many_are_no_default(database: Database) -> None:
    """Any number of identities may be no default."""
    for name in ("one", "two", "three"):
        await add(database, name)
    async with database.transaction() as tx:
        assert [person.name for person in await tx.identities.list()] == ["one", "three", "two"]
        assert await tx.identities.default() is None


async def test_default_moves(database: Database) -> None:
    """Clearing the default makes room for another one in the same transaction."""
    await add(database, "one", is_default=True)
    async with database.transaction() as tx:
        await tx.identities.clear_default()
        await tx.identities.add(identity("two", is_default=True))
    async with database.transaction() as tx:
        default = await tx.identities.default()
    assert default is not None
    assert default.name == "two"


async def test_inactive_default(database: Database) -> None:
    """The default identity is active: the database itself refuses another."""
    with pytest.raises(IntegrityError):
        await add(database, "one", is_default=True, is_active=False)


async def test_find_identity(database: Database) -> None:
    """An identity is found by id or name; where both fit different rows, by id."""
    first = await add(database, "one")
    second = await add(database, first)
    async with database.transaction() as tx:
        by_id, by_name, none = [await tx.identities.find(text) for text in (first, "one", "two")]
        other = await tx.identities.find(second)
    assert by_id is not None
    assert by_name is not None
    assert other is not None
    assert (by_id.id, by_name.id, other.id, none) == (first, first, second, None)


async def test_taken_by(database: Database) -> None:
    """Who has a name or a trigger word already is found by either."""
    await add(database, "one")
    async with database.transaction() as tx:
        for name, trigger_word in (("one", "TOK_two"), ("two", "TOK_one")):
            taken = await tx.identities.taken_by(name=name, trigger_word=trigger_word)
            assert taken is not None
            assert taken.name == "one"
        assert await tx.identities.taken_by(name="two", trigger_word="TOK_two") is None


async def test_find_scene(database: Database) -> None:
    """A scene is found by id or name; where both fit different rows, by id. Names are unique."""
    await stored_scene(database, "one")
    async with database.transaction() as tx:
        await tx.scenes.add(scene("two", id="one-too"))
        await tx.scenes.add(scene("three", id="two"))
    async with database.transaction() as tx:
        found = [await tx.scenes.find(text) for text in ("one", "one-too", "two", "three", "four")]
    assert [each and each.name for each in found] == ["one", "two", "three", "three", None]
    with pytest.raises(IntegrityError):
        await stored_scene(database, "one", id="other")


async def test_scenes_in_order(database: Database) -> None:
    """Scenes are listed oldest first."""
    for day, name in ((2, "b"), (1, "c"), (3, "a")):
        await stored_scene(database, name, created_at=datetime(2026, 11, day, tzinfo=UTC))
    async with database.transaction() as tx:
        assert [each.name for each in await tx.scenes.list()] == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("status", "run_id", "written"),
    [
        (SceneStatus.GENERATING, "run1", True),
        (SceneStatus.GENERATING, "run2", False),
        (SceneStatus.COMPLETED, "run1", False),
        (SceneStatus.CANCELED, "run1", False),
    ],
)
async def test_end_if_generating(database: Database, status: SceneStatus, run_id: str, written: bool) -> None:
    """The end of a run is written once, and never over another outcome or a later run."""
    await stored_scene(database, status=status, run_id=run_id)
    async with database.transaction() as tx:
        ended = await tx.scenes.end_if_generating("scene1", "run1", status=SceneStatus.FAILED, failure_code="unknown")
    async with database.transaction() as tx:
        found = await tx.scenes.get("scene1")
        assert not await tx.scenes.end_if_generating("nothing", "run1", status=SceneStatus.FAILED)
    assert found is not None
    assert ended is written
    assert (found.status == SceneStatus.FAILED, found.failure_code == "unknown") == (written, written)
    assert (found.ended_at is not None) is written
