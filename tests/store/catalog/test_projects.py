"""Projects: their scenes' order, and what goes with them."""

import asyncio
from typing import Any

import pytest

from domain.rejections import ConflictError, RejectedError, StaleError
from models.enums import FailureCode, SceneStatus
from models.tables import GenerationLog
from runtime.catalog.projects import (
    add_project,
    delete_project,
    get_project,
    list_projects,
    patch_project,
    project_contents,
    reorder_scenes,
    replace_project,
)
from runtime.catalog.scenes import SceneQuery, add_scene, list_scenes, patch_scene
from store.database import Database
from tests.store.catalog.drafts import project, scene


async def order(database: Database, name: str = "launch") -> list[str]:
    page = await list_scenes(database, query=SceneQuery(project=name))
    return [row.name for row in page.items]


async def test_edit(database: Database) -> None:
    """Fields change by the rules of new ones, against the version that was read."""
    made = await add_project(database, project(description="old"))
    changed = await patch_project(database, "launch", {"display_name": "Big launch"}, expected_version=1)
    assert (changed.display_name, changed.description, changed.version) == ("Big launch", "old", 2)
    replaced = await replace_project(database, made.id, project("other"))
    assert (replaced.name, replaced.description) == ("other", None)
    with pytest.raises(StaleError):
        await patch_project(database, "other", {"description": "x"}, expected_version=1)
    with pytest.raises(RejectedError, match="display_name"):
        await patch_project(database, "other", {"display_name": ""})


async def test_taken_name(database: Database) -> None:
    """A name is taken once, by creating at once too."""

    async def create() -> bool:
        try:
            await add_project(database, project())
        except ConflictError:
            return False
        return True

    assert sum(await asyncio.gather(*(create() for _ in range(20)))) == 1
    await add_project(database, project("other"))
    with pytest.raises(ConflictError):
        await patch_project(database, "other", {"name": "launch"})


async def test_order(database: Database) -> None:
    """Scenes come in the order of their adding, until they are reordered; one that moves in comes last."""
    await add_project(database, project())
    for name in ("one", "two", "three"):
        await add_scene(database, None, scene(name, project="launch"))
    assert await order(database) == ["one", "two", "three"]
    await reorder_scenes(database, "launch", ["three", "one", "two"], expected_version=1)
    assert await order(database) == ["three", "one", "two"]
    await add_scene(database, None, scene("zero"))
    await patch_scene(database, None, "zero", {"project": "launch"})
    assert await order(database) == ["three", "one", "two", "zero"]
    await patch_scene(database, None, "three", {"project": None})
    assert await order(database) == ["one", "two", "zero"]
    assert (await get_project(database, "launch")).scene_count == 3


async def test_many_join_at_once(database: Database) -> None:
    """Scenes that are added at once each get a place of their own."""
    await add_project(database, project())
    await asyncio.gather(*(add_scene(database, None, scene(f"s{n}", project="launch")) for n in range(20)))
    page = await list_scenes(database, query=SceneQuery(project="launch"))
    assert [row.position for row in page.items] == list(range(1, 21))


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        (["one"], "left out: two"),
        (["one", "two", "strange"], "not in the project: strange"),
        (["one", "two", "two"], "named twice"),
        ([], "left out: one, two"),
    ],
)
async def test_bad_order(database: Database, named: list[str], problem: str) -> None:
    """An order that does not name each scene once is refused with what is wrong, and changes nothing."""
    await add_project(database, project())
    for name in ("one", "two"):
        await add_scene(database, None, scene(name, project="launch"))
    await add_scene(database, None, scene("strange"))
    with pytest.raises(RejectedError, match=problem):
        await reorder_scenes(database, "launch", named)
    assert await order(database) == ["one", "two"]


async def test_stale_order(database: Database) -> None:
    """Of two orders for the same version the second is refused."""
    await add_project(database, project())
    for name in ("one", "two"):
        await add_scene(database, None, scene(name, project="launch"))
    await reorder_scenes(database, "launch", ["two", "one"], expected_version=1)
    with pytest.raises(StaleError):
        await reorder_scenes(database, "launch", ["one", "two"], expected_version=1)


async def test_delete(database: Database) -> None:
    """Without scenes it goes; with scenes only when told so, and they go with it and their logs."""
    await add_project(database, project())
    added = await add_scene(database, None, scene("zero", project="launch"))
    for name in ("one", "two"):
        added = await add_scene(database, None, scene(name, project="launch"))
        async with database.transaction() as tx:
            facts: dict[str, Any] = {"level": "INFO", "step": "UPLOAD", "provider": "system", "message": "m"}
            await tx.logs.write_once(GenerationLog(scene_id=added.id, run_id="r", event_key="e", **facts))
    await add_scene(database, None, scene("elsewhere"))
    assert (await project_contents(database, "launch")).scene_names == ["zero", "one", "two"]
    with pytest.raises(ConflictError, match=r"3 scenes \(zero, one, two\) would go with it"):
        await delete_project(database, "launch")
    assert (await delete_project(database, "launch", with_scenes=True)).scene_names == ["zero", "one", "two"]
    assert [row.name for row in (await list_scenes(database)).items] == ["elsewhere"]
    async with database.transaction() as tx:
        assert await tx.logs.of_scene(added.id) == []
    with pytest.raises(RejectedError) as caught:
        await get_project(database, "launch")
    assert caught.value.code is FailureCode.NOT_FOUND


async def test_delete_while_generating(database: Database) -> None:
    """A project does not go while one of its scenes is being filmed."""
    await add_project(database, project())
    added = await add_scene(database, None, scene(project="launch"))
    async with database.transaction() as tx:
        row = await tx.scenes.get(added.id)
        assert row is not None
        row.status = SceneStatus.GENERATING
    with pytest.raises(ConflictError, match="still generating: welcome"):
        await delete_project(database, "launch", with_scenes=True)
    assert await order(database) == ["welcome"]


async def test_list(database: Database) -> None:
    """By name, with how many scenes each has."""
    for name in ("b", "a"):
        await add_project(database, project(name))
    await add_scene(database, None, scene(project="b"))
    page = await list_projects(database)
    assert [(item.project.name, item.scene_count) for item in page.items] == [("a", 0), ("b", 1)]
    assert page.total == 2
