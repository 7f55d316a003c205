"""Pictures, clips and lipsync: submit is one short POST, collect polls, downloads and stores."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from temporalio import activity

from activities.failures import translated_failures
from activities.heartbeats import Pulse, heartbeating
from activities.loras import LoraLinks
from activities.purchases import Purchases, Wanted, accepted_entry, result_of, ticket_of
from activities.workshop import Workshop
from domain.failures import is_retryable
from domain.polling import FIRST_DELAY_S, next_poll_delay_s
from media.errors import MediaInvalid
from models.artifacts import ArtifactRef
from models.enums import FailureCode, JobState, Provider, Step
from models.messages import (
    CollectInput,
    JobTicket,
    PurchaseResult,
    RunRef,
    SubmitImageInput,
    SubmitLipsyncInput,
    SubmitVideoInput,
)
from models.requests import ImageRequest, LipsyncRequest, VideoRequest
from models.tables import ProviderJob, now
from providers.errors import Delivery, ProviderError
from providers.ports import Finished, ImageProvider, JobProvider, LipsyncProvider, VideoProvider, WebFetcher
from store.database import Database
from store.objects.port import ObjectStore

RequestT = TypeVar("RequestT", ImageRequest, VideoRequest, LipsyncRequest)

MAX_OUTPUT_BYTES = 2 * 1024**3  # five minutes of 1080p at a generous 50 Mbit/s
CANCEL_POLLS = 8  # two seconds: a vendor that stops a job says so at once
KIND = {Step.IMAGE: "image", Step.VIDEO: "video", Step.LIPSYNC: "video"}


@dataclass(frozen=True)
class JobProviders:
    """Who makes pictures, clips and lipsync; clips may have several makers, since old jobs stay with theirs."""

    image: ImageProvider
    videos: Mapping[Provider, VideoProvider]
    lipsync: LipsyncProvider


class JobActivities:
    """The activities of the steps `image`, `video` and `lipsync`."""

    def __init__(
        self,
        *,
        database: Database,
        purchases: Purchases,
        workshop: Workshop,
        objects: ObjectStore,
        web: WebFetcher,
        providers: JobProviders,
        links: LoraLinks,
        url_lifetime: timedelta,
    ) -> None:
        self._database = database
        self._purchases = purchases
        self._workshop = workshop
        self._objects = objects
        self._web = web
        self._providers = providers
        self._links = links
        self._url_lifetime = url_lifetime

    @activity.defn
    async def submit_image(self, order: SubmitImageInput) -> JobTicket:
        """Ask fal for the picture; the LoRA's link is looked up here and goes nowhere else."""
        request = order.request
        with translated_failures():
            if request.lora is not None:
                link = await self._links.of_scene(order.run.scene_id)
                request = _with_link(request, link.url)
            wanted = Wanted(order.run, Step.IMAGE, self._providers.image.provider, order.request)
            return await self._submit(wanted, self._providers.image, request)

    @activity.defn
    async def submit_video(self, order: SubmitVideoInput) -> JobTicket:
        """Ask Kling for one clip."""
        with translated_failures():
            wanted = Wanted(order.run, Step.VIDEO, order.provider, order.request, order.clip)
            return await self._submit(wanted, self._video(order.provider), order.request)

    @activity.defn
    async def submit_lipsync(self, order: SubmitLipsyncInput) -> JobTicket:
        """Ask sync.so to make the mouth follow the speech."""
        with translated_failures():
            wanted = Wanted(order.run, Step.LIPSYNC, self._providers.lipsync.provider, order.request)
            return await self._submit(wanted, self._providers.lipsync, order.request)

    @activity.defn
    async def collect_image(self, order: CollectInput) -> PurchaseResult:
        """Wait for the picture and keep it."""
        return await self._collect(order, self._providers.image, ImageRequest)

    @activity.defn
    async def collect_video(self, order: CollectInput) -> PurchaseResult:
        """Wait for the clip and keep it."""
        with translated_failures():
            async with self._database.transaction() as tx:
                job = await tx.jobs.get(order.job_id)
            vendor = self._video(Provider(job.provider))
        return await self._collect(order, vendor, VideoRequest)

    @activity.defn
    async def collect_lipsync(self, order: CollectInput) -> PurchaseResult:
        """Wait for the lipsynced video and keep it."""
        return await self._collect(order, self._providers.lipsync, LipsyncRequest)

    async def cancel(self, job: ProviderJob) -> bool:
        """Ask the vendor to stop an accepted job; True when it is over without a result. Raises ProviderError.

        A job that finished meanwhile, or goes on at a vendor that takes no cancel, is paid for: the next run collects
        it.
        """
        match Step(job.step):
            case Step.IMAGE:
                return await _stop(self._providers.image, ImageRequest.model_validate(job.request), job)
            case Step.VIDEO:
                vendor = self._video(Provider(job.provider))
                return await _stop(vendor, VideoRequest.model_validate(job.request), job)
            case _:
                return await _stop(self._providers.lipsync, LipsyncRequest.model_validate(job.request), job)

    async def draw(self, run: RunRef, request: ImageRequest, lora_url: str) -> PurchaseResult:
        """Buy and keep one picture outside of a workflow; the next call carries on one that was cut short.

        Two calls for one `scene_id` must not overlap. Raises ProviderError.
        """
        vendor = self._providers.image
        job = await self._accepted(
            Wanted(run, Step.IMAGE, vendor.provider, request), vendor, _with_link(request, lora_url)
        )
        await self._finished(job, vendor, ImageRequest, Pulse())
        return result_of(job, run)

    async def _submit(self, wanted: Wanted, vendor: JobProvider[RequestT], request: RequestT) -> JobTicket:
        async with heartbeating() as pulse:
            pulse.waiting_for = f"{wanted.provider} to accept {wanted.request.model}"
            job = await self._accepted(wanted, vendor, request)
        return ticket_of(job, wanted.run)

    async def _accepted(self, wanted: Wanted, vendor: JobProvider[RequestT], request: RequestT) -> ProviderJob:
        job = await self._purchases.begin(wanted)
        if job.state in (JobState.INTENT, JobState.SENT, JobState.UNKNOWN):
            key = job.idempotency_key
            request_id = await self._purchases.attempt(
                job,
                send=lambda: vendor.submit(request, key=key, url_of=self._url_of),
                find=lambda: vendor.recover(request, key=key, url_of=self._url_of),
            )
            await self._purchases.move(
                job, JobState.ACCEPTED, entry=accepted_entry(job), request_id=request_id, error_code=None
            )
        return job

    async def _collect(
        self, order: CollectInput, vendor: JobProvider[RequestT], kind: type[RequestT]
    ) -> PurchaseResult:
        with translated_failures():
            async with heartbeating() as pulse:
                async with self._database.transaction() as tx:
                    job = await tx.jobs.get(order.job_id)
                await self._finished(job, vendor, kind, pulse)
        return result_of(job, order.run)

    async def _finished(
        self, job: ProviderJob, vendor: JobProvider[RequestT], kind: type[RequestT], pulse: Pulse
    ) -> None:
        if job.state in (JobState.ACCEPTED, JobState.SUCCEEDED):
            finished = await self._wait(job, vendor, kind.model_validate(job.request), pulse)
            pulse.waiting_for = f"download from {job.provider}"
            await self._keep(job, finished)
        _raise_if_over(job)

    async def _wait(self, job: ProviderJob, vendor: JobProvider[RequestT], request: RequestT, pulse: Pulse) -> Finished:
        began = job.accepted_at or job.intent_at
        while True:
            try:
                status = await vendor.poll(request, job.request_id or "")
            except ProviderError as error:
                if error.delivery is Delivery.JOB_ENDED:
                    await self._purchases.fail(job, error)
                raise
            if isinstance(status, Finished):
                return status
            pulse.waiting_for = f"{job.provider} {job.model}: {status.reason}"
            await asyncio.sleep(next_poll_delay_s((now() - began).total_seconds(), status.retry_after_s))

    async def _keep(self, job: ProviderJob, finished: Finished) -> None:
        if job.state == JobState.ACCEPTED:
            cost = finished.actual_cost_micros
            await self._purchases.move(job, JobState.SUCCEEDED, seed=finished.seed, actual_cost_micros=cost)
        try:
            async with self._workshop.bench() as folder:
                artifact = await self._download(finished.url, folder / "output", KIND[Step(job.step)])
        except ProviderError as error:
            if not is_retryable(error.code):  # paid for, and what came is useless: asking again brings the same
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

    def _video(self, provider: Provider) -> VideoProvider:
        vendor = self._providers.videos.get(provider)
        if vendor is None:
            raise ProviderError(FailureCode.UNAUTHORIZED, f"no key is configured for {provider}")
        return vendor

    def _url_of(self, artifact: ArtifactRef) -> str:
        public = self._objects.public_url(artifact.key)
        return public or self._objects.sign(artifact.key, expires=self._url_lifetime)


def _with_link(request: ImageRequest, url: str) -> ImageRequest:
    return request.model_copy(update={"lora": request.lora and request.lora.model_copy(update={"url": url})})


def _raise_if_over(job: ProviderJob) -> None:
    """A purchase that ended without a result says again why."""
    if job.state != JobState.STORED:
        code = FailureCode(job.error_code or FailureCode.CANCELED)
        raise ProviderError(code, job.error_detail or f"the job is {job.state}", delivery=Delivery.JOB_ENDED)


async def _stop(vendor: JobProvider[RequestT], request: RequestT, job: ProviderJob) -> bool:
    request_id = job.request_id or ""
    await vendor.cancel(request, request_id)
    for _ in range(CANCEL_POLLS):
        try:
            status = await vendor.poll(request, request_id)
        except ProviderError as error:
            if error.delivery is Delivery.JOB_ENDED:
                return True
            raise
        if isinstance(status, Finished):
            return False
        await asyncio.sleep(FIRST_DELAY_S)
    return False
