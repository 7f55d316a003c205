"""What was accepted is waited for through outages, kept when it can be, and bought anew when that may well work."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy.exc import OperationalError

from activities.collecting import FETCH_AGAIN_FOR, Collector, JobProviders
from activities.heartbeats import Pulse
from activities.jobs import JobActivities
from activities.loras import LoraLinks
from activities.purchases import Purchases
from activities.workshop import Workshop
from models.enums import FailureCode, Provider
from models.requests import ImageRequest
from models.tables import ProviderJob
from providers.errors import Delivery, ProviderError
from providers.ports import Downloaded, Finished, UrlOf, Waiting
from store.objects.local import LocalObjectStore
from tests.activities.shop import DOWN, REQUEST, RUN, S, Shop, Vendor

ENDED = Delivery.JOB_ENDED
BROKEN = ProviderError(FailureCode.PROVIDER_UNAVAILABLE, "runner crashed", delivery=ENDED, resubmit=True)
STOPPED = ProviderError(FailureCode.CANCELED, "client_cancelled", delivery=ENDED)
PAGE = ProviderError(FailureCode.MEDIA_INVALID, "an HTML page")
DONE = Finished("https://vendor.example/picture.png", actual_cost_micros=7)


class Maker:
    """A vendor of pictures that answers polls as told."""

    provider = Provider.FAL

    def __init__(self, *polls: Waiting | Finished | ProviderError) -> None:
        self._polls = iter(polls)

    async def poll(self, request: ImageRequest, request_id: str) -> Waiting | Finished:
        """The next answer."""
        answer = next(self._polls)
        if isinstance(answer, ProviderError):
            raise answer
        return answer

    async def submit(self, request: ImageRequest, *, key: str, url_of: UrlOf, callback_url: str | None = None) -> str:
        """Always taken."""
        return "r1"

    async def recover(self, request: ImageRequest, *, key: str, url_of: UrlOf) -> str | None:
        """Never asked here."""
        raise AssertionError

    async def cancel(self, request: ImageRequest, request_id: str) -> None:
        """Never asked here."""
        raise AssertionError

    async def check(self) -> str:
        """Never asked here."""
        raise AssertionError


class Web:
    """Downloads that go as told: None is a good picture."""

    def __init__(self, *downloads: ProviderError | None) -> None:
        self._downloads = iter(downloads)

    async def download(self, url: str, to: Path, *, max_bytes: int) -> Downloaded:
        """The next one."""
        error = next(self._downloads)
        if error is not None:
            raise error
        return _picture(to)


class Counter:
    """Where an accepted purchase is collected."""

    def __init__(self, shop: Shop, objects: LocalObjectStore, folder: Path) -> None:
        self._shop, self._workshop = shop, Workshop(objects, folder / "scratch")

    async def accepted(self) -> ProviderJob:
        """A purchase that the vendor has."""
        return await self._shop.attempt(Vendor(sends=["r1"]))

    async def collect(self, job: ProviderJob, maker: Maker, *downloads: ProviderError | None) -> None:
        """One attempt of a collect."""
        providers = JobProviders(image=maker, videos={}, lipsync=_nobody())
        collector = Collector(
            purchases=self._shop.purchases, workshop=self._workshop, web=Web(*downloads), providers=providers
        )
        await collector.collect(job, Pulse())

    async def fails(
        self, job: ProviderJob, polls: Sequence[Waiting | Finished | ProviderError], *downloads: ProviderError | None
    ) -> ProviderError:
        """One that fails."""
        with pytest.raises(ProviderError) as caught:
            await self.collect(job, Maker(*polls), *downloads)
        return caught.value


def _picture(to: Path) -> Downloaded:
    Image.new("RGB", (64, 36), "teal").save(to, "PNG")
    return Downloaded(to, to.stat().st_size, "", "image/png")


def _nobody() -> Any:
    """No vendor of lipsync is asked."""
    return None


@pytest.fixture
def counter(shop: Shop, objects: LocalObjectStore, tmp_path: Path) -> Counter:
    """A counter of the shop."""
    return Counter(shop, objects, tmp_path)


async def test_an_outage_is_waited_out(counter: Counter, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a vendor cannot be asked its job goes on; only the end of patience ends the waiting."""
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("activities.collecting.pause", pause)
    await counter.collect(await counter.accepted(), Maker(*[DOWN] * 40, Waiting("queued"), DOWN, DONE), None)
    assert (await shop.row()).state == S.STORED
    assert pauses[:4] == [2.0, 4.0, 8.0, 16.0]
    assert max(pauses) == 20.0
    assert pauses[40] < 1.0
    assert pauses[41] == 2.0


