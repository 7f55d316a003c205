"""What Devatar needs of its providers: one Protocol a capability. Which adapter serves it is decided in `runtime`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from models.artifacts import Alignment, ArtifactRef, LoraReport
from models.enums import Provider
from models.requests import ImageRequest, LipsyncRequest, SpeechRequest, VideoRequest

RequestT = TypeVar("RequestT", contravariant=True)

UrlOf = Callable[[ArtifactRef], str]
"""Mints a URL that the vendor can fetch; called once an attempt, its result is never stored or logged."""


@dataclass(frozen=True)
class Waiting:
    """The vendor is not done; `reason` is for people ("queue position 3", "in progress")."""

    reason: str
    retry_after_s: float | None = None


@dataclass(frozen=True)
class Finished:
    """The vendor is done; `url` is where its output is fetched, now: it may expire."""

    url: str
    seed: int | None = None
    actual_cost_micros: int | None = None


class JobProvider(Protocol[RequestT]):
    """A vendor that takes a job, works for a while and leaves a file.

    Every method raises `ProviderError`, makes exactly one HTTP request per paid call, and never retries one.
    """

    @property
    def provider(self) -> Provider:
        """Who is paid."""
        ...

    async def submit(self, request: RequestT, *, key: str, url_of: UrlOf, callback_url: str | None = None) -> str:
        """Create the paid job and return the vendor's request id. `key` goes to vendors that honour one.

        `callback_url` is where the vendor may announce the end; only vendors that sign what they send are given it.
        """
        ...

    async def recover(self, request: RequestT, *, key: str, url_of: UrlOf) -> str | None:
        """Find the job of an earlier `submit` whose answer was lost.

        Returns its request id, or None when the vendor knows none; the request may be on its way still, so that it is
        sent again under the same key or looked for again. Raises `outcome_unknown` where the vendor cannot tell.
        """
        ...

    async def poll(self, request: RequestT, request_id: str) -> Waiting | Finished:
        """Ask once. Raises `ProviderError` with `Delivery.JOB_ENDED` when the job ended without a result."""
        ...

    async def cancel(self, request: RequestT, request_id: str) -> None:
        """Ask the vendor to stop; success when the job is already over. Vendors without cancel do nothing."""
        ...

    async def check(self) -> str:
        """A free call that proves address and key; returns one line for people. Raises `ProviderError`."""
        ...


ImageProvider = JobProvider[ImageRequest]
VideoProvider = JobProvider[VideoRequest]
LipsyncProvider = JobProvider[LipsyncRequest]


@dataclass(frozen=True)
class SpeechAudio:
    """Speech as bought: encoded `audio`, the vendor's ids, and what it charged in characters (credits)."""

    audio: bytes
    alignment: Alignment | None
    request_id: str
    character_cost: int | None


class SpeechProvider(Protocol):
    """A vendor that answers with the audio itself."""

    @property
    def provider(self) -> Provider:
        """Who is paid."""
        ...

    async def synthesize(self, request: SpeechRequest) -> SpeechAudio:
        """Buy the speech: one POST. Raises `ProviderError`."""
        ...

    async def recover(
        self, request: SpeechRequest, *, since: datetime, taken: frozenset[str] = frozenset()
    ) -> SpeechAudio | None:
        """Find the audio of an earlier `synthesize`, begun at `since`, whose answer was lost.

        `taken` are the request ids that other purchases hold: their audio is not ours. None means that the vendor has
        none and that the request can no longer be at work. Raises `provider_unavailable`, with the seconds until then
        as `retry_after_s`, while it still may be.
        """
        ...

    async def check(self) -> str:
        """A free call that proves address and key; returns one line for people. Raises `ProviderError`."""
        ...

    async def check_voice(self, voice_id: str, model: str) -> str:
        """Whether the voice can speak with this model, for free; returns one line for people.

        Raises `ProviderError`: `not_found`, or `invalid_request` for a clone that is not tuned for the model.
        """
        ...


@dataclass(frozen=True)
class Downloaded:
    """A file fetched to local disk: `size` in bytes, `sha256` in hex, `media_type` as sniffed from the content."""

    path: Path
    size: int
    sha256: str
    media_type: str


class WebFetcher(Protocol):
    """Fetches a URL that a user or vendor gave, refusing addresses that are none of the public internet's."""

    async def download(self, url: str, to: Path, *, max_bytes: int) -> Downloaded:
        """Stream to `to`. Raises `ProviderError`: `media_invalid` for an HTML page, error body or empty file."""
        ...


class LoraInspector(Protocol):
    """Checks a LoRA file without downloading it."""

    async def inspect(self, url: str) -> LoraReport:
        """One ranged GET. Raises `ProviderError`: `lora_not_found`, `lora_too_small`, `lora_invalid`, or a fault."""
        ...
