"""The API in this process, on SQLite and on PostgreSQL; and one that listens, beside the running stack."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from temporalio.client import Client

from api.__main__ import configuration
from api.app import create_app
from api.services import Services
from domain.rejections import RejectedError
from models.enums import ApiScope, FailureCode
from models.inputs import ApiKeyDraft
from runtime.catalog.apikeys import create_api_key
from runtime.settings import Settings, load_settings
from runtime.wiring import assembled
from tests.support.databases import sqlite_copy
from tests.support.stack import Stack

LOCAL = "http://127.0.0.1"
OFTEN = "100000/minute"


@dataclass
class Api:
    """A caller of the API, and its insides."""

    http: httpx.AsyncClient
    services: Services

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request below `/api`."""
        return await self.http.request(method, f"/api{path}", **options)

    async def make(self, what: str, **fields: Any) -> dict[str, Any]:
        """Create one, with the fields that it needs at least."""
        needed: dict[str, dict[str, Any]] = {
            "identities": {"name": "anna", "displayName": "Anna", "triggerWord": "TOK_ANNA"},
            "projects": {"name": "spring", "displayName": "Spring"},
            "scenes": {"name": "welcome", "dialogue": "Welcome."},
        }
        answer = await self.ask("POST", f"/{what}", json=needed[what] | fields)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def key(self, *scopes: ApiScope) -> str:
        """The token of a new key, with all scopes unless some are named."""
        draft = ApiKeyDraft(name="test", scopes=frozenset(scopes or ApiScope))
        return (await create_api_key(self.services.database, draft)).token


def settings_for(url: str, folder: Path, **variables: str) -> Settings:
    """Settings that read nothing from around."""
    given = {
        "DATABASE_URL": url,
        "DEVATAR_ENV_FILE": "/dev/null",
        "DEVATAR_DATA_DIR": str(folder),
        "DEVATAR_FILES_URL": LOCAL,
        "DEVATAR_FILES_SIGNING_KEY": "signing-key",
        "DEVATAR_API_RATE": OFTEN,
    }
    return load_settings(given | variables)


async def nowhere() -> Client:
    """Temporal is away."""
    raise RejectedError("TEMPORAL_ADDRESS", "no Temporal", "Start it", FailureCode.PROVIDER_UNAVAILABLE)


@asynccontextmanager
async def opened_api(settings: Settings, peer: str = "127.0.0.1", host: str = LOCAL) -> AsyncGenerator[Api]:
    """The application without a network, called from `peer`."""
    async with assembled(settings) as parts:
        services = Services(parts, nowhere)
        transport = httpx.ASGITransport(create_app(services), raise_app_exceptions=False, client=(peer, 40_000))
        async with httpx.AsyncClient(transport=transport, base_url=host) as http:
            yield Api(http, services)


@pytest.fixture
async def api(url: str, tmp_path: Path) -> AsyncGenerator[Api]:
    """The API on an empty database, once per kind, called from this machine without a key."""
    async with opened_api(settings_for(url, tmp_path)) as api:
        yield api


@pytest.fixture
async def sqlite_api(sqlite_template: Path, tmp_path: Path) -> AsyncGenerator[Api]:
    """The same on SQLite alone, for what does not reach the database."""
    async with opened_api(settings_for(sqlite_copy(sqlite_template, tmp_path), tmp_path)) as api:
        yield api


@dataclass
class Live(Api):
    """An API that listens, beside a running stack."""

    stack: Stack

    async def scene(self, dialogue: str, **fields: Any) -> str:
        """The id of a new scene of a new identity with a voice, in a place of its own: nothing is there to reuse."""
        given = {"environment": f"a room with {self.stack.unique()} lamps"} | fields
        if "identity" not in given:
            given["identity"] = (await self.stack.identity()).name
        return (await self.stack.scene(dialogue, **given)).id


@pytest.fixture(scope="session")
async def live(stack: Stack) -> AsyncGenerator[Live]:
    """The API on a port, on the stack's database and Temporal."""

    async def connect() -> Client:
        return stack.servers.client

    settings = stack.parts.settings.model_copy(update={"api_rate": OFTEN})
    services = Services(replace(stack.parts, settings=settings), connect)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(configuration(create_app(services), settings))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        url = f"{LOCAL}:{listener.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
            yield Live(http, services, stack)
        server.should_exit = True
        await serving
