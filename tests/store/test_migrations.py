"""Migrations: up, down and up again on both databases, and the tables they make are the models'."""

from typing import Any

import pytest
from alembic import command
from sqlalchemy import create_engine, inspect, text

from runtime.migrate import alembic_config, downgrade, upgrade
from store.database import Database, DatabaseUnavailableError
from tests.support.databases import opened
from tests.support.postgres import Postgres

TABLES = {"identity_profile", "project", "asset", "scene", "provider_job", "generation_log", "reuse"} | {
    "take",
    "approval",
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


# Rows as the first revision kept them, one outside of today's rules in each way that was possible.
OLD_ROWS = [
    """INSERT INTO identity_profile (id, name, display_name, subject_description, trigger_word, lora_scale, base_model,
        voice_model, voice_stability, voice_similarity, voice_style, voice_speaker_boost, is_default, is_active,
        created_at, updated_at) VALUES ('ann', 'ann', 'Ann', '', 'TOK', 1.5, 'flux-dev', 'm', -1, 0.8, 0.2, true, true,
        false, '2026-11-01 10:00:00', '2026-11-01 10:00:00')""",
    """INSERT INTO scene (id, name, project_id, identity_id, dialogue, environment, wardrobe, movement, camera,
        mood_lighting, prompt, aspect_ratio, clip_policy, status, mode_fallback, artifacts, created_at, updated_at)
        VALUES ('s1', 'old', 'launch', 'ann', 'Hello.', '', '', '', '', '', '', '16:9', 'loop', 'draft', false, '{}',
        '2026-11-01 10:00:00', '2026-11-01 10:00:00')""",
    """INSERT INTO provider_job (id, scene_id, run_id, step, take, provider, model, idempotency_key, fingerprint, state,
        request, estimated_cost_micros, intent_at) VALUES ('j1', 's1', 'r', 'speech', 1, 'fal', 'm', 'k', 'f', 'intent',
        '{}', 7, '2026-11-01 10:00:00')""",
]


def execute(url: str, *statements: str) -> list[Any]:
    """Plain SQL in one transaction; all rows that it gives."""
    rows: list[Any] = []
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.begin() as connection:
            for statement in statements:
                result = connection.execute(text(statement))
                rows += result.all() if result.returns_rows else []
        return rows
    finally:
        engine.dispose()


async def test_rows_survive(empty_url: str) -> None:
    """Rows of the first revision are kept, made lawful, up and down: an unset mode stays unset and means standard."""
    upgrade(empty_url, "0001")
    execute(empty_url, *OLD_ROWS)
    upgrade(empty_url)
    async with opened(empty_url) as database, database.transaction() as tx:
        person, row = await tx.identities.get("ann"), await tx.scenes.get("s1")
        assert person is not None
        assert row is not None
        assert (person.is_default, person.lora_scale, person.voice_stability, person.version) == (False, 1.0, 0.0, 1)
        assert (row.generation_mode, row.version, row.position, row.project_id) == (None, 1, 0, "launch")
        assert (await tx.projects.find("launch")) is not None
        assert (await tx.jobs.get("j1")).estimated_cost_micros == 7
    # A purchase of an identity's test, which the first revision cannot keep.
    execute(empty_url, OLD_ROWS[2].replace("'j1', 's1'", "'j2', 'test-ann'").replace("'k'", "'k2'"))
    downgrade(empty_url, "0001")
    assert execute(empty_url, "SELECT id, project_id, generation_mode FROM scene") == [("s1", "launch", None)]
    assert execute(empty_url, "SELECT id FROM provider_job") == [("j1",)]
    upgrade(empty_url)
    assert execute(empty_url, "SELECT id, version FROM identity_profile") == [("ann", 1)]


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
