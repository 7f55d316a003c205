"""Buying: one row a purchase, what it cost, and what is bought before is not bought again."""

import asyncio
import hashlib
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from activities.wanted import result_of, ticket_of
from domain.jobs import IllegalMoveError
from domain.keys import artifact_key
from models.artifacts import ArtifactRef
from models.enums import FailureCode, JobState
from models.messages import RunRef
from models.tables import ProviderJob, Reuse
from providers.errors import Delivery, ProviderError
from store.objects.local import LocalObjectStore
from tests.activities.shop import (
    BUSY,
    PRICE,
    REFUSED,
    RUN,
    S,
    Shop,
    Vendor,
    wanted,
)
from tests.support.databases import stored_scene


async def test_accepted(shop: Shop) -> None:
    """A purchase is claimed, sent and accepted; the vendor sees no request before SENT is committed."""
    seen: list[str] = []

    async def answer() -> str:
        seen.append((await shop.row()).state)
        return "r1"

    assert (await shop.purchases.begin(wanted())).state == S.INTENT
    vendor = Vendor(sends=[answer])
    await shop.attempt(vendor)
    row = await shop.row()
    assert seen == [S.SENT]
    assert vendor.calls == ["send"]
    assert (row.state, row.request_id, row.estimated_cost_micros) == (S.ACCEPTED, "r1", PRICE)
    assert [entry.message for entry in await shop.log()] == ["image by fal-ai/flux/dev accepted"]


async def test_refused(shop: Shop) -> None:
    """A permanent refusal ends the purchase with its reason; whoever tries again begins another."""
    assert (await shop.fails(Vendor(sends=[REFUSED]))).code is FailureCode.CONTENT_REFUSED
    row = await shop.row()
    assert (row.state, row.error_code, row.error_detail) == (S.FAILED, "content_refused", "no")
    (entry,) = await shop.log()
    assert (entry.level, entry.error_code, entry.payload["status"]) == ("ERROR", "content_refused", 422)
    assert (await shop.purchases.begin(wanted())).take == 2


async def test_busy(shop: Shop) -> None:
    """A refusal that passes leaves the same purchase to be sent again, with the vendor's wish for a delay."""
    vendor = Vendor(sends=[BUSY, "r1"])
    error = await shop.fails(vendor)
    assert (error.code, error.retry_after_s) == (FailureCode.RATE_LIMITED, 7.0)
    assert ((await shop.row()).state, (await shop.row()).error_code) == (S.INTENT, "rate_limited")
    await shop.attempt(vendor)
    row = await shop.row()
    assert (row.state, row.take, row.error_code) == (S.ACCEPTED, 1, None)
    assert vendor.calls == ["send", "send"]


async def test_two_attempts_at_once(shop: Shop) -> None:
    """Attempts that overlap share one row, and only one of them sends."""
    jobs = await asyncio.gather(*(shop.purchases.begin(wanted()) for _ in range(5)))
    assert len({job.id for job in jobs}) == 1
    vendor = Vendor(sends=["r1"] * 5)
    outcomes = await asyncio.gather(
        *(shop.purchases.attempt(job, send=vendor.send, find=vendor.find) for job in jobs), return_exceptions=True
    )
    assert vendor.calls == ["send"]
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [IllegalMoveError.__name__] * 4 + ["str"]
    assert len(await shop.rows()) == 1


@pytest.mark.parametrize(
    ("error", "states", "booked"),
    [
        (ProviderError(FailureCode.UNKNOWN, "x", delivery=Delivery.JOB_ENDED), (S.ACCEPTED,), 0),
        (ProviderError(FailureCode.UNKNOWN, "x", delivery=Delivery.JOB_ENDED, charged=True), (S.ACCEPTED,), PRICE),
        (ProviderError(FailureCode.UNKNOWN, "x", delivery=Delivery.JOB_ENDED, charged=None), (S.ACCEPTED,), None),
        (ProviderError(FailureCode.UNKNOWN, "x", charged=None, actual_cost_micros=3), (S.ACCEPTED,), 3),
        (ProviderError(FailureCode.MEDIA_INVALID, "x"), (S.ACCEPTED, S.SUCCEEDED), PRICE),
        (ProviderError(FailureCode.INVALID_REQUEST, "x"), (), 0),
    ],
)
async def test_what_a_failed_purchase_cost(
    shop: Shop, error: ProviderError, states: tuple[JobState, ...], booked: int | None
) -> None:
    """Nothing, unless the vendor charged for it all the same or had finished it; unset where nobody can tell."""
    job = await shop.purchases.begin(wanted())
    await shop.purchases.move(job, S.SENT, *states, request_id="r1")
    await shop.purchases.fail(job, error)
    assert ((await shop.row()).state, (await shop.row()).actual_cost_micros) == (S.FAILED, booked)


