"""What every part of the studio shares, and what a vendor must offer."""

import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Protocol

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from studio.faults import FETCH_FAULTS, Fault, Faults
from studio.fetch import FetchError, fetch
from studio.journal import Journal
from studio.render import Renderer
from studio.state import Job, JsonObject, Store

# What the studio's makers draw: films of 64 to 2,048 pixels a side, pictures of 256 to 2,048.
LEAST_FILM_SIDE = 64
LEAST_PICTURE_SIDE = 256
LARGEST_SIDE = 2048


@dataclass(frozen=True)
class Options:
    """What the studio was started with. `picture` caps the longer and shorter side of pictures and films, in pixels."""

    picture: tuple[int, int] | None
    latency_s: float
    kling_access_key: str
    kling_secret_key: str
    webhook_secret: str


@dataclass
class Latency:
    """Seconds a provider's jobs wait in the queue, and seconds added to the work itself."""

    queue_s: float = 0.0
    processing_s: float = 0.0


class JobFailedError(Exception):
    """Ends a job. `failure` is what the vendor's poll will show; `state` is failed or rejected."""

    def __init__(self, failure: JsonObject, *, billed: bool = False, state: str = "failed") -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.billed = billed
        self.state = state


@dataclass
class Context:
    """The studio's parts, made once at start."""

    url: str
    options: Options
    store: Store
    faults: Faults
    journal: Journal
    renderer: Renderer
    http: httpx.AsyncClient

    @staticmethod
    def now() -> float:
        """Unix time in seconds."""
        return time.time()

    @staticmethod
    def iso(seconds: float) -> str:
        """A Unix time as ISO 8601 in UTC, to the millisecond."""
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def latency_of(self, provider: str) -> Latency:
        """The latency set for a provider, else the one the studio was started with."""
        held = self.store.settings.get(f"latency.{provider}")
        return Latency(**held) if held is not None else Latency(0.0, self.options.latency_s)

    def set_latency(self, provider: str, latency: Latency) -> None:
        """Sets a provider's latency from now on."""
        self.store.save_setting(f"latency.{provider}", asdict(latency))

    def account_of(self, provider: str) -> JsonObject:
        """What was set for the provider's account: `state`, and `character_limit` for ElevenLabs."""
        return self.store.settings.get(f"account.{provider}", {})

    def output_url(self, name: str) -> str:
        """The public address of an output file."""
        return f"{self.url}/files/out/{name}"

    async def fetch(self, provider: str, model: str, url: str) -> bytes:
        """Reads an input as the vendor would. Raises FetchError, also when a fault on operation `fetch` says so."""
        if self.faults.take(provider, "fetch", model, FETCH_FAULTS) is not None:
            raise FetchError("HTTP 403")
        return await fetch(self.http, url)

    def shrunk(self, width: int, height: int, *, least: int = LEAST_FILM_SIDE) -> tuple[int, int]:
        """A size of the same shape within the picture cap, even on both sides, the shorter one at least `least`."""
        longer, shorter = max(width, height), min(width, height)
        cap_longer, cap_shorter = self.options.picture or (LARGEST_SIDE, LARGEST_SIDE)
        scale = min(1.0, cap_longer / longer, cap_shorter / shorter, LARGEST_SIDE / longer)
        scale = max(scale, least / shorter)
        return round(width * scale / 2) * 2, round(height * scale / 2) * 2


class Vendor(Protocol):
    """One vendor's wire contract."""

    name: str

    def routes(self) -> list[BaseRoute]:
        """The paths it answers, with its prefix."""
        ...

    def authorize(self, request: Request) -> Response | None:
        """The refusal for a request without good credentials, in the vendor's form."""
        ...

    async def model_of(self, request: Request) -> str | None:
        """The model that a request is about, where it says so."""
        ...

    def refuse(self, fault: Fault) -> Response:
        """The vendor's own form of an answer-level fault."""
        ...

    def planned_failure(self, name: str, parameters: JsonObject) -> JobFailedError:
        """The vendor's own form of `completed_with_error` or `content_refused`."""
        ...

    async def produce(self, job: Job) -> JsonObject:
        """Does the work; the result is kept as the job's output. Raises JobFailedError."""
        ...

    async def announce(self, job: Job) -> None:
        """Tells the caller's webhook about a change, where the vendor has one."""
        ...
