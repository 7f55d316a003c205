"""Garbage: what nothing refers to goes, and each kind of reference keeps what it names."""

import hashlib
import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from domain.keys import artifact_key, object_keys
from domain.rejections import RejectedError
from models.enums import AssetKind, JobState, SceneStatus
from models.tables import Asset, Scene, now
from models.take_tables import Approval, Take
from runtime.catalog.artifacts import Shelf, find_garbage, remove_garbage, stored_before
from store.database import Database
from store.objects.local import LocalObjectStore
from tests.support.databases import identity, scene
from tests.support.ledger import book, bought, reused

DAY = timedelta(days=1)
BUSY = {"status": SceneStatus.GENERATING, "run_id": "run1"}
TAKE: dict[str, Any] = {
    "number": 1,
    "run_id": "run0",
    "inputs": {},
    "mode": "standard",
    "models": {},
    "clip_seconds": [5],
    "sync_mode": "loop",
    "speech_duration_s": 2.0,
    "film_duration_s": 2.0,
    "cost_micros": 1,
}

Ref = dict[str, Any]
Refer = Callable[[Database, Ref], Awaitable[object]]


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    """An empty object store."""
    return LocalObjectStore(tmp_path / "objects", "http://127.0.0.1", SecretStr("signing-key"))


@pytest.fixture
def shelf(database: Database, objects: LocalObjectStore) -> Shelf:
    """Where no run holds anything that the database does not know."""
    return _shelf_of(database, objects)


def _shelf_of(database: Database, objects: LocalObjectStore) -> Shelf:
    async def nothing(scenes: Sequence[Scene]) -> set[str]:
        return set()

    return Shelf(database, objects, nothing)


async def keep(objects: LocalObjectStore, folder: Path, content: str = "content", age: timedelta = 2 * DAY) -> Ref:
    """An object that was stored so long ago."""
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    path = folder / sha256
    path.write_text(content)
    key = artifact_key(sha256, ".mp4")
    await objects.put(path, key=key, media_type="video/mp4", sha256=sha256)
    stored_at = (datetime.now(UTC) - age).timestamp()
    os.utime(objects.path_of(key), (stored_at, stored_at))
    return {"key": key, "media_type": "video/mp4", "size": len(content), "sha256": sha256}


async def add(database: Database, *rows: Any) -> None:
    """Rows, each after those that it refers to."""
    for row in rows:
        await book(database, row)


async def garbage(shelf: Shelf, *, purchases: bool = False) -> list[str]:
    """The keys that could go today."""
    return [each.key for each in await find_garbage(shelf, before=now() - DAY, purchases=purchases)]


def take(ref: Ref) -> Take:
    given: dict[str, Any] = TAKE | {"artifacts": {"film": {"key": "artifacts/no"}, "clips": [ref]}}
    return Take(scene_id="one", **given)


def question(ref: Ref) -> Approval:
    return Approval(scene_id="one", run_id="run1", round=1, token="t", picture=ref, price_micros=1)


def purchase(state: JobState, run_id: str, **fields: Any) -> Any:
    given: dict[str, Any] = {"run_id": run_id} | fields
    return bought(state, 1, "one", **given)


NEEDED: dict[str, Refer] = {
    "scene": lambda db, ref: add(db, scene("one", artifacts={"film": ref})),
    "headshot of a scene": lambda db, ref: add(db, scene("one", headshot=ref)),
    "take": lambda db, ref: add(db, scene("one"), take(ref)),
    "asset": lambda db, ref: add(db, Asset(kind=AssetKind.HEADSHOT, name="a", artifact=ref, size=1)),
    "LoRA of an identity": lambda db, ref: add(db, identity("ann", lora_key=ref["key"])),
    "input of an open purchase": lambda db, ref: add(
        db, scene("one"), purchase(JobState.ACCEPTED, "run0", request={"video": ref}, request_id="r1")
    ),
    "input of a run's purchase": lambda db, ref: add(
        db, scene("one", **BUSY), purchase(JobState.STORED, "run1", request={"video": ref})
    ),
    "result of a run's purchase": lambda db, ref: add(
        db, scene("one", **BUSY), purchase(JobState.STORED, "run1", artifact=ref)
    ),
    "result that a run reuses": lambda db, ref: _reuse(db, ref),
    "picture that waits for approval": lambda db, ref: add(db, scene("one", **BUSY), question(ref)),
}


async def _reuse(database: Database, ref: Ref) -> None:
    stored = bought(JobState.STORED, 1, "another", run_id="run0", artifact=ref)
    await add(database, scene("one", **BUSY), stored, reused(stored, "one", run_id="run1"))


