"""`starter.py artifacts gc`, with a folder of objects and the database alone."""

import asyncio
import hashlib
import os
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from domain.keys import artifact_key
from models.enums import JobState, SceneStatus
from store.database import Database
from store.objects.local import LocalObjectStore
from tests.cli.program import Answer, Program
from tests.support.databases import scene
from tests.support.ledger import book, bought

SIGNING_KEY = "k" * 32
FILES = {"DEVATAR_FILES_URL": "http://127.0.0.1:1", "DEVATAR_FILES_SIGNING_KEY": SIGNING_KEY}
TWO_DAYS_S = 2 * 24 * 3600


@pytest.fixture
def keys(program: Program, tmp_path: Path) -> dict[str, str]:
    """Two objects of two days ago that no scene shows, one of which was paid for."""
    objects = LocalObjectStore(tmp_path / "objects", FILES["DEVATAR_FILES_URL"], SecretStr(SIGNING_KEY))
    database = Database(program.environment["DATABASE_URL"])

    async def put(content: str) -> str:
        path = tmp_path / content
        path.write_text(content)
        sha256 = hashlib.sha256(content.encode()).hexdigest()
        key = artifact_key(sha256, ".mp4")
        await objects.put(path, key=key, media_type="video/mp4", sha256=sha256)
        stored_at = time.time() - TWO_DAYS_S
        os.utime(objects.path_of(key), (stored_at, stored_at))
        return key

    async def work() -> dict[str, str]:
        found = {content: await put(content) for content in ("joined", "paid")}
        artifact = {"key": found["paid"], "size": 4}
        await book(
            database, bought(JobState.STORED, 700_000, "gone", idempotency_key="gone-video-1", artifact=artifact)
        )
        await database.close()
        return found

    return asyncio.run(work())


def gc(program: Program, *options: str) -> Answer:
    return program.run("artifacts", "gc", *options, **FILES)


def test_a_dry_run_removes_nothing(program: Program, keys: dict[str, str]) -> None:
    """It says what could go, as often as it is asked."""
    for _ in range(2):
        listed = gc(program, "--dry-run", "--json").json
        assert listed["dry_run"] is True
        assert [(each["key"], each["purchase"]) for each in listed["objects"]] == [(keys["joined"], None)]
        assert listed["bytes"] == 6
    assert "1 object, 0.0 MiB would be removed" in gc(program, "--dry-run").out


def test_removal(program: Program, keys: dict[str, str]) -> None:
    """What is unpaid goes at once, what was paid for only when asked for, and says what it cost."""
    assert gc(program, "--json").json["objects"][0]["key"] == keys["joined"]
    assert "nothing to remove" in gc(program).out
    assert "nothing to remove" in gc(program, "--purchases", "--older-than", "7d").out
    removed = gc(program, "--purchases").out
    assert all(words in removed for words in (keys["paid"], "gone-video-1 $0.70", "bought anew when needed"))
    assert "nothing to remove" in gc(program, "--purchases").out


def test_refused(program: Program, keys: dict[str, str]) -> None:
    """Too young an age is refused, and so is a guess at what runs hold while Temporal is away."""
    young = gc(program, "--older-than", "0h")
    assert (young.code, "too short" in young.err) == (2, True)
    database = Database(program.environment["DATABASE_URL"])

    async def begin() -> None:
        await book(database, scene("one", status=SceneStatus.GENERATING, run_id="run1"))
        await database.close()

    asyncio.run(begin())
    assert gc(program).code == 4
    assert keys["joined"]
