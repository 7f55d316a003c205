"""Identities: made, changed, made the default and removed, by many at once too."""

import asyncio
from typing import Any

import pytest

from domain.rejections import ConflictError, RejectedError, StaleError
from models.enums import FailureCode
from models.inputs import Paging
from models.tables import IdentityProfile
from runtime.catalog.identities import (
    add_identity,
    delete_identity,
    get_identity,
    list_identities,
    patch_identity,
    replace_identity,
    set_default_identity,
)
from runtime.catalog.scenes import add_scene
from store.database import Database
from tests.store.catalog.drafts import identity, scene

MANY = 50


async def everybody(database: Database) -> list[IdentityProfile]:
    async with database.transaction() as tx:
        return await tx.identities.list()


async def test_patch(database: Database) -> None:
    """What is named changes, also to falsy values, and the rest stays; only what changes something is counted."""
    made = await add_identity(database, identity(voice_id="abc", lora_url="https://example.com/a"))
    changes = {"lora_scale": 0.0, "voice_id": None, "voice_speaker_boost": False}
    changed = await patch_identity(database, "deven", changes, expected_version=1)
    assert (changed.lora_scale, changed.voice_id, changed.voice_speaker_boost) == (0.0, None, False)
    assert (changed.lora_url, changed.version) == ("https://example.com/a", 2)
    assert (await patch_identity(database, made.id, changes)).version == 2
    assert (await get_identity(database, made.id)).identity.lora_scale == 0.0


async def test_replace(database: Database) -> None:
    """Every field is as written: what is left out has its default again."""
    await add_identity(database, identity(voice_id="abc", lora_scale=0.3, is_default=True))
    replaced = await replace_identity(database, "deven", identity("new-name"))
    assert (replaced.name, replaced.voice_id, replaced.lora_scale, replaced.is_default) == (
        "new-name",
        None,
        0.95,
        False,
    )


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"name": "ann"}, ConflictError, "name"),
        ({"trigger_word": "TOK_ann"}, ConflictError, "trigger_word"),
        ({"display_name": None}, RejectedError, "display_name"),
        ({"lora_scale": 1.1}, RejectedError, "lora_scale"),
        ({"nonsense": 1}, RejectedError, "nonsense"),
        ({"id": "x"}, RejectedError, "id"),
        ({"version": 9}, RejectedError, "version"),
        ({"display_name": "a\x00b"}, RejectedError, "display_name"),
        ({"display_name": "\ud800"}, RejectedError, "display_name"),
        ({"is_default": True, "is_active": False}, RejectedError, "is_active"),
        ({"lora_key": "nothing"}, RejectedError, "lora_key"),
    ],
)
async def test_refused_changes(
    database: Database, changes: dict[str, Any], error: type[RejectedError], field: str
) -> None:
    """A change that breaks a rule is refused by its field, and nothing of it is kept."""
    await add_identity(database, identity("ann"))
    before = await add_identity(database, identity())
    with pytest.raises(error) as caught:
        await patch_identity(database, "deven", {"description": "kept?"} | changes)
    assert (type(caught.value), caught.value.field) == (error, field)
    assert (await get_identity(database, before.id)).identity == before


async def test_the_default_stays_active(database: Database) -> None:
    """The default identity cannot be made inactive, unless it stops being the default."""
    await add_identity(database, identity(is_default=True))
    with pytest.raises(RejectedError, match="the default identity must be active"):
        await patch_identity(database, "deven", {"is_active": False})
    changed = await patch_identity(database, "deven", {"is_active": False, "is_default": False})
    assert (changed.is_active, changed.is_default) == (False, False)


@pytest.mark.parametrize("edit", ["patch", "replace", "delete"])
async def test_stale(database: Database, edit: str) -> None:
    """An edit of what somebody else has changed since is refused with the current version."""
    await add_identity(database, identity())
    await patch_identity(database, "deven", {"description": "first"}, expected_version=1)
    edits = {
        "patch": lambda: patch_identity(database, "deven", {"description": "second"}, expected_version=1),
        "replace": lambda: replace_identity(database, "deven", identity(), expected_version=1),
        "delete": lambda: delete_identity(database, "deven", expected_version=1),
    }
    with pytest.raises(StaleError, match="its version is 2") as caught:
        await edits[edit]()
    assert caught.value.version == 2
    assert (await get_identity(database, "deven")).identity.description == "first"


