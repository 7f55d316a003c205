"""Where webhooks are asked for, and which scenes one of them wakes."""

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from activities.purchases import Purchases
from models.enums import JobState, Provider
from runtime.settings import load_settings
from runtime.webhooks import Announcements, callback_url
from store.database import Database
from store.objects.local import LocalObjectStore
from tests.support.databases import order, stored_scene

S = JobState
PUBLIC = {"DEVATAR_PUBLIC_URL": "https://devatar.example/"}
SECRET = {"SYNC_WEBHOOK_SECRET": "whsec_test"}
HOOKS = "https://devatar.example/api/webhooks"


@pytest.mark.parametrize(
    ("variables", "provider", "expected"),
    [
        ({}, Provider.FAL, None),
        (SECRET, Provider.SYNC, None),
        (PUBLIC, Provider.FAL, f"{HOOKS}/fal?job=j1"),
        (PUBLIC, Provider.SYNC, None),
        (PUBLIC | SECRET, Provider.SYNC, f"{HOOKS}/sync?job=j1"),
        (PUBLIC | SECRET, Provider.KLING, None),
        (PUBLIC | SECRET, Provider.ELEVENLABS, None),
    ],
)
def test_webhooks_are_asked_for_where_they_can_be_checked(
    variables: dict[str, str], provider: Provider, expected: str | None
) -> None:
    """With a public address: of fal always, of sync.so with its secret, of nobody else; no secret is in the address."""
    assert callback_url(load_settings({"DEVATAR_ENV_FILE": os.devnull} | variables))(provider, "j1") == expected


@pytest.mark.parametrize(
    ("states", "parked", "wakes"),
    [
        ((S.SENT, S.UNKNOWN), False, True),
        ((S.SENT, S.ACCEPTED), False, False),
        ((S.SENT, S.ACCEPTED), True, True),
        ((S.SENT, S.ACCEPTED, S.FAILED), True, False),
    ],
)
async def test_only_a_scene_that_may_wait_is_woken(
    database: Database, tmp_path: Path, states: tuple[S, ...], parked: bool, wakes: bool
) -> None:
    """When the purchase has changed, or is parked: then its end is news. An activity that polls hears no signal."""
    purchases = Purchases(database, LocalObjectStore(tmp_path / "objects", "http://127.0.0.1", SecretStr("key")))
    await stored_scene(database)
    async with database.transaction() as tx:
        job = await tx.jobs.add_intent(order())
        for state in states:
            changes: dict[str, Any] = {"request_id": "r1"} if state is S.ACCEPTED else {}
            await tx.jobs.move(job.id, state, **changes)
        if parked:
            await tx.jobs.park(job.id)

    woken = await Announcements(database, purchases).take(Provider.FAL, job.id, "r1")

    assert woken == ("scene1" if wakes else None)
