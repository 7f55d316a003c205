"""The two object stores under one contract: a folder behind the real file server, and S3 behind moto's server."""

import asyncio
import hashlib
import secrets
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from runtime.file_server import create_file_app, serve_files
from store.objects.local import LocalObjectStore
from store.objects.port import ObjectStore
from store.objects.s3 import S3ObjectStore

MIB = 1024 * 1024
BUCKET = "media"


def digest_of(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


@asynccontextmanager
async def served_folder(root: Path) -> AsyncGenerator[LocalObjectStore]:
    """A folder store whose signed URLs are served for as long as the block runs."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    store = LocalObjectStore(root, url, SecretStr(secrets.token_hex(16)))
    task = asyncio.create_task(serve_files(create_file_app(store), listener))
    try:
        yield store
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        listener.close()


@pytest.fixture(scope="session")
def s3_address() -> Generator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def shared_s3(s3_address: str) -> Generator[S3ObjectStore]:
    store = S3ObjectStore(
        endpoint_url=s3_address,
        bucket=BUCKET,
        access_key_id="key-id",
        secret_access_key=SecretStr("secret"),
        region="us-east-1",
        single_put_bytes=6 * MIB,
        part_bytes=5 * MIB,
    )
    yield store
    store.close()


@pytest.fixture
def empty_s3(s3_address: str, shared_s3: S3ObjectStore) -> S3ObjectStore:
    """The S3 store with nothing in it."""
    httpx.post(f"{s3_address}/moto-api/reset").raise_for_status()
    httpx.put(f"{s3_address}/{BUCKET}").raise_for_status()
    return shared_s3


@pytest.fixture(params=["folder", "s3"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, empty_s3: S3ObjectStore) -> AsyncGenerator[ObjectStore]:
    """An empty object store; each test that asks for it runs once per kind."""
    if request.param == "s3":
        yield empty_s3
        return
    async with served_folder(tmp_path / "store") as folder:
        yield folder
