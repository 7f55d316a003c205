from pathlib import Path

import pytest

from runtime.migrate import upgrade
from store.database import Database
from tests.cli.program import Program, offline


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A migrated SQLite file, made once."""
    path = tmp_path_factory.mktemp("empty") / "devatar.db"
    upgrade(f"sqlite:///{path}")
    return path.read_bytes()


@pytest.fixture
def program(tmp_path: Path, empty_database: bytes) -> Program:
    """The command line with a database of its own, and Temporal and all vendors away."""
    (tmp_path / "devatar.db").write_bytes(empty_database)
    return offline(tmp_path)


@pytest.fixture
def database(program: Program) -> Database:
    """The same database, from the inside."""
    return Database(program.environment["DATABASE_URL"])