async def test_what_a_vendor_refuses_to_tell(counter: Counter, shop: Shop) -> None:
    """A refusal is no outage: it is told at once, and the purchase stays open."""
    error = await counter.fails(await counter.accepted(), [ProviderError(FailureCode.UNAUTHORIZED, "no key")])
    assert (error.code, (await shop.row()).state) == (FailureCode.UNAUTHORIZED, S.ACCEPTED)


@pytest.mark.parametrize("end", [BROKEN, STOPPED], ids=["broken", "stopped by somebody else"])
async def test_worth_another_purchase(counter: Counter, shop: Shop, end: ProviderError) -> None:
    """A job that broke down or was stopped by somebody else may be bought again, also after a crash right there."""
    job = await counter.accepted()
    told = await counter.fails(job, [end])
    again = await counter.fails(await shop.row(), [])
    assert [(each.code, each.resubmit, each.delivery) for each in (told, again)] == [(end.code, True, ENDED)] * 2


async def test_a_purchase_that_was_stopped(counter: Counter, shop: Shop) -> None:
    """One that the run before canceled is no failure of this run's: it is bought anew."""
    job = await counter.accepted()
    await shop.purchases.cancel(job, STOPPED)
    error = await counter.fails(await shop.row(), [])
    assert (error.code, error.resubmit) == (FailureCode.CANCELED, True)


async def test_a_useless_download_is_fetched_again(counter: Counter, shop: Shop) -> None:
    """What was paid for is not given up for one bad download; its next address may be good."""
    job = await counter.accepted()
    error = await counter.fails(job, [DONE], PAGE)
    assert (error.code, (await shop.row()).state) == (FailureCode.PROVIDER_UNAVAILABLE, S.SUCCEEDED)
    await counter.collect(await shop.row(), Maker(DONE), None)
    row = await shop.row()
    assert (row.state, row.actual_cost_micros) == (S.STORED, 7)


async def test_what_stays_useless_ends(counter: Counter, shop: Shop) -> None:
    """After a while the purchase is over, and what was charged is booked."""
    await counter.fails(await counter.accepted(), [DONE], PAGE)
    async with shop.database.transaction() as tx:
        (row,) = await tx.jobs.of_scene(RUN.scene_id)
        assert row.succeeded_at is not None
        row.succeeded_at -= FETCH_AGAIN_FOR
    error = await counter.fails(await shop.row(), [DONE], PAGE)
    row = await shop.row()
    assert (error.code, row.state, row.actual_cost_micros) == (FailureCode.MEDIA_INVALID, S.FAILED, 7)


async def test_the_id_outlives_a_database_that_is_away(
    shop: Shop, objects: LocalObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vendor's id is known nowhere else, so it is written once the database is back, without another request."""
    monkeypatch.setattr("activities.jobs.KEEP_ID_PAUSES_S", (0.01,) * 3)
    purchases = _Interrupted(shop.database, objects)
    providers = JobProviders(image=Maker(DONE), videos={}, lipsync=_nobody())
    workshop = Workshop(objects, tmp_path / "scratch")
    jobs = JobActivities(
        database=shop.database,
        purchases=purchases,
        collector=Collector(purchases=purchases, workshop=workshop, web=Web(None), providers=providers),
        objects=objects,
        providers=providers,
        links=_links(),
        url_lifetime=timedelta(hours=1),
    )
    result = await jobs.draw(RUN, REQUEST, "")
    row = await shop.row()
    assert (row.state, row.request_id, row.take, purchases.refused) == (S.STORED, "r1", 1, 2)
    assert result.cost_micros == 7


def _links() -> LoraLinks:
    """Nothing is looked up."""
    return _nobody()


class _Interrupted(Purchases):
    """The database is away when the answer comes, twice."""

    refused = 0

    async def accept(self, job: ProviderJob, request_id: str) -> ProviderJob:
        """See `Purchases.accept`."""
        if self.refused < 2:
            self.refused += 1
            raise OperationalError("UPDATE", {}, OSError("gone"))
        return await super().accept(job, request_id)
