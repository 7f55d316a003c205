"""Migrations: up, down and up again on both databases, and the tables they make are the models'."""

import pytest
from alembic import command
from sqlalchemy import create_engine, inspect

from runtime.migrate import alembic_config, downgrade, upgrade
from store.database import Database, DatabaseUnavailableError
from tests.support.databases import opened
from tests.support.postgres import Postgres

TABLES = {"identity_profile", "project", "asset", "scene", "provider_job", "generation_log"} | {
    "system_setting",
    "api_key",
    "idempotency_record",
}


def tables(url: str) -> set[str]:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        return set(inspect(engine).get_table_names()) - {"alembic_version"}
    finally:
        engine.dispose()


def test_up_down_up(empty_url: str) -> None:
    """Every migration can be undone and made again."""
    upgrade(empty_url)
    assert tables(empty_url) == TABLES
    downgrade(empty_url, "base")
    assert tables(empty_url) == set()
    upgrade(empty_url)
    assert tables(empty_url) == TABLES


def test_models_are_migrated(url: str) -> None:
    """`alembic check` finds nothing in the models that a migration has not made: it raises otherwise."""
    command.check(alembic_config(url))


def test_upgrade_twice(url: str) -> None:
    """Migrating a database that is up to date changes nothing."""
    upgrade(url)
    assert tables(url) == TABLES


async def test_migrated_database_answers(database: Database) -> None:
    """The check of a usable database is one line that names its kind."""
    assert await database.check() in ("sqlite answers", "postgresql answers")


async def test_unmigrated_database(empty_url: str) -> None:
    """A database without tables is told from one that does not answer, with what to do."""
    async with opened(empty_url) as database:
        with pytest.raises(DatabaseUnavailableError, match="has no tables yet: run `make migrate`"):
            await database.check()


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("postgresql://devatar:hunter2@127.0.0.1:1/devatar", r"127\.0\.0\.1.*refused"),
        ("sqlite:////no/such/folder/devatar.db", "no/such/folder.*unable to open"),
    ],
)
async def test_unreachable_database(address: str, problem: str) -> None:
    """A database that does not answer is named with the reason, without its password."""
    async with opened(address) as database:
        with pytest.raises(DatabaseUnavailableError, match=problem) as caught:
            await database.check()
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_percent_in_password(postgres: Postgres) -> None:
    """An escaped character of a password, which alembic's own configuration would read as its escape, is let be."""
    address = postgres.create("percent").replace("postgres@", "postgres:p%40%25w@")
    upgrade(address)
    assert tables(address) == TABLES
