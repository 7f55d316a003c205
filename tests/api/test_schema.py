"""The API does what its OpenAPI document says, whatever is sent: Schemathesis with all its checks, in a short form."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from api.app import bare_app
from models.enums import ApiScope
from models.inputs import ApiKeyDraft
from runtime.catalog.apikeys import create_api_key
from runtime.settings import ROOT
from store.database import Database
from tests.api.conftest import LOCAL, OFTEN
from tests.support.databases import sqlite_copy

# What a schema cannot say: a reference that nobody made, a name that is taken, a version that is old, a service away.
SEMANTIC = ["2xx", "307", "401", "403", "404", "409", "412", "422", "428", "503"]
CHECKS = {
    "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "503"]},  # Temporal is away here
    "positive_data_acceptance": {"expected-statuses": SEMANTIC},
    "negative_data_rejection": {"expected-statuses": ["4xx", "503"]},
}
TOLERATED = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
CONFIG = {"checks": CHECKS, "generation": {"deterministic": True}}
NO_COVERAGE = {"phases": {"coverage": {"enabled": False}}}
SHORT = settings(max_examples=2, deadline=None, database=None, suppress_health_check=TOLERATED)


@pytest.fixture(scope="module")
def served(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, str]]:
    """The address of `python -m api` with a database of its own and without Temporal, and that database's."""
    folder = tmp_path_factory.mktemp("schema")
    url = sqlite_copy(sqlite_template, folder)
    variables = {
        "DATABASE_URL": url,
        "DEVATAR_ENV_FILE": os.devnull,
        "DEVATAR_DATA_DIR": str(folder),
        "DEVATAR_FILES_URL": LOCAL,
        "DEVATAR_FILES_SIGNING_KEY": "signing-key",
        "DEVATAR_API_PORT": "0",
        "DEVATAR_API_RATE": OFTEN,
        "TEMPORAL_ADDRESS": "127.0.0.1:9",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "api"], cwd=ROOT, env=os.environ | variables, stdout=subprocess.PIPE, stderr=log
        )
        assert process.stdout
        yield json.loads(process.stdout.readline())["api"], url
        process.terminate()
        process.wait(20)
        process.stdout.close()
    assert "Traceback" not in (folder / "log").read_text()


@pytest.fixture(scope="module")
async def token(served: tuple[str, str]) -> str:
    """A key with all scopes."""
    database = Database(served[1])
    made = await create_api_key(database, ApiKeyDraft(name="schema", scopes=frozenset(ApiScope)))
    await database.close()
    return made.token


def loaded(config: dict[str, Any]) -> Any:
    """The document with a configuration."""
    # Schemathesis leaves the type arguments of its own schemas open.
    from_dict: Any = schemathesis.openapi.from_dict  # pyright: ignore[reportUnknownMemberType]
    configured: Any = schemathesis.Config.from_dict(config)  # pyright: ignore[reportUnknownMemberType]
    return from_dict(bare_app().openapi(), config=configured)


with_key, without_key = loaded(CONFIG), loaded(CONFIG | NO_COVERAGE)


@with_key.parametrize()
@SHORT
def test_with_a_key(case: Any, served: tuple[str, str], token: str) -> None:
    """No bug, no status, header, content type or body that is not documented, nothing wrong taken."""
    case.call_and_validate(base_url=served[0], headers={"Authorization": f"Bearer {token}"})


@without_key.parametrize()
@SHORT
def test_without_a_key(case: Any, served: tuple[str, str], token: str) -> None:
    """The same for callers who are refused."""
    case.call_and_validate(base_url=served[0])
