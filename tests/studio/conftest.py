"""Clients for the tests of the studio's HTTP side; the studio itself comes from tests/conftest.py."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import fal_client
import httpx
import pytest
from elevenlabs.client import AsyncElevenLabs
from sync import AsyncSync

from tests.support.studio import ELEVENLABS_KEY, FAL_KEY, SYNC_KEY, Studio
from tests.support.webhooks import WebhookReceiver


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A plain HTTP client, one for all tests: making one costs more than most requests here."""
    async with httpx.AsyncClient(timeout=30.0, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
async def fal_http() -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client that knows fal's key."""
    async with httpx.AsyncClient(timeout=30.0, trust_env=False, headers={"Authorization": f"Key {FAL_KEY}"}) as client:
        yield client


class OwnHttp(fal_client.AsyncClient):
    """fal's client over an HTTP client that the test can close."""

    http: httpx.AsyncClient

    @property
    async def _client(self) -> httpx.AsyncClient:  # pyright: ignore[reportIncompatibleVariableOverride]  (a cached_property)
        return self.http


@pytest.fixture
def fal(studio: Studio, fal_http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> fal_client.AsyncClient:
    """fal's own client, pointed at the studio, without its retries."""
    monkeypatch.setattr("fal_client.client.QUEUE_URL_FORMAT", f"{studio.url}/fal-queue/")
    monkeypatch.setattr("fal_client.client.RUN_URL_FORMAT", f"{studio.url}/fal-run/")
    monkeypatch.setattr("fal_client.client.MAX_ATTEMPTS", 1)
    client = OwnHttp(key=FAL_KEY)
    client.http = fal_http
    return client


@pytest.fixture
def elevenlabs(studio: Studio, http: httpx.AsyncClient) -> AsyncElevenLabs:
    """ElevenLabs' own client, pointed at the studio."""
    return AsyncElevenLabs(base_url=f"{studio.url}/elevenlabs", api_key=ELEVENLABS_KEY, httpx_client=http)


@pytest.fixture
def sync_so(studio: Studio, http: httpx.AsyncClient) -> AsyncSync:
    """sync.so's own client, pointed at the studio."""
    return AsyncSync(base_url=f"{studio.url}/sync", api_key=SYNC_KEY, httpx_client=http)


@pytest.fixture
def portrait(studio: Studio) -> dict[str, Any]:
    """The smallest input of a text-to-image job."""
    return {"prompt": "deven, a man in a red shirt", "image_size": {"width": 456, "height": 256}}


@pytest.fixture
def webhooks() -> Iterator[WebhookReceiver]:
    """A receiver of webhooks."""
    with WebhookReceiver() as receiver:
        yield receiver
