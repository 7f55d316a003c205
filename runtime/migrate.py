"""Bring the database to the newest schema: `python -m runtime.migrate [REVISION]`."""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from domain.rejections import RejectedError
from runtime.settings import load_settings

ROOT = Path(__file__).resolve().parent.parent
DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


def alembic_config(url: str) -> Config:
    """Alembic's configuration for one database."""
    parsed = make_url(url)
    parsed = parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername))
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("sqlalchemy.url", parsed.render_as_string(hide_password=False).replace("%", "%%"))
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Run all missing migrations up to `revision`; makes the folder of a SQLite file.

    Raises alembic's and SQLAlchemy's errors.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    command.upgrade(alembic_config(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Undo migrations down to `revision` ("base" for all)."""
    command.downgrade(alembic_config(url), revision)


def revisions(url: str) -> tuple[str | None, str | None]:
    """The database's schema revision and the newest one that we know. Raises SQLAlchemy's errors."""
    config = alembic_config(url)
    engine = create_engine(config.get_main_option("sqlalchemy.url") or url, poolclass=NullPool)
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current, ScriptDirectory.from_config(config).get_current_head()


def main() -> int:
    """Migrate the database of the settings; 0, or 1 with one line that says what is wrong, without a password."""
    try:
        upgrade(load_settings().database_url.get_secret_value(), *sys.argv[1:2])
    except ArgumentError:
        sys.stderr.write("migrate: DATABASE_URL is not a database address like postgresql://user:password@host/name\n")
        return 1
    except (CommandError, DBAPIError, RejectedError, OSError) as error:
        sys.stderr.write(f"migrate: {str(error).splitlines()[0]}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
