"""Pictures, clips and lipsync: submit is one short POST, collect polls, downloads and stores."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy.exc import DBAPIError
from temporalio import activity

from activities.claims import BeingBoughtError
from activities.collecting import Collector, JobProviders, RequestT
from activities.failures import translated_failures
from activities.heartbeats import Pulse, heartbeating
from activities.journal import LOG_STEP
from activities.loras import LoraLinks
from activities.purchases import UNANSWERED, Purchases
from activities.wanted import Wanted, collected, result_of, ticket_of
from models.artifacts import ArtifactRef
from models.enums import FailureCode, JobState, Provider, Step
from models.messages import (
    Collected,
    CollectInput,
    JobTicket,
    PurchaseResult,
    RunRef,
    SubmitImageInput,
    SubmitLipsyncInput,
    SubmitVideoInput,
)
from models.requests import ImageRequest
from models.tables import ProviderJob
from providers.errors import ProviderError
from providers.ports import JobProvider
from store.database import Database
from store.objects.port import ObjectStore

KEEP_ID_PAUSES_S = (0.5, 1, 2, 4, 8, 15)  # half a minute: a database that fails over is back by then

CallbackOf = Callable[[Provider, str], str | None]
"""Where a vendor may announce the end of the purchase with this id; None where it is to say nothing."""


class JobActivities:
    """The activities of the steps `image`, `video` and `lipsync`."""

    def __init__(
        self,
        *,
        database: Database,
        purchases: Purchases,
        collector: Collector,
        objects: ObjectStore,
        providers: JobProviders,
        links: LoraLinks,
        url_lifetime: timedelta,
        callback_of: CallbackOf = lambda provider, job_id: None,
    ) -> None:
        self._database = database
        self._purchases = purchases
        self._collector = collector
        self._objects = objects
        self._providers = providers
        self._links = links
        self._url_lifetime = url_lifetime
        self._callback_of = callback_of

    @activity.defn
    async def submit_image(self, order: SubmitImageInput) -> JobTicket:
        """Ask fal for the picture; the LoRA's link is looked up here and goes nowhere else."""
        request = order.request
        with translated_failures():
            if request.lora is not None:
                link = await self._links.of_scene(order.run.scene_id, order.identity_id)
                request = _with_link(request, link.url)
            wanted = Wanted(order.run, Step.IMAGE, self._providers.image.provider, order.request, fresh=order.fresh)
            return await self._submit(wanted, self._providers.image, request)

    @activity.defn
    async def submit_video(self, order: SubmitVideoInput) -> JobTicket:
        """Ask Kling for one clip."""
        with translated_failures():
            wanted = Wanted(order.run, Step.VIDEO, order.provider, order.request, order.clip, fresh=order.fresh)
            return await self._submit(wanted, self._providers.video(order.provider), order.request)

    @activity.defn
    async def submit_lipsync(self, order: SubmitLipsyncInput) -> JobTicket:
        """Ask sync.so to make the mouth follow the speech."""
        with translated_failures():
            wanted = Wanted(order.run, Step.LIPSYNC, self._providers.lipsync.provider, order.request, fresh=order.fresh)
            return await self._submit(wanted, self._providers.lipsync, order.request)

    @activity.defn
    async def collect_image(self, order: CollectInput) -> Collected:
        """Wait for the picture and keep it."""
        return await self._collect(order)

    @activity.defn
    async def collect_video(self, order: CollectInput) -> Collected:
        """Wait for the clip and keep it."""
        return await self._collect(order)

    @activity.defn
    async def collect_lipsync(self, order: CollectInput) -> Collected:
        """Wait for the lipsynced video and keep it."""
        return await self._collect(order)

    async def draw(
        self, run: RunRef, request: ImageRequest, lora_url: str, identity_id: str | None = None
    ) -> PurchaseResult:
        """Buy and keep one picture outside of a workflow; the next call carries on one that was cut short.

        Two calls for one `scene_id` must not overlap. Raises ProviderError.
        """
        vendor = self._providers.image
        job = await self._purchases.begin(Wanted(run, Step.IMAGE, vendor.provider, request, identity_id=identity_id))
        await self._ask(job, vendor, _with_link(request, lora_url))
        waits = await self._collector.collect(job, Pulse())
        if waits is not None:
            raise ProviderError(FailureCode.TIMED_OUT, waits.reason)
        return result_of(job, run)

    async def recover(self, job: ProviderJob) -> bool:
        """Ask the vendor for a job whose answer was lost: True when it has it, False when it never got it.

        Raises ProviderError when it cannot tell (yet).
        """
        desk = self._providers.desk_of(job)
        key = job.idempotency_key
        request_id = await self._purchases.find(
            job, lambda: desk.vendor.recover(desk.request, key=key, url_of=self._url_of)
        )
        if request_id is None:
            return False
        await self._keep_id(job, request_id)
        return True

    async def _submit(self, wanted: Wanted, vendor: JobProvider[RequestT], request: RequestT) -> JobTicket:
        async with heartbeating() as pulse:
            pulse.waiting_for = f"{wanted.provider} to accept {wanted.request.model}"
            try:
                job = await self._purchases.begin(wanted)
            except BeingBoughtError as rival:
                return ticket_of(rival.job, wanted.run, rival.waits)
            try:
                await self._ask(job, vendor, request)
            except ProviderError as error:
                if job.state != JobState.UNKNOWN:
                    raise
                return ticket_of(job, wanted.run, self._purchases.wait_for_answer(job, error))
        return ticket_of(job, wanted.run)

    async def _ask(self, job: ProviderJob, vendor: JobProvider[RequestT], request: RequestT) -> None:
        """Have the vendor accept the job, unless it did."""
        if job.state not in UNANSWERED:
            return
        key = job.idempotency_key
        callback = self._callback_of(vendor.provider, job.id)
        request_id = await self._purchases.attempt(
            job,
            send=lambda: vendor.submit(request, key=key, url_of=self._url_of, callback_url=callback),
            find=lambda: vendor.recover(request, key=key, url_of=self._url_of),
        )
        await self._keep_id(job, request_id)

    async def _keep_id(self, job: ProviderJob, request_id: str) -> None:
        """Write down under which id the vendor has it, also where the database is away for a moment.

        The id is known nowhere else, and fal tells it once only.
        """
        for pause_s in (*KEEP_ID_PAUSES_S, None):
            try:
                await self._purchases.accept(job, request_id)
            except (DBAPIError, OSError):
                if pause_s is None:
                    raise
                activity.logger.warning(
                    "[%s] %s accepted %s as %s, and the database does not answer: it is written in a moment",
                    LOG_STEP[Step(job.step)],
                    job.provider,
                    job.idempotency_key,
                    request_id,
                )
                await asyncio.sleep(pause_s)
            else:
                return

    async def _collect(self, order: CollectInput) -> Collected:
        with translated_failures():
            async with heartbeating() as pulse:
                async with self._database.transaction() as tx:
                    job = await tx.jobs.get(order.job_id)
                waits = await self._collector.collect(job, pulse)
        return collected(job, order.run) if waits is None else Collected(waits=waits)

    def _url_of(self, artifact: ArtifactRef) -> str:
        public = self._objects.public_url(artifact.key)
        return public or self._objects.sign(artifact.key, expires=self._url_lifetime)


def _with_link(request: ImageRequest, url: str) -> ImageRequest:
    return request.model_copy(update={"lora": request.lora and request.lora.model_copy(update={"url": url})})
