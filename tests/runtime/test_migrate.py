"""`make migrate`: the first thing that a new installation runs."""

import sqlite3
from pathlib import Path

import pytest

from runtime.migrate import main


def test_a_new_database_is_made_with_its_folder(
    tmp_path: Path, env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fresh clone has no `.devatar` yet; migrating makes it."""
    database = tmp_path / "new" / "devatar.db"
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{database}")
    monkeypatch.setattr("sys.argv", ["migrate"])

    assert main() == 0
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM scene").fetchone() == (0,)
    connection.close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("no address", "DATABASE_URL"),
        ("postgresql://me:secret-word@127.0.0.1:1/none?connect_timeout=2", "127.0.0.1"),
    ],
)
def test_a_database_that_cannot_be_had_is_one_line(
    url: str, says: str, env_file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is wrong, in one line and without the password."""
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setattr("sys.argv", ["migrate"])

    assert main() == 1
    error = capfd.readouterr().err
    assert says in error
    assert "secret-word" not in error
    assert "Traceback" not in error
