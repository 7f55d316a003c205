"""What a fresh order takes before it buys: results that an earlier fresh run paid for and made no film of."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import SQLModel

from models.enums import ApprovalDecision, FailureCode, JobState, Provider, Step
from models.tables import GenerationLog, ProviderJob, Reuse
from models.take_tables import Approval, Take
from store.database import Database
from store.jobs import Order
from tests.support.databases import order, stored_scene
from tests.support.ledger import book, bought

PICTURE: dict[str, Any] = {"key": "artifacts/p.png", "size": 1, "sha256": "p"}


def picture(run_id: str, fresh: str, **fields: Any) -> Order:
    """A wish for a picture that is another one on purpose."""
    return order(run_id=run_id, step=Step.IMAGE, clip=None, fingerprint="f", fresh=fresh, **fields)


def paid(run_id: str = "run1", **fields: Any) -> ProviderJob:
    """A picture that this run bought anew."""
    wanted = picture(run_id, run_id)
    given: dict[str, Any] = {"step": Step.IMAGE, "clip": None, "claim": wanted.claim, "artifact": PICTURE} | fields
    return bought(JobState.STORED, run_id=run_id, **given)


def take(run_id: str, number: int, key: str) -> Take:
    """A take that shows this picture."""
    return Take(
        scene_id="scene1",
        number=number,
        run_id=run_id,
        inputs={},
        mode="standard",
        models={},
        artifacts={"anchor": {"key": key}},
        clip_seconds=[5],
        sync_mode="loop",
        speech_duration_s=1.0,
        film_duration_s=1.0,
        cost_micros=0,
    )


def said(decision: ApprovalDecision) -> Approval:
    """What a person said to the picture."""
    return Approval(
        scene_id="scene1",
        run_id="run1",
        round=1,
        token="the question",
        picture=PICTURE,
        price_micros=1,
        decision=decision,
    )


def ended(run_id: str, code: FailureCode) -> GenerationLog:
    """The end of a run."""
    return GenerationLog(
        scene_id="scene1",
        run_id=run_id,
        event_key=f"{run_id}:scene:ended",
        level="ERROR",
        step="upload",
        provider="system",
        message="over",
        error_code=code,
    )


def reused_by(run_id: str) -> Callable[[ProviderJob], SQLModel]:
    """A later run took it."""
    return lambda job: Reuse(
        job_id=job.id, scene_id="scene1", run_id=run_id, step=Step.IMAGE, provider=Provider.FAL, saved_micros=1
    )


async def found(database: Database, wanted: Order) -> list[str]:
    """The runs whose purchases serve it."""
    async with database.transaction() as tx:
        return [job.run_id for job in await tx.jobs.find_stored(wanted)]


@pytest.mark.parametrize(
    ("rows", "served"),
    [
        ([], True),
        ([ended("run1", FailureCode.BUDGET_EXCEEDED)], True),
        ([take("run0", 1, "artifacts/other.png")], True),
        ([said(ApprovalDecision.WITHDRAWN)], True),
        ([take("run1", 1, "artifacts/other.png")], False),
        ([take("run0", 1, PICTURE["key"])], False),
        ([said(ApprovalDecision.REDRAWN)], False),
        ([said(ApprovalDecision.REJECTED)], False),
        ([ended("run1", FailureCode.FACE_MISMATCH)], False),
        ([ended("run2", FailureCode.FACE_MISMATCH), reused_by("run2")], False),
    ],
    ids=["left", "budget", "other take", "unanswered", "own take", "held", "redrawn", "rejected", "face", "later face"],
)
async def test_a_fresh_picture(database: Database, rows: list[Any], served: bool) -> None:
    """What an earlier run left goes first, unless a take holds it or it was not the picture that is wanted."""
    await stored_scene(database)
    job = paid()
    await book(database, job)
    copies = [type(row)(**row.model_dump()) if isinstance(row, SQLModel) else row(job) for row in rows]
    await book(database, *copies)
    assert await found(database, picture("run3", "run3")) == (["run1"] if served else [])


async def test_whose(database: Database) -> None:
    """Not what was bought as usual, for another step or scene, nor by the same run: that is the one to be replaced."""
    await stored_scene(database)
    await stored_scene(database, "scene2")
    await book(database, paid(), paid("run4", claim="f", take=2), paid("run5", step=Step.VIDEO, clip=1, take=3))
    assert await found(database, picture("run3", "run3")) == ["run1"]
    assert await found(database, picture("run1", "run1-2")) == []
    assert await found(database, picture("run3", "run3", scene_id="scene2")) == []


async def test_the_runs_own_goes_first(database: Database) -> None:
    """A retry goes on with what its own run bought, also when something newer was left."""
    await stored_scene(database)
    await book(database, paid("run3"), paid("run1", take=2, artifact=PICTURE | {"key": "artifacts/q.png"}))
    assert await found(database, picture("run3", "run3")) == ["run3", "run1"]


@pytest.mark.parametrize("code", [FailureCode.NOT_APPROVED, FailureCode.BUDGET_EXCEEDED])
async def test_clips_of_a_failed_run(database: Database, code: FailureCode) -> None:
    """What is no picture was not declined: a fresh clip is taken however its run failed."""
    await stored_scene(database)
    clip = order(run_id="run3", fingerprint="f", fresh="run3")
    await book(database, paid(step=Step.VIDEO, clip=1), ended("run1", code))
    assert await found(database, clip) == ["run1"]
