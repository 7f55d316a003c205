"""Rows to fill a ledger with."""

from itertools import count
from typing import Any

from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from models.enums import JobState, Provider, Step
from models.tables import ProviderJob, Reuse
from store.database import Database

_numbers = count()


def bought(
    state: JobState = JobState.STORED, actual: int | None = None, scene_id: str = "scene1", **fields: Any
) -> ProviderJob:
    """A purchase of 100 micro-dollars."""
    given: dict[str, Any] = {
        "run_id": "run1",
        "step": Step.VIDEO,
        "take": 1,
        "provider": Provider.FAL,
        "model": "some-model",
        "idempotency_key": f"key-{next(_numbers)}",
        "fingerprint": "f",
        "request_id": "r1",
        "artifact": {"key": "k", "size": 1},
        "estimated_cost_micros": 100,
    } | fields
    return ProviderJob(scene_id=scene_id, state=state, actual_cost_micros=actual, **given)


def reused(job: ProviderJob, scene_id: str = "scene1", **fields: Any) -> Reuse:
    """What a run of a scene did not have to buy."""
    given: dict[str, Any] = {"run_id": f"run-{next(_numbers)}", "step": job.step, "provider": job.provider} | fields
    return Reuse(job_id=job.id, scene_id=scene_id, saved_micros=100, **given)


async def book(database: Database, *rows: SQLModel) -> None:
    """Put rows into the ledger as they are."""
    async with AsyncSession(database.engine, expire_on_commit=False) as session, session.begin():
        for row in rows:
            session.add(row)
            await session.flush()
