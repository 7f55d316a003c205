"""Scenes: made, changed, listed and removed."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from activities.workshop import Workshop
from domain.rejections import ConflictError, RejectedError, StaleError
from models.enums import AssetKind, FailureCode, SceneStatus
from models.inputs import AssetDraft, Paging
from models.tables import Asset, Scene
from runtime.catalog.assets import add_asset, list_assets
from runtime.catalog.identities import add_identity
from runtime.catalog.projects import add_project
from runtime.catalog.scenes import (
    SceneQuery,
    add_scene,
    delete_scene,
    get_scene,
    list_scenes,
    patch_scene,
    replace_scene,
)
from store.database import Database
from tests.store.catalog.drafts import identity, project, scene
from tests.support.databases import order


async def face(database: Database, workshop: Workshop, folder: Path, kind: AssetKind = AssetKind.HEADSHOT) -> Asset:
    path = folder / "face.png"
    Image.new("RGB", (400, 300), "teal").save(path)
    return await add_asset(database, workshop, AssetDraft(kind=kind, name="face"), path)


async def mark(database: Database, name: str, status: SceneStatus) -> Scene:
    async with database.transaction() as tx:
        found = await tx.scenes.find(name)
        assert found is not None
        found.status = status
    return found


async def test_patch(database: Database) -> None:
    """What is named changes, references too; the rest stays, and each change is counted."""
    person = await add_identity(database, identity())
    await add_scene(database, None, scene(identity="deven", wardrobe="a suit", seed=7))
    changed = await patch_scene(database, None, "welcome", {"seed": 0, "wardrobe": ""}, expected_version=1)
    assert (changed.seed, changed.wardrobe, changed.identity_id, changed.version) == (0, "", person.id, 2)
    cleared = await patch_scene(database, None, "welcome", {"identity": None, "generation_mode": "digital-twin"})
    assert (cleared.identity_id, cleared.generation_mode, cleared.dialogue) == (None, "digital-twin", "Hello there.")


async def test_replace(database: Database) -> None:
    """What is left out has its default again: no identity, no headshot, no project."""
    await add_identity(database, identity())
    await add_project(database, project())
    await add_scene(database, None, scene(identity="deven", project="launch", headshot="https://example.com/a.png"))
    row = await replace_scene(database, None, "welcome", scene("renamed"))
    assert (row.name, row.identity_id, row.project_id, row.headshot_url) == ("renamed", None, None, None)


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"name": "taken"}, ConflictError, "name"),
        ({"dialogue": "?!"}, RejectedError, "dialogue"),
        ({"dialogue": None}, RejectedError, "dialogue"),
        ({"identity": "nobody"}, RejectedError, "identity"),
        ({"project": "nothing"}, RejectedError, "project"),
        ({"headshot": "/etc/passwd"}, RejectedError, "headshot"),
        ({"headshot": "nothing"}, RejectedError, "headshot"),
        ({"aspect_ratio": "4:3"}, RejectedError, "aspect_ratio"),
        ({"status": "completed"}, RejectedError, "status"),
        ({"environment": "\x00"}, RejectedError, "environment"),
    ],
)
async def test_refused_changes(
    database: Database, changes: dict[str, Any], error: type[RejectedError], field: str
) -> None:
    """A change that breaks a rule is refused by its field, and nothing of it is kept; no file here is ever read."""
    await add_scene(database, None, scene("taken"))
    before = await add_scene(database, None, scene())
    with pytest.raises(error) as caught:
        await patch_scene(database, None, "welcome", {"camera": "kept?"} | changes)
    assert (type(caught.value), caught.value.field) == (error, field)
    assert await get_scene(database, before.id) == before


async def test_asset_as_headshot(database: Database, workshop: Workshop, tmp_path: Path) -> None:
    """A headshot may be an asset, whose file the scene then has; only one of the kind for it."""
    asset = await face(database, workshop, tmp_path)
    added = await add_scene(database, None, scene(headshot=asset.id))
    assert (added.headshot_asset_id, added.headshot, added.headshot_url) == (asset.id, asset.artifact, None)
    changed = await patch_scene(database, None, "welcome", {"headshot": "https://example.com/b.png"})
    assert (changed.headshot_asset_id, changed.headshot) == (None, None)
    background = await face(database, workshop, tmp_path, AssetKind.BACKGROUND)
    with pytest.raises(RejectedError, match="not a HEADSHOT"):
        await patch_scene(database, None, "welcome", {"headshot": background.id})


async def test_file_as_headshot(database: Database, workshop: Workshop, tmp_path: Path) -> None:
    """For a caller on this machine a file becomes an asset, which the scene has."""
    path = tmp_path / "me.png"
    Image.new("RGB", (400, 300), "teal").save(path)
    added = await add_scene(database, workshop, scene(headshot=str(path)))
    (asset,) = (await list_assets(database)).items
    assert (asset.id, asset.name, asset.kind) == (added.headshot_asset_id, "me.png", AssetKind.HEADSHOT)


async def test_while_generating(database: Database) -> None:
    """A scene that is being filmed is not deleted and keeps its face; its text may change for the next film."""
    await add_identity(database, identity())
    await add_scene(database, None, scene())
    await mark(database, "welcome", SceneStatus.GENERATING)
    assert (await patch_scene(database, None, "welcome", {"dialogue": "Next time."})).dialogue == "Next time."
    for changes in ({"identity": "deven"}, {"headshot": "https://example.com/a.png"}):
        with pytest.raises(ConflictError, match="is generating"):
            await patch_scene(database, None, "welcome", changes)
    with pytest.raises(ConflictError, match="is generating"):
        await delete_scene(database, "welcome")
    await mark(database, "welcome", SceneStatus.FAILED)
    await delete_scene(database, "welcome")


async def test_the_worker_does_not_count(database: Database) -> None:
    """What a run writes is no edit by people: whoever reads a scene before it can still save after it."""
    await add_scene(database, None, scene())
    await mark(database, "welcome", SceneStatus.COMPLETED)
    changed = await patch_scene(database, None, "welcome", {"camera": "close"}, expected_version=1)
    assert (changed.version, changed.status) == (2, SceneStatus.COMPLETED)
    with pytest.raises(StaleError):
        await delete_scene(database, "welcome", expected_version=1)


async def test_deleted_scenes_stay_in_the_ledger(database: Database) -> None:
    """A scene goes with its log, and what was bought for it stays booked and can be reused."""
    added = await add_scene(database, None, scene())
    async with database.transaction() as tx:
        job = await tx.jobs.add_intent(order(added.id))
    await delete_scene(database, added.id)
    async with database.transaction() as tx:
        assert (await tx.jobs.get(job.id)).scene_id == added.id
    with pytest.raises(RejectedError) as caught:
        await get_scene(database, added.id)
    assert caught.value.code is FailureCode.NOT_FOUND


async def test_many_of_one_name(database: Database) -> None:
    """Of 50 creates of one name at once one succeeds, and the others are told that it is taken."""

    async def create() -> str:
        try:
            await add_scene(database, None, scene())
        except ConflictError as error:
            return error.field
        return "made"

    answers = await asyncio.gather(*(create() for _ in range(50)))
    assert sorted(answers) == ["made"] + ["name"] * 49


async def test_list(database: Database) -> None:
    """By project, identity and status, each alone and together, in pages with the whole's total."""
    await add_identity(database, identity())
    await add_project(database, project())
    for number in range(4):
        where = {"project": "launch"} if number % 2 else {}
        who = {"identity": "deven"} if number > 1 else {}
        await add_scene(database, None, scene(f"s{number}", **where, **who))
    await mark(database, "s3", SceneStatus.FAILED)
    expected: list[tuple[SceneQuery, list[str]]] = [
        (SceneQuery(), ["s0", "s1", "s2", "s3"]),
        (SceneQuery(project="launch"), ["s1", "s3"]),
        (SceneQuery(identity="deven"), ["s2", "s3"]),
        (SceneQuery(status=SceneStatus.FAILED), ["s3"]),
        (SceneQuery(project="launch", identity="deven", status=SceneStatus.DRAFT), []),
    ]
    for query, names in expected:
        page = await list_scenes(database, query=query)
        assert ([row.name for row in page.items], page.total) == (names, len(names))
    page = await list_scenes(database, Paging(limit=1, offset=2))
    assert ([row.name for row in page.items], page.total) == (["s2"], 4)
    with pytest.raises(RejectedError) as caught:
        await list_scenes(database, query=SceneQuery(project="nothing"))
    assert caught.value.code is FailureCode.NOT_FOUND