async def keep(objects: LocalObjectStore, tmp_path: Path, content: bytes = b"picture") -> ArtifactRef:
    """An object in the store."""
    path = tmp_path / "content"
    path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    key = artifact_key(hashlib.sha256(b"picture").hexdigest(), ".png")
    await objects.put(path, key=key, media_type="image/png", sha256=sha256)
    return ArtifactRef(key=key, media_type="image/png", size=len(content), sha256=sha256)


async def bought(shop: Shop, objects: LocalObjectStore, tmp_path: Path, **facts: int) -> ProviderJob:
    """A purchase that came out well."""
    job = await shop.attempt(Vendor(sends=["r1"]))
    return await shop.purchases.settle(job, await keep(objects, tmp_path), **facts)


async def test_settled(shop: Shop, objects: LocalObjectStore, tmp_path: Path) -> None:
    """A result that is stored is told with what it cost, by the vendor's figure where there is one."""
    job = await bought(shop, objects, tmp_path, actual_cost_micros=7, seed=5)
    row = await shop.row()
    assert (row.state, row.actual_cost_micros, row.seed) == (S.STORED, 7, 5)
    assert row.succeeded_at is not None
    entry = (await shop.log())[-1]
    assert (entry.cost_micros, entry.payload["size"]) == (7, 7)
    assert entry.message.startswith("image by fal-ai/flux/dev stored after 0.")
    result = result_of(job, RUN)
    assert (result.reused, result.cost_micros, result.seed) == (False, 7, 5)


async def test_estimate_counts_without_a_figure(shop: Shop, objects: LocalObjectStore, tmp_path: Path) -> None:
    """Without the vendor's figure the estimate is what a purchase cost."""
    job = await bought(shop, objects, tmp_path)
    assert result_of(job, RUN).cost_micros == PRICE
    assert (await shop.log())[-1].cost_micros == PRICE


async def test_reused_across_scenes(shop: Shop, objects: LocalObjectStore, tmp_path: Path) -> None:
    """Another scene that needs the same thing gets the stored result, for nothing and without asking anybody."""
    await bought(shop, objects, tmp_path)
    await stored_scene(shop.database, "scene2")
    job = await shop.purchases.begin(wanted("scene2", "run2"))
    ticket = ticket_of(job, RunRef(scene_id="scene2", run_id="run2"))
    assert ticket.result is not None
    assert (ticket.result.reused, ticket.result.cost_micros) == (True, 0)
    assert await shop.rows("scene2") == []
    await shop.purchases.begin(wanted("scene2", "run2"))
    async with shop.database.engine.connect() as connection:
        saved = (await connection.execute(select(col(Reuse.scene_id), col(Reuse.saved_micros)))).all()
    assert [tuple(row) for row in saved] == [("scene2", PRICE)]


async def test_reused_by_a_later_run(shop: Shop, objects: LocalObjectStore, tmp_path: Path) -> None:
    """A later run of the same scene reuses too; a retry of the run that bought it still says what it cost."""
    await bought(shop, objects, tmp_path)
    later, retry = [await shop.purchases.begin(wanted(run_id=run)) for run in ("run2", "run1")]
    assert result_of(later, RunRef(scene_id="scene1", run_id="run2")).cost_micros == 0
    assert result_of(retry, RUN).cost_micros == PRICE


async def test_result_is_gone(shop: Shop, objects: LocalObjectStore, tmp_path: Path) -> None:
    """A result whose object is no longer there is bought anew."""
    job = await bought(shop, objects, tmp_path)
    await objects.delete(result_of(job, RUN).artifact.key)
    again = await shop.purchases.begin(wanted())
    assert (again.state, again.take) == (S.INTENT, 2)


async def test_result_is_another(shop: Shop, objects: LocalObjectStore, tmp_path: Path) -> None:
    """A result under whose key other content stands now is bought anew."""
    job = await bought(shop, objects, tmp_path)
    await objects.delete(result_of(job, RUN).artifact.key)
    await keep(objects, tmp_path, b"another")
    assert (await shop.purchases.begin(wanted())).take == 2


async def test_unfinished_is_not_shown_as_result(shop: Shop) -> None:
    """A ticket holds a result only once it is stored."""
    job = await shop.attempt(Vendor(sends=["r1"]))
    ticket = ticket_of(job, RUN)
    assert (ticket.job_id, ticket.result) == (job.id, None)
    assert (await shop.purchases.begin(wanted(run_id="run2"))).id == job.id
