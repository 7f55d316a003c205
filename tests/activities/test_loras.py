"""Where a scene's LoRA is fetched, found at the moment that it is needed."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from activities.loras import LoraLinks
from domain.rejections import RejectedError
from models.enums import FailureCode
from models.settings import PlanSettings
from store.database import Database
from store.objects.local import LocalObjectStore
from tests.support.databases import identity, stored_scene

OWN, DEFAULT = "https://example.com/own?signature=1", "https://example.com/default?signature=2"


def links(database: Database, objects: LocalObjectStore, default: str | None = DEFAULT) -> LoraLinks:
    settings = PlanSettings(default_lora=default is not None, environment_name="the default person")
    secret = SecretStr(default) if default else None
    return LoraLinks(database, objects, settings, secret, timedelta(hours=1))


async def scene_of(database: Database, **person: Any) -> str:
    """A scene with an identity of its own."""
    async with database.transaction() as tx:
        owner = await tx.identities.add(identity("deven", **person))
    return (await stored_scene(database, identity_id=owner.id)).id


async def test_own_link(database: Database, objects: LocalObjectStore) -> None:
    """The identity's link goes before the settings' one."""
    link = await links(database, objects).of_scene(await scene_of(database, lora_url=OWN, is_default=True))
    assert (link.url, link.subject, link.default) == (OWN, "Deven", False)


async def test_stored_file(database: Database, objects: LocalObjectStore) -> None:
    """A LoRA in our own store gets a link that is signed now, and goes before a link."""
    scene = await scene_of(database, lora_key="loras/deven.safetensors", lora_url=OWN)
    link = await links(database, objects).of_scene(scene)
    assert link.url.startswith("http://127.0.0.1/objects/loras/deven.safetensors?expires=")


@pytest.mark.parametrize("person", [{"is_default": True}, None])
async def test_default_link(database: Database, objects: LocalObjectStore, person: dict[str, Any] | None) -> None:
    """The settings' LoRA serves the default identity, and a scene where there is no identity at all."""
    scene = await scene_of(database, **person) if person else (await stored_scene(database)).id
    link = await links(database, objects).of_scene(scene)
    assert (link.url, link.default) == (DEFAULT, True)
    assert link.subject == ("Deven" if person else "the default person")


async def test_nobody_elses_face(database: Database, objects: LocalObjectStore) -> None:
    """An identity that is not the default one never gets the settings' LoRA: its own being gone is an error."""
    scene = await scene_of(database)
    with pytest.raises(RejectedError, match="it was removed") as caught:
        await links(database, objects).of_scene(scene)
    assert caught.value.code is FailureCode.LORA_NOT_FOUND


async def test_gone(database: Database, objects: LocalObjectStore) -> None:
    """A scene that is gone, or whose identity was switched off, is refused with the reason."""
    with pytest.raises(RejectedError, match="no scene has the id 'nothing'") as caught:
        await links(database, objects).of_scene("nothing")
    assert caught.value.code is FailureCode.NOT_FOUND
    scene = await scene_of(database, lora_url=OWN, is_active=False)
    with pytest.raises(RejectedError, match="'deven' is inactive"):
        await links(database, objects).of_scene(scene)


async def test_another_identity_meanwhile(database: Database, objects: LocalObjectStore) -> None:
    """A run shows whom it was planned for, although its scene speaks as another by now; or ends when they are gone."""
    scene = await scene_of(database, lora_url=DEFAULT)
    async with database.transaction() as tx:
        planned_for = await tx.identities.add(identity("mira", lora_url=OWN))
    link = await links(database, objects).of_scene(scene, planned_for.id)
    assert (link.url, link.subject) == (OWN, "Mira")
    with pytest.raises(RejectedError, match="it was deleted"):
        await links(database, objects).of_scene(scene, "nobody")
