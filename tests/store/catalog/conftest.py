"""An object store in a folder, and settings that read nothing from around."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from activities.workshop import Workshop
from runtime.settings import Settings, load_settings
from store.objects.local import LocalObjectStore


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    """An empty object store."""
    return LocalObjectStore(tmp_path / "objects", "http://127.0.0.1", SecretStr("signing-key"))


@pytest.fixture
def workshop(objects: LocalObjectStore, tmp_path: Path) -> Workshop:
    """A workshop over it."""
    return Workshop(objects, tmp_path / "scratch")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The defaults: no variable of ours is set."""
    for field in Settings.model_fields.values():
        for name in getattr(field.validation_alias, "choices", []):
            monkeypatch.delenv(str(name), raising=False)
    empty = tmp_path / "empty.env"
    empty.touch()
    return load_settings({"DEVATAR_ENV_FILE": str(empty)})
