"""What only the folder store does: crash safety, its signatures, its file server."""

import asyncio
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from store.objects.local import LocalObjectStore, Signature
from store.objects.port import ObjectDamaged, StoreError, StoreUnavailable
from tests.store.objects.conftest import digest_of, served_folder

HOUR = timedelta(hours=1)
KEY = "scenes/s1/film.mp4"
CONTENT = b"film" * 1000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
async def folder(tmp_path: Path, source: Path) -> AsyncGenerator[LocalObjectStore]:
    """A served folder that holds one film under `KEY`."""
    async with served_folder(tmp_path / "store") as store:
        await store.put(source, key=KEY, media_type="video/mp4", sha256=digest_of(CONTENT))
        yield store


async def get(url: str, method: str = "GET") -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.request(method, url)


async def test_signature_forms(folder: LocalObjectStore) -> None:
    """A signed URL is the object's address with an expiry in Unix seconds and an HMAC-SHA256 in hex."""
    url = folder.sign(KEY, expires=HOUR)
    match = re.fullmatch(
        r"http://127\.0\.0\.1:\d+/objects/scenes/s1/film\.mp4\?expires=(\d+)&signature=[0-9a-f]{64}", url
    )
    assert match
    assert abs(int(match[1]) - time.time() - 3600) < 5


async def test_head(folder: LocalObjectStore) -> None:
    """The same URL serves HEAD: size, type and the content's hash as ETag, without a body."""
    answer = await get(folder.sign(KEY, expires=HOUR), "HEAD")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "4000"
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"] == f'"{digest_of(CONTENT)}"'


async def test_tampered_signature(folder: LocalObjectStore) -> None:
    """Whatever is changed of a signed URL, it is refused, and nothing is said of the object."""
    url = folder.sign(KEY, expires=HOUR)
    base, signature = url.rsplit("=", 1)
    expires = re.findall(r"expires=(\d+)", url)[0]
    for bad in (
        f"{base}={'0' * 64}",
        f"{base}={signature[:-1]}",
        f"{base}={signature.upper()}x",
        f"{base}=%C3%A9",
        base,
        url.split("?")[0],
        url.replace(expires, str(int(expires) + 1)),
        url.replace(expires, "-1"),
        url.replace(expires, "9" * 40),
        url.replace(expires, "%D9%A1"),
        url.replace("film", "other"),
        LocalObjectStore(Path("elsewhere"), url.split("/objects")[0], SecretStr("other")).sign(KEY, expires=HOUR),
    ):
        answer = await get(bad)
        assert answer.status_code == 403, bad
        assert "does not fit" in answer.text


