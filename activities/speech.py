"""Speech: bought in one call, measured, kept with its alignment."""

from temporalio import activity

from activities.claims import BeingBoughtError
from activities.failures import translated_failures
from activities.heartbeats import heartbeating
from activities.purchases import Purchases
from activities.wanted import Wanted, collected
from activities.workshop import Workshop
from domain.prices import speech_cost
from models.enums import JobState, Step
from models.messages import Collected, SynthesizeSpeechInput
from models.requests import SpeechRequest
from models.tables import ProviderJob
from providers.errors import ProviderError
from providers.ports import SpeechAudio, SpeechProvider
from store.database import Database

MP3 = "audio/mpeg"


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
                    await self._speak(job, request)
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

    async def _speak(self, job: ProviderJob, request: SpeechRequest) -> None:
        if job.state == JobState.STORED:
            return
        bought = await self._purchases.attempt(
            job, send=lambda: self._provider.synthesize(request), find=lambda: self._found(job, request)
        )
        await self._keep(job, bought)

    async def _found(self, job: ProviderJob, request: SpeechRequest) -> SpeechAudio | None:
        async with self._database.transaction() as tx:
            taken = await tx.jobs.request_ids(self._provider.provider, job.fingerprint)
        return await self._provider.recover(request, since=job.sent_at or job.intent_at, taken=taken)

    async def _keep(self, job: ProviderJob, bought: SpeechAudio) -> None:
        async with self._workshop.bench() as folder:
            path = folder / "speech.mp3"
            path.write_bytes(bought.audio)
            artifact = await self._workshop.keep(path, MP3)
        cost = None if bought.character_cost is None else speech_cost(bought.character_cost)
        alignment = None if bought.alignment is None else bought.alignment.model_dump(mode="json")
        await self._purchases.settle(
            job, artifact, request_id=bought.request_id, actual_cost_micros=cost, alignment=alignment
        )
