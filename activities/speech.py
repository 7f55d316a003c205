"""Speech: bought in one call, measured, kept with its alignment."""

from datetime import timedelta

from temporalio import activity

from activities.claims import BeingBoughtError
from activities.failures import translated_failures
from activities.heartbeats import heartbeating
from activities.purchases import Purchases
from activities.wanted import Wanted, collected
from activities.workshop import Workshop
from domain.prices import speech_cost
from media.errors import MediaInvalid
from models.enums import FailureCode, JobState, Step
from models.messages import Collected, SynthesizeSpeechInput
from models.requests import SpeechRequest
from models.tables import ProviderJob
from providers.errors import Delivery, ProviderError
from providers.ports import SpeechAudio, SpeechProvider
from store.database import Database

MP3 = "audio/mpeg"
CLOCKS_APART = timedelta(minutes=10)  # more than the adapter allows a vendor's clock to be off


class SpeechActivities:
    """The activity of the step `speech`."""

    def __init__(
        self, *, database: Database, purchases: Purchases, workshop: Workshop, provider: SpeechProvider
    ) -> None:
        self._database = database
        self._purchases = purchases
        self._workshop = workshop
        self._provider = provider

    @activity.defn
    async def synthesize_speech(self, order: SynthesizeSpeechInput) -> Collected:
        """Buy the speech once. The length in the result is measured from the audio."""
        request = order.request
        with translated_failures():
            async with heartbeating() as pulse:
                pulse.waiting_for = f"ElevenLabs: {request.model}"
                wanted = Wanted(order.run, Step.SPEECH, self._provider.provider, request, fresh=order.fresh)
                try:
                    job = await self._purchases.begin(wanted)
                except BeingBoughtError as rival:
                    return Collected(waits=rival.waits)
                try:
                    await self.buy(job, request)
                except ProviderError as error:
                    if job.state != JobState.UNKNOWN:
                        raise
                    return Collected(waits=self._purchases.wait_for_answer(job, error))
        return collected(job, order.run)

    async def recover(self, job: ProviderJob) -> bool:
        """Look for speech whose answer was lost: True when it was found and kept, False when there is none.

        Raises ProviderError when ElevenLabs cannot tell (yet).
        """
        request = SpeechRequest.model_validate(job.request)
        found = await self._purchases.find(job, lambda: self._found(job, request))
        if found is None:
            return False
        await self._keep(job, found)
        return True

    async def buy(self, job: ProviderJob, request: SpeechRequest) -> None:
        """Have it spoken and kept, unless it is. Raises ProviderError."""
        if job.state == JobState.STORED:
            return
        bought = await self._purchases.attempt(
            job, send=lambda: self._provider.synthesize(request), find=lambda: self._found(job, request)
        )
        await self._keep(job, bought)

    async def _found(self, job: ProviderJob, request: SpeechRequest) -> SpeechAudio | None:
        since = job.sent_at or job.intent_at
        async with self._database.transaction() as tx:
            taken = await tx.jobs.request_ids(self._provider.provider, since - CLOCKS_APART)
        return await self._provider.recover(request, since=since, taken=taken)

    async def _keep(self, job: ProviderJob, bought: SpeechAudio) -> None:
        """Keep the audio, and book it. Raises ProviderError (`media_invalid`) for what is none, and is paid."""
        cost = None if bought.character_cost is None else speech_cost(bought.character_cost)
        try:
            async with self._workshop.bench() as folder:
                path = folder / "speech.mp3"
                path.write_bytes(bought.audio)
                artifact = await self._workshop.keep(path, MP3)
        except MediaInvalid as error:
            useless = ProviderError(
                FailureCode.MEDIA_INVALID,
                f"what {job.provider} sent is no speech: {error}",
                delivery=Delivery.JOB_ENDED,
                charged=True,
                actual_cost_micros=cost,
            )
            await self._purchases.fail(job, useless, request_id=bought.request_id)
            raise useless from error
        alignment = None if bought.alignment is None else bought.alignment.model_dump(mode="json")
        await self._purchases.settle(
            job, artifact, request_id=bought.request_id, actual_cost_micros=cost, alignment=alignment
        )
