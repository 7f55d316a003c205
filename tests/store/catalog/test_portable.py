"""Everything as one document: out, compared, in."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from activities.workshop import Workshop
from domain.rejections import ConflictError, RejectedError
from models.enums import AssetKind
from models.inputs import AssetDraft
from runtime.catalog.assets import add_asset
from runtime.catalog.identities import add_identity
from runtime.catalog.portable import Action, Change, apply_import, export_all, plan_import
from runtime.catalog.projects import add_project
from runtime.catalog.scenes import SceneQuery, add_scene, list_scenes
from store.database import Database
from tests.store.catalog.drafts import identity, project, scene

DOCUMENT: dict[str, Any] = {
    "identities": [{"name": "deven", "display_name": "Deven", "trigger_word": "TOK_1", "is_default": True}],
    "projects": [{"name": "launch", "display_name": "Launch"}],
    "scenes": [
        {"name": "one", "dialogue": "First.", "project": "launch", "identity": "deven"},
        {"name": "two", "dialogue": "Second.", "project": "launch", "generation_mode": "digital-twin"},
    ],
}


def actions(changes: list[Change]) -> list[tuple[str, str, Action]]:
    return [(change.kind, change.name, change.action) for change in changes]


async def empty(database: Database) -> bool:
    document = await export_all(database)
    return not (document["identities"] or document["projects"] or document["scenes"])


async def test_plan_changes_nothing(database: Database) -> None:
    """A dry run says what an import would do, by its very rules, and keeps nothing."""
    assert actions(await plan_import(database, DOCUMENT)) == [
        ("identity", "deven", Action.CREATE),
        ("project", "launch", Action.CREATE),
        ("scene", "one", Action.CREATE),
        ("scene", "two", Action.CREATE),
    ]
    assert await empty(database)


async def test_import(database: Database) -> None:
    """An import does what its plan said; done again it changes nothing."""
    planned = await plan_import(database, DOCUMENT)
    assert await apply_import(database, DOCUMENT) == planned
    page = await list_scenes(database, query=SceneQuery(project="launch"))
    assert [(row.name, row.generation_mode) for row in page.items] == [("one", None), ("two", "digital-twin")]
    assert {change.action for change in await apply_import(database, DOCUMENT)} == {Action.UNCHANGED}
    assert page.items[0].version == 1


async def test_update(database: Database) -> None:
    """What differs is named with both values; what a document leaves out stays as it is."""
    await apply_import(database, DOCUMENT)
    await add_identity(database, identity("ann", voice_id="abc"))
    changes = await apply_import(
        database,
        {
            "identities": [{"name": "ann", "lora_scale": 0.0}],
            "scenes": [{"name": "one", "identity": "ann", "wardrobe": "a suit", "budget_usd": 1.1}],
        },
    )
    assert [(change.name, change.action, change.fields) for change in changes] == [
        ("ann", Action.UPDATE, {"lora_scale": (0.95, 0.0)}),
        (
            "one",
            Action.UPDATE,
            {"identity": ("deven", "ann"), "wardrobe": ("", "a suit"), "budget_usd": (None, "1.10")},
        ),
    ]
    document = await export_all(database)
    assert document["identities"][0]["voice_id"] == "abc"


async def test_export_comes_back(database: Database, workshop: Workshop, tmp_path: Path) -> None:
    """An export, written as YAML and read again, is unchanged where it came from, and makes the same elsewhere."""
    path = tmp_path / "face.png"
    Image.new("RGB", (40, 30)).save(path)
    face = await add_asset(database, workshop, AssetDraft(kind=AssetKind.HEADSHOT, name="face"), path)
    await add_identity(database, identity(voice_stability=0.0, lora_url="https://example.com/a?s=1", is_default=True))
    await add_project(database, project(description="d", budget_usd=0.1))
    await add_scene(
        database, None, scene("b", project="launch", identity="deven", headshot=face.id, seed=2**62, budget_usd="2.5")
    )
    await add_scene(database, None, scene("a", project="launch", headshot="https://example.com/f.png"))
    document = yaml.safe_load(yaml.safe_dump(await export_all(database)))
    assert [each["name"] for each in document["scenes"]] == ["b", "a"]
    assert [each["budget_usd"] for each in document["scenes"] + document["projects"]] == ["2.50", None, "0.10"]
    assert {change.action for change in await plan_import(database, document)} == {Action.UNCHANGED}
    assert await export_all(database) == document


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown part": ({"persons": []}, "persons"),
    "another format": ({"format": 2}, "format"),
    "no list": ({"scenes": {"name": "x"}}, "scenes"),
    "no entry": ({"scenes": ["x"]}, "scenes.0"),
    "no name": ({"scenes": [{"dialogue": "x"}]}, "scene"),
    "an unknown field": ({"scenes": [{"name": "x", "dialogue": "x", "mood": "x"}]}, "scene 'x', mood"),
    "a bad value": ({"identities": [{"name": "deven", "lora_scale": 2}]}, "identity 'deven', lora_scale"),
    "a scene of nobody": ({"scenes": [{"name": "x", "dialogue": "x", "identity": "no"}]}, "scene 'x', identity"),
    "an incomplete new one": ({"projects": [{"name": "new"}]}, "project 'new', display_name"),
    "a name that nothing keeps": ({"projects": [{"name": "\x00", "display_name": "x"}]}, "project '\\x00', name"),
}


@pytest.mark.parametrize("name", BAD)
async def test_all_or_nothing(database: Database, name: str) -> None:
    """One bad entry is named, and nothing of the document is kept, by the dry run as by the import."""
    more, field = BAD[name]
    document = DOCUMENT | {
        part: DOCUMENT.get(part, []) + value if isinstance(value, list) else value for part, value in more.items()
    }
    for call in (plan_import, apply_import):
        with pytest.raises(RejectedError) as caught:
            await call(database, document)
        assert caught.value.field.startswith(field) or field == "scenes.0"
    assert await empty(database)


async def test_taken(database: Database) -> None:
    """A trigger word that another identity has is a conflict, named by the entry."""
    await add_identity(database, identity("ann", trigger_word="TOK_1"))
    with pytest.raises(ConflictError, match=r"identity 'deven', trigger_word.*belongs to 'ann'"):
        await plan_import(database, DOCUMENT)
