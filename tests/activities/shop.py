"""A shop to buy from: our purchases with a vendor that plays what it was given."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta

import pytest

from activities.purchases import Purchases
from activities.wanted import Wanted
from models.enums import AspectRatio, FailureCode, JobState, Provider, Step
from models.messages import RunRef
from models.requests import ImageRequest
from models.tables import GenerationLog, ProviderJob
from providers.errors import Delivery, ProviderError
from store.database import Database
from store.objects.local import LocalObjectStore

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
NOT_YET = ProviderError(FailureCode.PROVIDER_UNAVAILABLE, "not listed yet", retry_after_s=30.0)
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
        return await self.purchases.accept(job, request_id)

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

    async def age(self, by: timedelta) -> None:
        """Make it seem that the request went out earlier."""
        async with self.database.transaction() as tx:
            (row,) = await tx.jobs.of_scene("scene1")
            assert row.sent_at is not None
            row.sent_at -= by