async def test_set_default(database: Database) -> None:
    """The new default takes the place of the old one; an inactive identity is refused and changes nothing."""
    await add_identity(database, identity("one", is_default=True))
    await add_identity(database, identity("two"))
    await add_identity(database, identity("three", is_active=False))
    assert (await set_default_identity(database, "two")).is_default
    with pytest.raises(ConflictError, match="inactive"):
        await set_default_identity(database, "three")
    assert {row.name: (row.is_default, row.version) for row in await everybody(database)} == {
        "one": (False, 2),
        "two": (True, 2),
        "three": (False, 1),
    }


async def test_many_set_the_default(database: Database) -> None:
    """50 calls at once, each for another identity and by three ways, all succeed and leave exactly one default."""
    names = [f"p{number}" for number in range(10)]
    for name in names:
        await add_identity(database, identity(name))

    def call(number: int) -> Any:
        if number % 5 == 0:
            return add_identity(database, identity(f"new{number}", is_default=True))
        if number % 5 == 1:
            return patch_identity(database, names[number % 10], {"is_default": True})
        return set_default_identity(database, names[number % 10])

    async with asyncio.timeout(30):
        await asyncio.gather(*(call(number) for number in range(MANY)))
    assert sum(row.is_default for row in await everybody(database)) == 1


async def test_many_of_one_name(database: Database) -> None:
    """Of 50 creates of one name at once one succeeds, and the others are told that it is taken."""

    async def create(number: int) -> str:
        try:
            await add_identity(database, identity(trigger_word=f"TOK{number}", is_default=number % 2 == 0))
        except ConflictError as error:
            return error.field
        return "made"

    async with asyncio.timeout(30):
        answers = await asyncio.gather(*(create(number) for number in range(MANY)))
    assert sorted(answers) == ["made"] + ["name"] * (MANY - 1)
    assert len(await everybody(database)) == 1


async def test_many_edits_of_one_version(database: Database) -> None:
    """Of 20 edits that all read the same version one gets through: none overwrites another unseen."""
    await add_identity(database, identity())

    async def change(number: int) -> bool:
        try:
            await patch_identity(database, "deven", {"description": str(number)}, expected_version=1)
        except StaleError:
            return False
        return True

    answers = await asyncio.gather(*(change(number) for number in range(20)))
    assert sum(answers) == 1
    assert (await get_identity(database, "deven")).identity.description == str(answers.index(True))


async def test_delete(database: Database) -> None:
    """Without scenes it goes; with scenes it is refused with their count and names."""
    await add_identity(database, identity())
    for number in range(12):
        await add_scene(database, None, scene(f"s{number:02}", identity="deven"))
    with pytest.raises(ConflictError, match=r"12 scenes \(s00, s01, .*s09 and 2 more\) use it"):
        await delete_identity(database, "deven")
    await add_identity(database, identity("other"))
    await delete_identity(database, "other")
    assert [row.name for row in await everybody(database)] == ["deven"]


async def test_list(database: Database) -> None:
    """Pages by name with the whole's total and each one's scenes; active or inactive ones alone when asked for."""
    for name in ("c", "a", "b"):
        await add_identity(database, identity(name, is_active=name != "b"))
    await add_scene(database, None, scene(identity="a"))
    page = await list_identities(database, Paging(limit=2))
    assert [(item.identity.name, item.scene_count) for item in page.items] == [("a", 1), ("b", 0)]
    assert (page.total, page.limit, page.offset) == (3, 2, 0)
    rest = await list_identities(database, Paging(limit=2, offset=2))
    assert [item.identity.name for item in rest.items] == ["c"]
    for active, names in ((True, ["a", "c"]), (False, ["b"])):
        page = await list_identities(database, active=active)
        assert ([item.identity.name for item in page.items], page.total) == (names, len(names))


@pytest.mark.parametrize("reference", ["nobody", "", "a\x00b", "\ud800", "x" * 10_000])
async def test_not_found(database: Database, reference: str) -> None:
    """Whatever was typed, what is not there is not found."""
    for call in (get_identity, set_default_identity, delete_identity):
        with pytest.raises(RejectedError) as caught:
            await call(database, reference)
        assert caught.value.code is FailureCode.NOT_FOUND
