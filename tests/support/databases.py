"""Migrated databases for tests, each a copy of one that was migrated once; and rows to fill them with."""

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from models.enums import Provider, Step
from models.tables import IdentityProfile, Scene
from runtime.migrate import upgrade
from store.database import Database
from store.jobs import Order


def migrated_sqlite(folder: Path) -> Path:
    """A migrated SQLite file to copy from."""
    path = folder / "template.db"
    upgrade(f"sqlite:///{path}")
    return path


def sqlite_copy(template: Path, folder: Path) -> str:
    """The address of a fresh copy."""
    return f"sqlite:///{shutil.copy(template, folder / 'devatar.db')}"


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Database]:
    """A database for the length of a block."""
    database = Database(url)
    try:
        yield database
    finally:
        await database.close()


def identity(name: str, **fields: Any) -> IdentityProfile:
    """An identity that is not stored yet."""
    given: dict[str, Any] = {"display_name": name.title(), "trigger_word": f"TOK_{name}"} | fields
    return IdentityProfile(name=name, **given)


def scene(name: str, **fields: Any) -> Scene:
    """A scene that is not stored yet; its name is its id."""
    given: dict[str, Any] = {"id": name, "dialogue": "Hello."} | fields
    return Scene(name=name, **given)


async def stored_scene(database: Database, name: str = "scene1", **fields: Any) -> Scene:
    """A scene in the database."""
    async with database.transaction() as tx:
        return await tx.scenes.add(scene(name, **fields))


def order(scene_id: str = "scene1", **fields: Any) -> Order:
    """A wish to buy a clip."""
    given: dict[str, Any] = {
        "run_id": "run1",
        "step": Step.VIDEO,
        "clip": 1,
        "provider": Provider.FAL,
        "model": "some-model",
        "fingerprint": str(fields.get("clip", "f")).rjust(64, "f"),
        "request": {"prompt": "p"},
        "estimated_cost_micros": 100,
    } | fields
    return Order(scene_id=scene_id, **given)
