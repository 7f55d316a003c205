"""What requests work with: the wired parts, Temporal as soon as it answers, and the count of requests."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request
from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from temporalio.client import Client

from activities.workshop import Workshop
from api.problems import ApiError
from domain.rejections import RejectedError
from models.artifacts import ArtifactRef
from models.enums import FailureCode
from runtime.settings import Settings
from runtime.wiring import Parts
from store.database import Database

CONNECT_PATIENCE_S = 5.0  # an address that swallows packets would otherwise hold a request for minutes
CHECK_PATIENCE_S = 5.0
LINK_LIFETIME = timedelta(hours=1)
CHECK_KEPT_S = 2.0  # the store's check writes an object: asking often must not write often

log = logging.getLogger(__name__)


class Services:
    """Made once for the process; `connect` reaches Temporal and is called when that is first needed."""

    def __init__(self, parts: Parts, connect: Callable[[], Awaitable[Client]]) -> None:
        self.parts = parts
        self.streams = 0  # open event streams
        self.workshop = Workshop(parts.objects, parts.settings.data_dir / "scratch")
        self._connect = connect
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._rate = parse(parts.settings.api_rate)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._checked: tuple[float, dict[str, str]] | None = None
        self._checking = asyncio.Lock()

    @property
    def settings(self) -> Settings:
        """The settings of the process."""
        return self.parts.settings

    @property
    def database(self) -> Database:
        """The database."""
        return self.parts.database

    async def temporal(self) -> Client:
        """Raises RejectedError (`provider_unavailable`) when Temporal is away."""
        async with self._connecting:
            if self._client is None:
                try:
                    async with asyncio.timeout(CONNECT_PATIENCE_S):
                        self._client = await self._connect()
                except (RejectedError, TimeoutError) as error:
                    log.warning("no connection to Temporal: %s", error or "it takes too long")
                    raise RejectedError(
                        "temporal", "it does not answer", "Ask again in a moment", FailureCode.PROVIDER_UNAVAILABLE
                    ) from None
            return self._client

    def link(self, artifact: ArtifactRef) -> str:
        """A link to a stored file that anybody may follow; unless the store is public, for an hour."""
        return self.parts.objects.public_url(artifact.key) or self.parts.objects.sign(
            artifact.key, expires=LINK_LIFETIME
        )

    async def spend(self, who: str) -> None:
        """Count a request. Raises ApiError (429) when there were too many of late."""
        if not await self._limiter.hit(self._rate, who):
            await self._refuse(who)

    async def check_left(self, who: str) -> None:
        """Raises ApiError (429) when the next request would be one too many."""
        if not await self._limiter.test(self._rate, who):
            await self._refuse(who)

    async def checks(self) -> dict[str, str]:
        """For each service that is needed `ok` or `away`."""
        async with self._checking:
            if self._checked is None or time.monotonic() - self._checked[0] > CHECK_KEPT_S:
                names = {"database": self._check_database, "temporal": self._check_temporal, "objectStore": self._store}
                verdicts = await asyncio.gather(*(_verdict(check) for check in names.values()))
                self._checked = time.monotonic(), dict(zip(names, verdicts, strict=True))
            return self._checked[1]

    async def _refuse(self, who: str) -> None:
        window = await self._limiter.get_window_stats(self._rate, who)
        wait = max(1, round(window.reset_time - time.time()))
        detail = f"more than {self.settings.api_rate} requests; ask again in {wait} s"
        raise ApiError(429, FailureCode.RATE_LIMITED, detail, Retry_After=str(wait))

    async def _check_database(self) -> None:
        await self.database.check()

    async def _check_temporal(self) -> None:
        await (await self.temporal()).service_client.check_health()

    async def _store(self) -> None:
        await self.parts.objects.check()


async def _verdict(check: Callable[[], Awaitable[None]]) -> str:
    try:
        async with asyncio.timeout(CHECK_PATIENCE_S):
            await check()
    except Exception:  # noqa: BLE001 - whatever is wrong with a service, the verdict is that it is away
        return "away"
    return "ok"


def services_of(request: Request) -> Services:
    """The process's services."""
    services: Services = request.app.state.services
    return services


Given = Annotated[Services, Depends(services_of)]
