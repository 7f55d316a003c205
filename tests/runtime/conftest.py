"""An environment without any of our settings, and a migrated SQLite database."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from runtime.settings import Settings
from store.database import Database
from tests.support.databases import migrated_sqlite, opened, sqlite_copy


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that is read instead of `.env`: empty until a test writes it. No variable of ours is set."""
    for field in Settings.model_fields.values():
        for name in getattr(field.validation_alias, "choices", []):
            monkeypatch.delenv(str(name), raising=False)
    path = tmp_path / "settings.env"
    path.touch()
    path.touch()
    monkeypatch.setenv("DEVATAR_ENV_FILE", str(path))
    return path


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy from."""
    return migrated_sqlite(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture
async def database(sqlite_template: Path, tmp_path: Path) -> AsyncGenerator[Database]:
    """A migrated database with no rows."""
    async with opened(sqlite_copy(sqlite_template, tmp_path)) as database:
        yield database
