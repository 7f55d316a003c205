"""What plans read of purchases, on both databases."""

from datetime import timedelta
from typing import Any

import pytest

from models.enums import JobState, Provider, Step
from models.tables import ProviderJob, now
from store.database import Database
from store.plans import RECENT
from tests.support.ledger import book, bought

S = JobState
SPEECH: dict[str, Any] = {"step": Step.SPEECH, "provider": Provider.ELEVENLABS, "model": "turbo"}


def took(seconds: float, *, days_ago: int = 0, **fields: Any) -> ProviderJob:
    """A stored clip that took so long."""
    stored_at = now() - timedelta(days=days_ago)
    return bought(S.STORED, sent_at=stored_at - timedelta(seconds=seconds), stored_at=stored_at, **fields)


async def durations(database: Database) -> list[float]:
    async with database.transaction() as tx:
        return await tx.plans.durations(Step.VIDEO, Provider.FAL, "some-model")


async def test_durations(database: Database) -> None:
    """Those of stored results of this step, vendor and model, newest first."""
    assert await durations(database) == []
    others = [took(1, model="other"), took(1, step=Step.IMAGE), took(1, provider=Provider.KLING)]
    await book(database, took(90, days_ago=1), took(60), bought(S.ACCEPTED, sent_at=now()), bought(S.STORED), *others)
    assert await durations(database) == pytest.approx([60, 90])


async def test_recent(database: Database) -> None:
    """Old ones count no more once there are enough new ones."""
    await book(database, took(600, days_ago=9), *(took(60, days_ago=1) for _ in range(RECENT)))
    assert await durations(database) == pytest.approx([60] * RECENT)


async def test_speech_rates(database: Database) -> None:
    """Characters per second at normal speed of this voice's speeches; one without a length tells nothing."""

    def spoken(seconds: float | None, voice: str = "v1", **settings: Any) -> ProviderJob:
        request = {"text": "a" * 60, "voice": {"voice_id": voice} | settings}
        return bought(S.STORED, request=request, artifact={"key": "k", "duration_s": seconds}, **SPEECH)

    await book(database, spoken(4.0), spoken(3.0, speed=1.25), spoken(1.0, voice="v2"), spoken(None))
    async with database.transaction() as tx:
        rates = await tx.plans.speech_rates(Provider.ELEVENLABS, "turbo", "v1")
    assert sorted(rates) == pytest.approx([15.0, 16.0])


async def test_under_way(database: Database) -> None:
    """Every unfinished purchase of a thing that is still waited for, in whatever scene."""
    open_states = [S.INTENT, S.SENT, S.ACCEPTED, S.SUCCEEDED, S.UNKNOWN]
    await book(database, *(bought(state, scene_id=f"scene-{state}") for state in JobState))
    await book(database, bought(S.UNKNOWN, written_off_at=now()), bought(S.SENT, fingerprint="other"))
    async with database.transaction() as tx:
        found = await tx.plans.under_way("f")
    assert {job.scene_id for job in found} == {f"scene-{state}" for state in open_states}
