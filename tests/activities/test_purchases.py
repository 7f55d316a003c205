"""Buying: one row a purchase, and never a second request while the first may have been taken."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from activities.purchases import SETTLING_TIME, Purchases, Wanted, accepted_entry, result_of, ticket_of
from domain.failures import is_retryable
from domain.jobs import IllegalMoveError
from domain.keys import artifact_key
from models.artifacts import ArtifactRef
from models.enums import AspectRatio, FailureCode, JobState, Provider, Step
from models.messages import RunRef
from models.requests import ImageRequest
from models.tables import GenerationLog, ProviderJob
from providers.errors import Delivery, ProviderError
from store.database import Database
from store.objects.local import LocalObjectStore
from tests.support.databases import stored_scene

S = JobState
Play = str | None | BaseException | Callable[[], Awaitable[str | None]]

RUN = RunRef(scene_id="scene1", run_id="run1")
REQUEST = ImageRequest(
    model="fal-ai/flux/dev", prompt="p", aspect_ratio=AspectRatio.LANDSCAPE, steps=28, guidance=3.5, seed=0
)
PRICE = 25_000
LOST = ProviderError(FailureCode.TIMED_OUT, "no answer", delivery=Delivery.ANSWER_LOST)
BUSY = ProviderError(FailureCode.RATE_LIMITED, "too many", retry_after_s=7.0, status=429)
REFUSED = ProviderError(FailureCode.CONTENT_REFUSED, "no", status=422, vendor_code="content_policy_violation")
CANNOT_TELL = ProviderError(FailureCode.OUTCOME_UNKNOWN, "no way to ask")
DOWN = ProviderError(FailureCode.PROVIDER_UNAVAILABLE, "503", status=503)


def wanted(scene_id: str = "scene1", run_id: str = "run1") -> Wanted:
    return Wanted(RunRef(scene_id=scene_id, run_id=run_id), Step.IMAGE, Provider.FAL, REQUEST)


class Vendor:
    """Plays one after another what it was given: an answer, an error, or something to do first."""

    def __init__(self, *, sends: Sequence[Play] = (), finds: Sequence[Play] = ()) -> None:
        self._sends, self._finds = iter(sends), iter(finds)
        self.calls: list[str] = []

    async def send(self) -> str:
        self.calls.append("send")
        answer = await self._play(self._sends)
        assert answer is not None
        return answer

    async def find(self) -> str | None:
        self.calls.append("find")
        return await self._play(self._finds)

    async def _play(self, script: Iterator[Play]) -> str | None:
        play = next(script)
        if isinstance(play, BaseException):
            raise play
        return await play() if callable(play) else play


class Shop:
    """Buys as the activities do, and looks at the rows."""

    def __init__(self, database: Database, objects: LocalObjectStore) -> None:
        self.database = database
        self.purchases = Purchases(database, objects)

    async def attempt(self, vendor: Vendor) -> ProviderJob:
        """One attempt of a submit: claim, send or find, accept."""
        job = await self.purchases.begin(wanted())
        request_id = await self.purchases.attempt(job, send=vendor.send, find=vendor.find)
        return await self.purchases.move(job, S.ACCEPTED, entry=accepted_entry(job), request_id=request_id)

    async def fails(self, vendor: Vendor) -> ProviderError:
        """An attempt that fails."""
        with pytest.raises(ProviderError) as caught:
            await self.attempt(vendor)
        return caught.value

    async def rows(self, scene_id: str = "scene1") -> list[ProviderJob]:
        """All purchases."""
        async with self.database.transaction() as tx:
            return await tx.jobs.of_scene(scene_id)

    async def row(self) -> ProviderJob:
        """The one purchase that there is."""
        (row,) = await self.rows()
        return row

    async def log(self) -> list[GenerationLog]:
        """What was logged."""
        async with self.database.transaction() as tx:
            return await tx.logs.of_scene("scene1")

    async def age(self, by: timedelta = SETTLING_TIME) -> None:
        """Make it seem that the request went out earlier."""
        async with self.database.transaction() as tx:
            (row,) = await tx.jobs.of_scene("scene1")
            assert row.sent_at is not None
            row.sent_at -= by


@pytest.fixture
async def shop(database: Database, objects: LocalObjectStore) -> Shop:
    """A shop with one scene to buy for."""
    await stored_scene(database, "scene1")
    return Shop(database, objects)


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


async def test_answer_lost_and_found(shop: Shop) -> None:
    """A purchase whose answer was lost is asked for at once, and goes on as if it had come."""
    vendor = Vendor(sends=[LOST], finds=["r1"])
    await shop.attempt(vendor)
    row = await shop.row()
    assert vendor.calls == ["send", "find"]
    assert (row.state, row.request_id, row.error_code) == (S.ACCEPTED, "r1", None)
    assert [entry.event_key.split(":")[-1] for entry in await shop.log()] == ["lost", "accepted"]


async def test_answer_lost_and_not_listed_yet(shop: Shop) -> None:
    """A vendor that lists no such request is believed after the settling time alone: only then is it sent again."""
    vendor = Vendor(sends=[LOST, "r2"], finds=[None, None, None])
    error = await shop.fails(vendor)
    assert is_retryable(error.code)
    assert error.retry_after_s is not None
    assert 0 < error.retry_after_s <= SETTLING_TIME.total_seconds()
    assert (await shop.row()).state == S.UNKNOWN

    assert is_retryable((await shop.fails(vendor)).code)
    assert vendor.calls == ["send", "find", "find"]

    await shop.age()
    await shop.attempt(vendor)
    row = await shop.row()
    assert vendor.calls == ["send", "find", "find", "find", "send"]
    assert (row.state, row.request_id, row.take) == (S.ACCEPTED, "r2", 1)


async def test_answer_lost_after_a_long_wait(shop: Shop) -> None:
    """A request that hung beyond the settling time and is not listed is free to be sent by the next attempt."""

    async def hang() -> str:
        await shop.age()
        raise LOST

    vendor = Vendor(sends=[hang, "r2"], finds=[None])
    assert is_retryable((await shop.fails(vendor)).code)
    assert (await shop.row()).state == S.INTENT
    await shop.attempt(vendor)
    assert vendor.calls == ["send", "find", "send"]


async def test_cannot_tell(shop: Shop) -> None:
    """Where the vendor cannot tell, the outcome stays unknown, however often one tries: never a second request."""
    vendor = Vendor(sends=[LOST], finds=[CANNOT_TELL] * 3)
    for _ in range(3):
        error = await shop.fails(vendor)
        assert error.code is FailureCode.OUTCOME_UNKNOWN
        assert not is_retryable(error.code)
        assert (await shop.row()).state == S.UNKNOWN
        await shop.age()
    assert vendor.calls.count("send") == 1
    assert len(await shop.log()) == 1


async def test_vendor_down_while_asking(shop: Shop) -> None:
    """When the question itself fails, the row stays unknown and the question is asked again."""
    vendor = Vendor(sends=[LOST], finds=[DOWN, DOWN, "r1"])
    for _ in range(2):
        assert (await shop.fails(vendor)).code is FailureCode.PROVIDER_UNAVAILABLE
        assert (await shop.row()).state == S.UNKNOWN
    await shop.attempt(vendor)
    assert vendor.calls == ["send", "find", "find", "find"]


@pytest.mark.parametrize("death", [asyncio.CancelledError(), RuntimeError("a bug")], ids=["canceled", "bug"])
async def test_death_while_sending(shop: Shop, death: BaseException) -> None:
    """After a death between request and answer the next attempt asks first, and what it finds is not bought again."""
    with pytest.raises(type(death)):
        await shop.attempt(Vendor(sends=[death]))
    assert (await shop.row()).state == S.SENT
    vendor = Vendor(finds=["r1"])
    await shop.attempt(vendor)
    assert vendor.calls == ["find"]
    assert ((await shop.row()).state, (await shop.row()).request_id) == (S.ACCEPTED, "r1")


async def test_death_before_the_request_left(shop: Shop) -> None:
    """After a death before the request left, the vendor's word counts once it has settled, and it is sent."""
    with pytest.raises(asyncio.CancelledError):
        await shop.attempt(Vendor(sends=[asyncio.CancelledError()]))
    early = Vendor(finds=[None])
    assert is_retryable((await shop.fails(early)).code)
    assert early.calls == ["find"]
    await shop.age()
    late = Vendor(sends=["r1"], finds=[None])
    await shop.attempt(late)
    assert late.calls == ["find", "send"]
    assert len(await shop.rows()) == 1


async def test_death_and_cannot_tell(shop: Shop) -> None:
    """After a death while sending to a vendor that cannot tell, people see an unknown outcome."""
    with pytest.raises(asyncio.CancelledError):
        await shop.attempt(Vendor(sends=[asyncio.CancelledError()]))
    assert (await shop.fails(Vendor(finds=[CANNOT_TELL]))).code is FailureCode.OUTCOME_UNKNOWN
    assert (await shop.row()).state == S.UNKNOWN
    (entry,) = await shop.log()
    assert (entry.level, entry.error_code) == ("ERROR", "outcome_unknown")


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
