"""What every test may ask for: a studio alone, the whole of Devatar, or a database, SQLite and a real PostgreSQL."""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest

from models.tables import IdentityProfile
from runtime.migrate import upgrade
from store.database import Database
from tests.support.databases import migrated_sqlite, opened, sqlite_copy
from tests.support.postgres import Postgres, running_postgres
from tests.support.stack import Stack, running_stack
from tests.support.studio import Studio

MIGRATED = "migrated"
KINDS = ["sqlite", "postgresql"]


@pytest.fixture(scope="session")
def running_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One studio for the whole run, with tiny pictures."""
    with Studio.start(tmp_path_factory.mktemp("studio")) as studio:
        yield studio


@pytest.fixture
def studio(running_studio: Studio) -> Studio:
    """The running studio with nothing remembered but the files that it has made."""
    running_studio.reset()
    return running_studio


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """The whole of Devatar, started once for the run, with tiny pictures."""
    async with running_stack(tmp_path_factory.mktemp("stack"), "320x180") as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Generator[Postgres]:
    """One server for the run, with a migrated database that tests share one after another."""
    with running_postgres() as server:
        upgrade(server.create(MIGRATED))
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy from."""
    return migrated_sqlite(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str]:
    """The address of a database without tables; each test that asks for it runs once per kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.fresh() as address:
        yield address


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> Generator[str]:
    """The address of a migrated database with no rows; each test that asks for it runs once per kind."""
    if request.param == "sqlite":
        yield sqlite_copy(sqlite_template, tmp_path)
        return
    server: Postgres = request.getfixturevalue("postgres")
    server.empty(MIGRATED, IdentityProfile.metadata.tables)
    yield server.url(MIGRATED)


@pytest.fixture
async def database(url: str) -> AsyncGenerator[Database]:
    """A migrated database with no rows."""
    async with opened(url) as database:
        yield database
