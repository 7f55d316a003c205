"""An environment without any of our settings, a migrated SQLite database, and Devatar wired to it and the studio."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from runtime.settings import Settings, load_settings
from runtime.wiring import Parts, assembled
from store.database import Database
from tests.support.databases import migrated_sqlite, opened, sqlite_copy
from tests.support.studio import ELEVENLABS_KEY, FAL_KEY, SYNC_KEY, Studio


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


@pytest.fixture
def variables(env_file: Path, studio: Studio, sqlite_template: Path, tmp_path: Path) -> dict[str, str]:
    """An environment in which the studio is every vendor."""
    del env_file  # its fixture cleared the environment
    return {
        "DATABASE_URL": sqlite_copy(sqlite_template, tmp_path),
        "DEVATAR_DATA_DIR": str(tmp_path),
        "DEVATAR_FILES_URL": "http://127.0.0.1:1",
        "DEVATAR_FILES_SIGNING_KEY": "k" * 32,
        "DEVATAR_TRUSTED_ORIGINS": studio.url,
        "DEVATAR_MIN_LORA_BYTES": "1000",
        "FAL_KEY": FAL_KEY,
        "FAL_QUEUE_URL": f"{studio.url}/fal-queue",
        "FAL_RUN_URL": f"{studio.url}/fal-run",
        "ELEVENLABS_API_KEY": ELEVENLABS_KEY,
        "ELEVENLABS_BASE_URL": f"{studio.url}/elevenlabs",
        "SYNC_API_KEY": SYNC_KEY,
        "SYNC_BASE_URL": f"{studio.url}/sync",
    }


@pytest.fixture
async def parts(variables: dict[str, str]) -> AsyncGenerator[Parts]:
    """Devatar wired to it."""
    async with assembled(load_settings(variables)) as parts:
        yield parts