@pytest.mark.parametrize("refer", NEEDED.values(), ids=NEEDED)
async def test_what_is_needed_stays(shelf: Shelf, objects: LocalObjectStore, tmp_path: Path, refer: Refer) -> None:
    """Whatever refers to an object keeps it, paid for or not; the one beside it goes."""
    ref, other = await keep(objects, tmp_path), await keep(objects, tmp_path, "other")
    await refer(shelf.database, ref)
    assert await garbage(shelf, purchases=True) == [other["key"]]
    found = await find_garbage(shelf, before=now() - DAY, purchases=True)
    assert [each.key for each in await remove_garbage(shelf, found)] == [other["key"]]
    assert await objects.stat(ref["key"]) is not None
    assert await objects.stat(other["key"]) is None


async def test_what_is_over_is_needed_no_more(shelf: Shelf, objects: LocalObjectStore, tmp_path: Path) -> None:
    """A run that has ended keeps nothing by itself: its picture, and what its failed purchases asked with, go."""
    ref = await keep(objects, tmp_path)
    failed = purchase(JobState.FAILED, "run1", request={"video": ref})
    await add(shelf.database, scene("one", status=SceneStatus.FAILED, run_id="run1"), failed, question(ref))
    assert await garbage(shelf) == [ref["key"]]


async def test_what_was_paid_for_stays(shelf: Shelf, objects: LocalObjectStore, tmp_path: Path) -> None:
    """A result that may be reused goes only when somebody asks for that, who is told what was paid."""
    ref = await keep(objects, tmp_path)
    await add(shelf.database, scene("one"), purchase(JobState.STORED, "run0", artifact=ref))
    assert await garbage(shelf) == []
    (found,) = await find_garbage(shelf, before=now() - DAY, purchases=True)
    assert found.purchase is not None
    assert (found.key, found.purchase.scene_id, found.purchase.actual_cost_micros) == (ref["key"], "one", 1)


async def test_what_is_not_ours_stays(shelf: Shelf, objects: LocalObjectStore, tmp_path: Path) -> None:
    """A name that no step of ours gives belongs to somebody else."""
    content = tmp_path / "notes.txt"
    content.write_text("notes")
    digest = hashlib.sha256(b"notes").hexdigest()
    await objects.put(content, key="artifacts/notes.txt", media_type="text/plain", sha256=digest)
    assert await find_garbage(shelf, before=now() + DAY) == []


async def test_what_is_young_stays(shelf: Shelf, objects: LocalObjectStore, tmp_path: Path) -> None:
    """An object that was stored a moment ago may be in nobody's row yet."""
    await keep(objects, tmp_path, age=timedelta(hours=23))
    assert await garbage(shelf) == []


async def test_what_a_run_holds_stays(database: Database, objects: LocalObjectStore, tmp_path: Path) -> None:
    """What only a workflow's history knows is asked for, of the scenes that are generating."""
    ref = await keep(objects, tmp_path)
    await add(database, scene("one", **BUSY), scene("two"))

    async def held(scenes: Sequence[Scene]) -> set[str]:
        assert [each.id for each in scenes] == ["one"]
        return {ref["key"]}

    assert await garbage(Shelf(database, objects, held)) == []


async def test_what_became_needed_stays(shelf: Shelf, objects: LocalObjectStore, tmp_path: Path) -> None:
    """Between the listing and the removal it is looked again."""
    ref = await keep(objects, tmp_path)
    found = await find_garbage(shelf, before=now() - DAY)
    await add(shelf.database, scene("one", artifacts={"film": ref}))
    assert await remove_garbage(shelf, found) == []
    assert await objects.stat(ref["key"]) is not None


async def test_what_a_run_begins_to_use_stays(database: Database, objects: LocalObjectStore, tmp_path: Path) -> None:
    """A paid result that a run books as reused after that look is not removed under its feet."""
    ref = await keep(objects, tmp_path)
    stored = bought(JobState.STORED, 1, "another", run_id="run0", artifact=ref)
    await add(database, scene("one", **BUSY), stored)

    async def held(scenes: Sequence[Scene]) -> set[str]:
        await add(database, reused(stored, "one", run_id="run1"))
        return set()

    found = await find_garbage(_shelf_of(database, objects), before=now() - DAY, purchases=True)
    assert [each.key for each in found] == [ref["key"]]
    assert await remove_garbage(Shelf(database, objects, held), found) == []
    assert await objects.stat(ref["key"]) is not None


def test_ages() -> None:
    """An hour is the least age; anything younger may be on its way into a row."""
    today = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert stored_before("1h", today) == today - timedelta(hours=1)
    assert stored_before("7d", today) == today - 7 * DAY
    for younger in ("0h", "2026-11-22T11:30", "2027-01-01"):
        with pytest.raises(RejectedError, match="too short"):
            stored_before(younger, today)


def test_keys_are_found_anywhere() -> None:
    """In documents of any depth, in text and in bytes; what only looks like a key is none."""
    one, two = artifact_key("a" * 64, ".mp4"), artifact_key("b" * 64, "")
    assert object_keys([{"x": [{"key": one}]}, two, None, 7]) == {one, two}
    assert object_keys(f"\x01\x02{one}\x03".encode()) == {one}
    assert object_keys({"key": "artifacts/aa/short.mp4", "other": "somewhere/else"}) == set()
