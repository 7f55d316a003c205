"""The state of the whole, from settings and rows."""

from typing import Any

import pytest

from models.enums import Source
from runtime.catalog.identities import add_identity
from runtime.catalog.settings import put_setting
from runtime.catalog.status import default_identity, identity_status
from runtime.settings import Settings
from store.database import Database
from tests.store.catalog.drafts import identity

LINK = "https://example.com/canary.safetensors?canary"
KEYS = {"FAL_KEY": "canary:canary", "ELEVENLABS_API_KEY": "canary", "SYNC_API_KEY": "canary"}


def environment(**variables: str) -> Settings:
    return Settings.model_validate(variables)


async def test_nothing_configured(database: Database, settings: Settings) -> None:
    """Without anything there is no twin and nobody to speak, and what to do about it is said."""
    status = await identity_status(database, settings)
    assert (status.digital_twin.available, status.default.source) == (False, Source.NONE)
    assert "FAL_KEY is not set" in status.digital_twin.reason
    assert not any(status.configured.values())
    advice = " ".join(status.recommendations)
    for word in ("ELEVENLABS_API_KEY", "FAL_KEY", "SYNC_API_KEY", "Add an identity", "DEVEN_LORA_URL", "voice"):
        assert word in advice


CASES: list[tuple[dict[str, str], list[dict[str, Any]], bool, Source]] = [
    (KEYS, [], False, Source.NONE),
    (KEYS | {"DEVEN_LORA_URL": f"  {LINK}\n"}, [], True, Source.ENVIRONMENT),
    (KEYS | {"ELEVENLABS_VOICE_ID": "v"}, [], False, Source.ENVIRONMENT),
    (KEYS, [{"lora_url": LINK}], True, Source.NONE),
    (KEYS, [{"lora_url": LINK, "is_active": False}], False, Source.NONE),
    (KEYS, [{"is_default": True}], False, Source.DATABASE),
    (KEYS | {"DEVEN_LORA_URL": LINK}, [{"is_default": True}], True, Source.DATABASE),
    ({"DEVEN_LORA_URL": LINK}, [{"is_default": True, "lora_url": LINK}], False, Source.DATABASE),
]


@pytest.mark.parametrize(("variables", "people", "available", "source"), CASES)
async def test_status(
    database: Database,
    settings: Settings,
    variables: dict[str, str],
    people: list[dict[str, Any]],
    available: bool,
    source: Source,
) -> None:
    """The database's default goes before the environment's, and a twin needs fal's key and an active face."""
    del settings  # its fixture cleared the environment
    for number, fields in enumerate(people):
        await add_identity(database, identity(f"p{number}", **fields))
    configured = environment(**variables)
    status = await identity_status(database, configured)
    assert (status.digital_twin.available, status.default.source) == (available, source)
    assert (await default_identity(database, configured)).source is source
    assert {name for name, is_set in status.configured.items() if is_set} == set(variables)
    assert (status.counts.total, status.counts.active) == (len(people), sum(p.get("is_active", True) for p in people))
    assert "canary" not in f"{status.digital_twin} {status.configured} {status.recommendations} {status.counts}"


async def test_the_databases_voice_counts(database: Database, settings: Settings) -> None:
    """A default voice in the database is as good as the environment's."""
    await put_setting(database, settings, "default_voice_id", "abc")
    status = await identity_status(database, settings)
    assert status.default.source is Source.ENVIRONMENT
    assert not any("voice" in line for line in status.recommendations)


async def test_complete(database: Database, settings: Settings) -> None:
    """Where all is configured nothing is recommended."""
    del settings
    await add_identity(database, identity(is_default=True, lora_url=LINK, voice_id="abc"))
    assert (await identity_status(database, environment(**KEYS))).recommendations == []
