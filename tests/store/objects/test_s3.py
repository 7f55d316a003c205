"""What only the S3 store does: parts, its exact request, and how a server's refusals and faults are told."""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from runtime.file_server import serve_files
from store.objects.port import ObjectConflict, ObjectDamaged, StoreError, StoreRefused, StoreUnavailable
from store.objects.s3 import S3ObjectStore, r2_endpoint
from tests.store.objects.conftest import BUCKET, MIB, digest_of


def store_at(endpoint_url: str, **options: Any) -> S3ObjectStore:
    return S3ObjectStore(
        endpoint_url=endpoint_url,
        bucket="bucket",
        access_key_id="key-id",
        secret_access_key=SecretStr("very-secret"),
        **options,
    )


@dataclass
class Vendor:
    """A server that answers every request alike and keeps what it was asked."""

    url: str
    status: int = 200
    status_of: dict[str, int] = field(default_factory=dict[str, int])  # by method
    code: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list[tuple[str, str, dict[str, str]]])
    received: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    cut_off: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: Request) -> Response:
        self.asked.append((request.method, request.url.path, dict(request.headers)))
        try:
            async for _ in request.stream():
                self.received.set()
                await self.go_on.wait()
        except ClientDisconnect:
            self.cut_off.set()
            raise
        body = f"<Error><Code>{self.code}</Code><Message>why</Message></Error>" if self.code else ""
        return Response(body, self.status_of.get(request.method, self.status), headers=self.headers)


@pytest.fixture
async def vendor() -> AsyncGenerator[Vendor]:
    listener = socket.create_server(("127.0.0.1", 0))
    made = Vendor(f"http://127.0.0.1:{listener.getsockname()[1]}")
    made.go_on.set()
    methods = ["GET", "PUT", "POST", "DELETE", "HEAD"]
    task = asyncio.create_task(
        serve_files(Starlette(routes=[Route("/{rest:path}", made.answer, methods=methods)]), listener)
    )
    yield made
    made.go_on.set()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    listener.close()


@pytest.fixture
async def store(vendor: Vendor) -> AsyncGenerator[S3ObjectStore]:
    made = store_at(vendor.url)
    yield made
    made.close()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"film")
    return path


async def test_the_request(vendor: Vendor, store: S3ObjectStore, film: Path) -> None:
    """A put is one conditional PUT with type, hash and length, and without the checksums that R2 has refused."""
    await store.put(film, key="scenes/s1/film.mp4", media_type="video/mp4", sha256=digest_of(b"film"))
    [(method, path, headers)] = vendor.asked
    assert (method, path) == ("PUT", "/bucket/scenes/s1/film.mp4")
    assert headers["if-none-match"] == "*"
    assert headers["content-type"] == "video/mp4"
    assert headers["content-length"] == "4"
    assert headers["x-amz-meta-sha256"] == digest_of(b"film")
    assert "/auto/s3/aws4_request" in headers["authorization"]
    unwanted = ("x-amz-checksum", "x-amz-sdk-checksum", "x-amz-trailer", "transfer-encoding", "content-encoding")
    assert not [name for name in headers if name.startswith(unwanted)]


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (409, "ConditionalRequestConflict", StoreUnavailable),
        (429, "TooManyRequests", StoreUnavailable),
        (500, "InternalError", StoreUnavailable),
        (503, "SlowDown", StoreUnavailable),
        (501, "NotImplemented", StoreRefused),
        (403, "AccessDenied", StoreRefused),
        (403, "SignatureDoesNotMatch", StoreRefused),
        (400, "InvalidArgument", StoreRefused),
    ],
)
@pytest.mark.parametrize("single", [True, False], ids=["whole", "parts"])
async def test_refusals_and_faults(
    vendor: Vendor, film: Path, status: int, code: str, error: type[StoreError], single: bool
) -> None:
    """Each answer becomes one error whose class says whether to try again; nothing is sent twice."""
    vendor.status, vendor.code = status, code
    store = store_at(vendor.url, single_put_bytes=1000 if single else 0)
    with pytest.raises(error) as caught:
        await store.put(film, key="k", media_type="video/mp4", sha256=digest_of(b"film"))
    assert caught.value.retryable is (error is StoreUnavailable)
    assert "very-secret" not in str(caught.value)
    assert len([method for method, _, _ in vendor.asked if method in ("PUT", "POST")]) == int(single)
    with pytest.raises(error):
        await store.fetch("k", film.parent / "back")
    with pytest.raises(error):
        await store.stat("k")
    with pytest.raises(error):
        await store.check()
    store.close()


@pytest.mark.parametrize(("status", "error"), [(503, StoreUnavailable), (403, StoreRefused)])
async def test_refused_parts(vendor: Vendor, film: Path, status: int, error: type[StoreError]) -> None:
    """A refusal on the way up in parts is told like any other."""
    vendor.status, vendor.code, vendor.status_of = status, "Code", {"HEAD": 404}
    store = store_at(vendor.url, single_put_bytes=0)
    with pytest.raises(error, match=f"{status} Code why"):
        await store.put(film, key="k", media_type="video/mp4", sha256=digest_of(b"film"))
    store.close()