async def test_expired_signature(folder: LocalObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL works until its time has come, and then says that it has expired."""
    url = folder.sign(KEY, expires=HOUR)
    now = time.time()
    monkeypatch.setattr("store.objects.local.time.time", lambda: now + 3590)
    assert (await get(url)).status_code == 200
    monkeypatch.setattr("store.objects.local.time.time", lambda: now + 3601)
    answer = await get(url)
    assert answer.status_code == 403
    assert "expired" in answer.text


async def test_what_is_not_served(folder: LocalObjectStore, tmp_path: Path) -> None:
    """No listing, no other methods, no way out of the folder, and 404 for an object that is gone."""
    base = folder.sign(KEY, expires=HOUR).split("/objects")[0]
    (tmp_path / "secret").write_text("secret")
    for path in ("/", "/objects", "/objects/", "/objects/scenes/", "/objects/scenes/%2e%2e/%2e%2e/secret", "/incoming"):
        assert (await get(base + path)).status_code in (403, 404), path
    assert (await get(folder.sign(KEY, expires=HOUR), "PUT")).status_code == 405
    assert (await get(folder.sign(KEY, expires=HOUR), "DELETE")).status_code == 405
    assert (await get(folder.sign("gone.mp4", expires=HOUR))).status_code == 404


@pytest.mark.parametrize("content", [b"changed", CONTENT[:-1] + b"?", b""], ids=["shorter", "one byte", "empty"])
async def test_damaged_content(folder: LocalObjectStore, tmp_path: Path, source: Path, content: bytes) -> None:
    """Content that changed on the disk is noticed, leaves no file behind, and is made good by the next put."""
    folder.path_of(KEY).write_bytes(content)
    with pytest.raises(ObjectDamaged):
        await folder.fetch(KEY, tmp_path / "out" / "back")
    assert names_in(tmp_path / "out") == []
    assert not await folder.is_intact(KEY, size=len(CONTENT), sha256=digest_of(CONTENT))
    await folder.put(source, key=KEY, media_type="video/mp4", sha256=digest_of(CONTENT))
    assert await folder.is_intact(KEY, size=len(CONTENT), sha256=digest_of(CONTENT))


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("*")]


async def test_fetch_replaces_whole(folder: LocalObjectStore, source: Path, tmp_path: Path) -> None:
    """Fetching onto an existing file replaces it and leaves no temporary file."""
    await folder.fetch(KEY, source)
    await folder.fetch(KEY, tmp_path / "out" / "back")
    await folder.fetch(KEY, tmp_path / "out" / "back")
    assert names_in(tmp_path / "out") == ["back"]


async def test_nothing_is_left_behind(folder: LocalObjectStore, source: Path, tmp_path: Path) -> None:
    """Repeated, conflicting and failed puts leave no half object."""
    (tmp_path / "other").write_bytes(b"other")
    for path, sha256 in ((source, digest_of(CONTENT)), (tmp_path / "other", digest_of(b"other")), (source, "0")):
        try:
            await folder.put(path, key=KEY, media_type="video/mp4", sha256=sha256)
        except (StoreError, ValueError):
            continue
    assert names_in(tmp_path / "store" / "incoming") == []
    await folder.delete(KEY)
    assert names_in(tmp_path / "store" / "incoming") == []


def test_writer_killed_on_the_way(tmp_path: Path) -> None:
    """A writer that is killed in the middle of a put leaves no object, and the next writer succeeds."""
    root, big = tmp_path / "store", tmp_path / "big"
    content = b"x" * 3_000_000
    big.write_bytes(content)
    program = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from pydantic import SecretStr\n"
        "import store.objects.local as local\n"
        "local.sync_folder = lambda folder: os._exit(9)\n"  # content and metadata are written, nothing is in place
        f"store = local.LocalObjectStore(Path({str(root)!r}), 'http://x', SecretStr('k'))\n"
        f"asyncio.run(store.put(Path({str(big)!r}), key={KEY!r}, media_type='t/t', sha256={digest_of(content)!r}))\n"
    )
    killed = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": "."}, check=False)
    assert killed.returncode == 9
    store = LocalObjectStore(root, "http://x", SecretStr("k"))
    assert names_in(root / "incoming") != []
    assert store.look_up(KEY) is None
    asyncio.run(store.put(big, key=KEY, media_type="t/t", sha256=digest_of(content)))
    assert store.look_up(KEY) is not None


async def test_check_clears_what_a_crash_left(folder: LocalObjectStore, tmp_path: Path) -> None:
    """The check removes what was abandoned more than a day ago, and nothing that may still be written."""
    old, new = tmp_path / "store" / "incoming" / "old", tmp_path / "store" / "incoming" / "new"
    old.mkdir()
    new.mkdir()
    os.utime(old, (time.time() - 90_000, time.time() - 90_000))
    assert "writable" in await folder.check()
    assert names_in(tmp_path / "store" / "incoming") == ["new"]


async def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A root that is no folder is reported as the store's failure."""
    (tmp_path / "file").write_bytes(b"")
    store = LocalObjectStore(tmp_path / "file", "http://x", SecretStr("k"))
    with pytest.raises(StoreUnavailable):
        await store.check()


def test_empty_signing_key(tmp_path: Path) -> None:
    """Without a key anyone could sign: refused."""
    with pytest.raises(ValueError, match="signing key"):
        LocalObjectStore(tmp_path, "http://x", SecretStr(""))


def test_verify_needs_no_server(tmp_path: Path) -> None:
    """The signature is an HMAC over expiry and key that anyone with the key can compute."""
    store = LocalObjectStore(tmp_path, "http://x", SecretStr("k"))
    until = str(int(time.time()) + 60)
    signature = hmac.new(b"k", f"{until}\n{KEY}".encode(), hashlib.sha256).hexdigest()
    assert store.verify(KEY, expires=until, signature=signature) is Signature.GOOD


def test_program(tmp_path: Path) -> None:
    """`python -m runtime.file_server` says where it listens and serves what another process signed."""
    command = [sys.executable, "-m", "runtime.file_server", "--root", str(tmp_path / "store"), "--port", "0"]
    environment = {"PYTHONPATH": ".", "DEVATAR_FILES_SIGNING_KEY": "k"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = json.loads(server.stdout.readline())["files"]
            store = LocalObjectStore(tmp_path / "store", address, SecretStr("k"))
            assert httpx.get(store.sign("gone", expires=HOUR)).status_code == 404
            assert httpx.get(store.sign("gone", expires=HOUR) + "0").status_code == 403
        finally:
            server.terminate()
    assert server.returncode in (0, -15)
    keyless = subprocess.run(command, env={"PYTHONPATH": "."}, capture_output=True, text=True, check=False)
    assert keyless.returncode == 2
    assert "DEVATAR_FILES_SIGNING_KEY" in keyless.stderr
