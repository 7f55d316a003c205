"""A migrated SQLite database and an object store in a folder, for activities."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from pydantic import SecretStr

from store.database import Database
from store.objects.local import LocalObjectStore
from tests.activities.shop import Shop
from tests.support.databases import migrated_sqlite, opened, sqlite_copy, stored_scene


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy from."""
    return migrated_sqlite(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture
async def database(sqlite_template: Path, tmp_path: Path) -> AsyncGenerator[Database]:
    """A migrated database with no rows."""
    async with opened(sqlite_copy(sqlite_template, tmp_path)) as database:
        yield database


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    """An empty object store."""
    return LocalObjectStore(tmp_path / "objects", "http://127.0.0.1", SecretStr("signing-key"))


@pytest.fixture
async def shop(database: Database, objects: LocalObjectStore) -> Shop:
    """A shop with one scene to buy for."""
    await stored_scene(database, "scene1")
    return Shop(database, objects)