async def test_missing_bucket(vendor: Vendor, store: S3ObjectStore, film: Path) -> None:
    """A bucket that is not there is a setting to mend, not an object to wait for."""
    vendor.status, vendor.code = 404, "NoSuchBucket"
    with pytest.raises(StoreRefused, match="NoSuchBucket"):
        await store.put(film, key="k", media_type="video/mp4", sha256=digest_of(b"film"))
    with pytest.raises(StoreRefused, match="NoSuchBucket"):
        await store.check()


async def test_nobody_there(film: Path) -> None:
    """A server that cannot be reached is worth another try."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    store = store_at(f"http://127.0.0.1:{port}")
    with pytest.raises(StoreUnavailable):
        await store.put(film, key="k", media_type="video/mp4", sha256=digest_of(b"film"))
    with pytest.raises(StoreUnavailable):
        await store.check()
    store.close()


async def test_lost_answer(vendor: Vendor, store: S3ObjectStore, film: Path) -> None:
    """412 on our own earlier write, whose answer was lost, is success; on another's it is a conflict."""
    vendor.status_of = {"PUT": 412}
    vendor.code = "PreconditionFailed"
    vendor.headers = {"x-amz-meta-sha256": digest_of(b"film")}
    await store.put(film, key="k", media_type="video/mp4", sha256=digest_of(b"film"))
    assert [method for method, _, _ in vendor.asked] == ["PUT", "HEAD"]
    vendor.headers = {"x-amz-meta-sha256": digest_of(b"other")}
    with pytest.raises(ObjectConflict):
        await store.put(film, key="k", media_type="video/mp4", sha256=digest_of(b"film"))
    vendor.status_of = {"PUT": 412, "HEAD": 404}
    with pytest.raises(StoreUnavailable, match="gone"):
        await store.put(film, key="k", media_type="video/mp4", sha256=digest_of(b"film"))


async def test_cancelled_put_ends_its_request(vendor: Vendor, store: S3ObjectStore, tmp_path: Path) -> None:
    """A put that nobody waits for any more stops sending instead of running to its end."""
    big = tmp_path / "big"
    content = os.urandom(30 * MIB)
    big.write_bytes(content)
    vendor.go_on.clear()
    task = asyncio.create_task(store.put(big, key="k", media_type="t/t", sha256=digest_of(content)))
    await asyncio.wait_for(vendor.received.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    vendor.go_on.set()
    await asyncio.wait_for(vendor.cut_off.wait(), 30)


async def test_big_object_goes_up_in_parts(empty_s3: S3ObjectStore, tmp_path: Path) -> None:
    """A large file is stored in parts under the same rules: repeatable, never overwritten, whole again."""
    store = empty_s3
    content = os.urandom(12 * MIB)
    (tmp_path / "big").write_bytes(content)
    (tmp_path / "other").write_bytes(content[::-1])
    for _ in range(2):
        await store.put(tmp_path / "big", key="big.mp4", media_type="video/mp4", sha256=digest_of(content))
    with pytest.raises(ObjectConflict):
        await store.put(tmp_path / "other", key="big.mp4", media_type="video/mp4", sha256=digest_of(content[::-1]))
    await store.fetch("big.mp4", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content
    found = await store.stat("big.mp4")
    assert found is not None
    assert (found.size, found.media_type, found.sha256) == (len(content), "video/mp4", digest_of(content))


async def test_object_of_somebody_else(empty_s3: S3ObjectStore, s3_address: str, film: Path) -> None:
    """An object without our hash is not ours: no put succeeds over it and no fetch trusts it."""
    async with httpx.AsyncClient() as client:
        (await client.put(f"{s3_address}/{BUCKET}/k", content=b"film")).raise_for_status()
    with pytest.raises(ObjectConflict, match="unknown"):
        await empty_s3.put(film, key="k", media_type="video/mp4", sha256=digest_of(b"film"))
    with pytest.raises(ObjectDamaged, match="recorded was none"):
        await empty_s3.fetch("k", film.parent / "back")


def test_signed_url() -> None:
    """A signed URL is made without a network and says its lifetime and region, not the secret."""
    store = store_at(r2_endpoint("0123abc"))
    url = urlsplit(store.sign("scenes/s 1/film.mp4", expires=timedelta(hours=2)))
    query = parse_qs(url.query)
    assert (url.scheme, url.netloc) == ("https", "0123abc.r2.cloudflarestorage.com")
    assert url.path == "/bucket/scenes/s%201/film.mp4"
    assert query["X-Amz-Expires"] == ["7200"]
    assert "/auto/s3/" in query["X-Amz-Credential"][0]
    assert "very-secret" not in url.geturl()
    store.close()


def test_public_url() -> None:
    """The public address comes before the quoted key, and without one there is none."""
    public, private = store_at("https://x.example", public_url="https://media.example/"), store_at("https://x.example")
    assert public.public_url("a b/ü.mp4") == "https://media.example/a%20b/%C3%BC.mp4"
    assert private.public_url("a") is None
    public.close()
    private.close()
