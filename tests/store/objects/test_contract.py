"""What every object store does, whichever it is."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from store.objects.port import ObjectConflict, ObjectMissing, ObjectStore, StoredObject
from tests.store.objects.conftest import MIB, digest_of

TEN_MINUTES = timedelta(minutes=10)


async def put_bytes(store: ObjectStore, folder: Path, content: bytes, key: str, media_type: str = "video/mp4") -> None:
    path = folder / f"source-{digest_of(content)[:12]}"
    path.write_bytes(content)
    await store.put(path, key=key, media_type=media_type, sha256=digest_of(content))


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("*")]


async def test_what_was_put_is_fetched(store: ObjectStore, tmp_path: Path) -> None:
    """A stored object comes back byte for byte, with its size, hash and media type."""
    content = os.urandom(3 * MIB + 1)
    await put_bytes(store, tmp_path, content, "scenes/s1/film.mp4")
    await store.fetch("scenes/s1/film.mp4", tmp_path / "new" / "back.mp4")
    assert (tmp_path / "new" / "back.mp4").read_bytes() == content
    assert await store.stat("scenes/s1/film.mp4") == StoredObject(
        "scenes/s1/film.mp4", len(content), digest_of(content), "video/mp4"
    )


async def test_empty_object(store: ObjectStore, tmp_path: Path) -> None:
    """An object may be empty."""
    await put_bytes(store, tmp_path, b"", "empty.bin", "application/octet-stream")
    await store.fetch("empty.bin", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b""


async def test_repeated_put_is_success(store: ObjectStore, tmp_path: Path) -> None:
    """Putting the same content under the same key again changes nothing and is no error."""
    for _ in range(3):
        await put_bytes(store, tmp_path, b"one", "a/b.mp3", "audio/mpeg")
    found = await store.stat("a/b.mp3")
    assert found is not None
    assert found.sha256 == digest_of(b"one")


async def test_other_content_is_a_conflict(store: ObjectStore, tmp_path: Path) -> None:
    """A taken key keeps its content and the second writer is told, without a retry."""
    await put_bytes(store, tmp_path, b"one", "a/b.mp3")
    with pytest.raises(ObjectConflict) as caught:
        await put_bytes(store, tmp_path, b"two", "a/b.mp3")
    assert not caught.value.retryable
    await store.fetch("a/b.mp3", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"one"


async def test_of_many_racers_one_wins(store: ObjectStore, tmp_path: Path) -> None:
    """Of twenty writers of different contents one succeeds, and it is its content that stands."""
    contents = [f"content {n}".encode() * 1000 for n in range(20)]
    outcomes = await asyncio.gather(
        *(put_bytes(store, tmp_path, content, "race.bin") for content in contents), return_exceptions=True
    )
    winners = [content for content, outcome in zip(contents, outcomes, strict=True) if outcome is None]
    assert len(winners) == 1
    assert all(outcome is None or isinstance(outcome, ObjectConflict) for outcome in outcomes)
    found = await store.stat("race.bin")
    assert found is not None
    assert found.sha256 == digest_of(winners[0])


async def test_wrong_hash_is_refused(store: ObjectStore, tmp_path: Path) -> None:
    """A file that is not the one its hash names is never stored."""
    (tmp_path / "file").write_bytes(b"content")
    with pytest.raises(ValueError, match="SHA-256"):
        await store.put(tmp_path / "file", key="k", media_type="video/mp4", sha256=digest_of(b"other"))
    assert await store.stat("k") is None


async def test_missing(store: ObjectStore, tmp_path: Path) -> None:
    """An absent object has no stat, cannot be fetched, leaves no file behind, and can be deleted."""
    assert await store.stat("nothing/here.mp4") is None
    with pytest.raises(ObjectMissing) as caught:
        await store.fetch("nothing/here.mp4", tmp_path / "out" / "back")
    assert not caught.value.retryable
    await store.delete("nothing/here.mp4")
    assert names_in(tmp_path / "out") == []


async def test_delete_frees_the_key(store: ObjectStore, tmp_path: Path) -> None:
    """After a delete the key is free for other content."""
    await put_bytes(store, tmp_path, b"one", "k.bin")
    await store.delete("k.bin")
    assert await store.stat("k.bin") is None
    await put_bytes(store, tmp_path, b"two", "k.bin")
    found = await store.stat("k.bin")
    assert found is not None
    assert found.sha256 == digest_of(b"two")


async def test_intact(store: ObjectStore, tmp_path: Path) -> None:
    """An object is intact when it is there with this size and this hash."""
    await put_bytes(store, tmp_path, b"one", "k.bin")
    assert await store.is_intact("k.bin", size=3, sha256=digest_of(b"one"))
    assert not await store.is_intact("k.bin", size=4, sha256=digest_of(b"one"))
    assert not await store.is_intact("k.bin", size=3, sha256=digest_of(b"two"))
    assert not await store.is_intact("other.bin", size=3, sha256=digest_of(b"one"))


async def test_listing(store: ObjectStore, tmp_path: Path) -> None:
    """What stands under a prefix is listed by key, with its size and when it was written; the rest is not."""
    for key in ("a/2.mp4", "a/ü 1.mp4", "ab/3.mp4", "b/4.mp4"):
        await put_bytes(store, tmp_path, key.encode(), key)
    listed = await store.list_objects("a/")
    assert [(each.key, each.size) for each in listed] == [("a/2.mp4", 7), ("a/ü 1.mp4", 10)]
    assert all(abs(datetime.now(UTC) - each.stored_at) < timedelta(minutes=1) for each in listed)
    assert [each.key for each in await store.list_objects("a")] == ["a/2.mp4", "a/ü 1.mp4", "ab/3.mp4"]
    await store.delete("a/2.mp4")
    assert [each.key for each in await store.list_objects("a/")] == ["a/ü 1.mp4"]
    assert await store.list_objects("nothing/") == []


async def test_signed_url_serves_ranges(store: ObjectStore, tmp_path: Path) -> None:
    """A signed URL works for a client without credentials: whole, in part, and 416 beyond the end."""
    content = os.urandom(200_000)
    await put_bytes(store, tmp_path, content, "scenes/s1/film.mp4")
    url = store.sign("scenes/s1/film.mp4", expires=TEN_MINUTES)
    async with httpx.AsyncClient() as client:
        whole = await client.get(url)
        part = await client.get(url, headers={"Range": "bytes=100-299"})
        tail = await client.get(url, headers={"Range": "bytes=-50"})
        beyond = await client.get(url, headers={"Range": "bytes=200000-"})
    assert (whole.status_code, whole.headers["content-type"]) == (200, "video/mp4")
    assert whole.content == content
    assert (part.status_code, part.content) == (206, content[100:300])
    assert part.headers["content-range"] == "bytes 100-299/200000"
    assert (tail.status_code, tail.content) == (206, content[-50:])
    assert beyond.status_code == 416


@pytest.mark.parametrize(
    "key",
    [
        "plain.mp4",
        "a/b",
        "a",
        "spaces in/the name.mp4",
        "ünïcode/日本語/🎬.mp4",
        "percent%20/%2F..%2e/x",
        "query?x=1&y=2#part",
        "plus+and=equals;comma,'quote\"",
        "...",
        "a/.hidden",
        "content/meta.json",
        "k" * 1024,
    ],
)
async def test_odd_keys(store: ObjectStore, tmp_path: Path, key: str) -> None:
    """Any key that is allowed is stored, found and served under exactly that name."""
    content = key.encode() * 3
    await put_bytes(store, tmp_path, content, key, "text/plain")
    found = await store.stat(key)
    assert found is not None
    assert found.key == key
    async with httpx.AsyncClient() as client:
        answer = await client.get(store.sign(key, expires=TEN_MINUTES))
    assert (answer.status_code, answer.content) == (200, content)


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "..", "../a", "a/../b", "a/..", "./a", "a\\b", "a\nb", "a\0b", "k" * 1025, "\ud800"]
)
async def test_refused_keys(store: ObjectStore, tmp_path: Path, key: str) -> None:
    """A key that could leave its folder, or that no header or URL could carry, is refused by every call."""
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(ValueError, match="object key"):
        await store.put(tmp_path / "file", key=key, media_type="text/plain", sha256=digest_of(b"x"))
    with pytest.raises(ValueError, match="object key"):
        await store.fetch(key, tmp_path / "back")
    with pytest.raises(ValueError, match="object key"):
        await store.stat(key)
    with pytest.raises(ValueError, match="object key"):
        await store.is_intact(key, size=1, sha256=digest_of(b"x"))
    with pytest.raises(ValueError, match="object key"):
        await store.delete(key)
    with pytest.raises(ValueError, match="object key"):
        store.sign(key, expires=TEN_MINUTES)
    with pytest.raises(ValueError, match="object key"):
        store.public_url(key)


@pytest.mark.parametrize("expires", [timedelta(days=7, seconds=1), timedelta(0), timedelta(seconds=-5)])
async def test_lifetime_of_signed_urls(store: ObjectStore, expires: timedelta) -> None:
    """A lifetime that the store's signature cannot have is refused when the URL is made."""
    with pytest.raises(ValueError, match="7 days"):
        store.sign("k", expires=expires)
    assert store.sign("k", expires=timedelta(days=7))


async def test_check(store: ObjectStore) -> None:
    """The check is one line that says where the store is and that it can be written."""
    line = await store.check()
    assert "writable" in line
    assert "\n" not in line
