"""What the vendors make: waited for, downloaded, checked and kept; or stopped."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

from activities.heartbeats import Pulse, pause
from activities.purchases import Purchases
from activities.workshop import Workshop
from domain.failures import is_retryable
from domain.polling import FIRST_DELAY_S, LONGEST_DELAY_S, PATIENCE, next_poll_delay_s
from media.errors import MediaInvalid
from models.artifacts import ArtifactRef
from models.enums import FailureCode, JobState, Provider, Step
from models.messages import PurchaseWait
from models.requests import ImageRequest, LipsyncRequest, VideoRequest
from models.tables import ProviderJob, now
from providers.errors import Delivery, ProviderError
from providers.ports import Finished, ImageProvider, JobProvider, LipsyncProvider, VideoProvider, Waiting, WebFetcher

RequestT = TypeVar("RequestT", ImageRequest, VideoRequest, LipsyncRequest)

MAX_OUTPUT_BYTES = 2 * 1024**3  # five minutes of 1080p at a generous 50 Mbit/s
FETCH_AGAIN_FOR = timedelta(seconds=15)  # what is paid for and useless so long after its job's end stays useless
CANCEL_POLLS = 8  # two seconds: a vendor that stops a job says so at once
KIND = {Step.IMAGE: "image", Step.VIDEO: "video", Step.LIPSYNC: "video"}


@dataclass(frozen=True)
class JobProviders:
    """Who makes pictures, clips and lipsync; clips may have several makers, since old jobs stay with theirs."""

    image: ImageProvider
    videos: Mapping[Provider, VideoProvider]
    lipsync: LipsyncProvider

    def video(self, provider: Provider) -> VideoProvider:
        """Who makes clips there. Raises ProviderError (`unauthorized`) without a key."""
        vendor = self.videos.get(provider)
        if vendor is None:
            raise ProviderError(FailureCode.UNAUTHORIZED, f"no key is configured for {provider}")
        return vendor

    def desk_of(self, job: ProviderJob) -> "Desk[Any]":
        """Where a purchase was made, and what was ordered. Raises ProviderError (`unauthorized`) without a key."""
        match Step(job.step):
            case Step.IMAGE:
                return Desk(self.image, ImageRequest.model_validate(job.request))
            case Step.VIDEO:
                return Desk(self.video(Provider(job.provider)), VideoRequest.model_validate(job.request))
            case Step.LIPSYNC:
                return Desk(self.lipsync, LipsyncRequest.model_validate(job.request))
            case step:
                raise ValueError(f"{step} is not bought as a job")


@dataclass(frozen=True)
class Desk(Generic[RequestT]):
    """A vendor, and what was ordered there."""

    vendor: JobProvider[RequestT]
    request: RequestT


class Collector:
    """Goes on with accepted purchases; it never buys."""

    def __init__(
        self,
        *,
        purchases: Purchases,
        workshop: Workshop,
        web: WebFetcher,
        providers: JobProviders,
        longest_patience: timedelta | None = None,
    ) -> None:
        self._purchases = purchases
        self._workshop = workshop
        self._web = web
        self._providers = providers
        self._longest_patience = longest_patience

    async def collect(self, job: ProviderJob, pulse: Pulse) -> PurchaseWait | None:
        """Wait for the end and keep the result; when patience is over, park the job and say so.

        Raises ProviderError when the job ended, or had ended, without a result.
        """
        if job.state in (JobState.ACCEPTED, JobState.SUCCEEDED):
            desk = self._providers.desk_of(job)
            finished = await self._wait(job, desk, pulse)
            if isinstance(finished, PurchaseWait):
                return finished
            pulse.waiting_for = f"download from {job.provider}"
            await self._keep(job, finished)
        _raise_if_over(job)
        return None

    async def look(self, job: ProviderJob) -> str:
        """Ask once and keep the result if there is one; says in words how it stands. Raises ProviderError."""
        status = await self._poll(job, self._providers.desk_of(job))
        if isinstance(status, Waiting):
            return status.reason
        await self._keep(job, status)
        return "collected"

    async def cancel(self, job: ProviderJob) -> None:
        """Ask the vendor to stop an accepted job, and book what it charged. Raises ProviderError.

        A job that finished meanwhile, or goes on at a vendor that takes no cancel, is paid for: it stays open, and the
        reconciler collects it for later use.
        """
        desk = self._providers.desk_of(job)
        request_id = job.request_id or ""
        await desk.vendor.cancel(desk.request, request_id)
        for _ in range(CANCEL_POLLS):
            try:
                status = await desk.vendor.poll(desk.request, request_id)
            except ProviderError as error:
                if error.delivery is not Delivery.JOB_ENDED:
                    raise
                await self._purchases.cancel(job, error)
                return
            if isinstance(status, Finished):
                return
            await asyncio.sleep(FIRST_DELAY_S)

    async def _wait(self, job: ProviderJob, desk: Desk[Any], pulse: Pulse) -> Finished | PurchaseWait:
        began = job.accepted_at or job.intent_at
        failures = 0
        while True:
            try:
                status = await self._poll(job, desk)
            except ProviderError as error:  # an outage costs patience, and not the scene
                if error.delivery is Delivery.JOB_ENDED or not is_retryable(error.code):
                    raise
                failures += 1
                own_pause = min(2.0**failures, LONGEST_DELAY_S)
                status = Waiting(f"it cannot be asked: {error.detail}", error.retry_after_s or own_pause)
            else:
                failures = 0
            if isinstance(status, Finished):
                return status
            elapsed = now() - began
            if elapsed >= self._patience(job):
                reason = f"{job.provider} has not finished {job.model} ({status.reason}): looked at every few minutes"
                return await self._purchases.park(job, reason)
            pulse.waiting_for = f"{job.provider} {job.model}: {status.reason}"
            await pause(next_poll_delay_s(elapsed.total_seconds(), status.retry_after_s))

    async def _poll(self, job: ProviderJob, desk: Desk[Any]) -> Waiting | Finished:
        try:
            return await desk.vendor.poll(desk.request, job.request_id or "")
        except ProviderError as error:
            if error.delivery is Delivery.JOB_ENDED:
                # Canceled by somebody else: whoever asks for it now still wants it.
                error.resubmit = error.resubmit or error.code is FailureCode.CANCELED
                await self._purchases.fail(job, error)
            raise

    async def _keep(self, job: ProviderJob, finished: Finished) -> None:
        if job.state == JobState.ACCEPTED:
            cost = finished.actual_cost_micros
            await self._purchases.move(job, JobState.SUCCEEDED, seed=finished.seed, actual_cost_micros=cost)
        try:
            async with self._workshop.bench() as folder:
                artifact = await self._download(finished.url, folder / "output", KIND[Step(job.step)])
        except ProviderError as error:
            if is_retryable(error.code):
                raise
            if now() - (job.succeeded_at or now()) < FETCH_AGAIN_FOR:
                raise ProviderError(FailureCode.PROVIDER_UNAVAILABLE, f"{error.detail}; fetched again") from error
            await self._purchases.fail(job, error)
            raise
        await self._purchases.settle(job, artifact)

    async def _download(self, url: str, to: Path, kind: str) -> ArtifactRef:
        file = await self._web.download(url, to, max_bytes=MAX_OUTPUT_BYTES)
        if not file.media_type.startswith(kind):
            raise ProviderError(FailureCode.MEDIA_INVALID, f"the output is {file.media_type}, not {kind}")
        try:
            return await self._workshop.keep(file.path, file.media_type)
        except MediaInvalid as error:
            raise ProviderError(FailureCode.MEDIA_INVALID, str(error)) from error

    def _patience(self, job: ProviderJob) -> timedelta:
        own = PATIENCE[Step(job.step)]
        return own if self._longest_patience is None else min(own, self._longest_patience)


def _raise_if_over(job: ProviderJob) -> None:
    """A purchase that ended without a result says again why."""
    if job.state != JobState.STORED:
        code = FailureCode(job.error_code or FailureCode.CANCELED)
        again = job.resubmit or job.state == JobState.CANCELED
        detail = job.error_detail or f"the job is {job.state}"
        raise ProviderError(code, detail, delivery=Delivery.JOB_ENDED, resubmit=again)
