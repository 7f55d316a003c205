"""Speech: bought in one call, measured, kept with its alignment."""

from temporalio import activity

from activities.failures import translated_failures
from activities.heartbeats import heartbeating
from activities.purchases import Purchases, Wanted, result_of
from activities.workshop import Workshop
from domain.prices import speech_cost
from models.enums import JobState, Step
from models.messages import PurchaseResult, SynthesizeSpeechInput
from models.tables import ProviderJob
from providers.ports import SpeechAudio, SpeechProvider

MP3 = "audio/mpeg"


class SpeechActivities:
    """The activity of the step `speech`."""

    def __init__(self, purchases: Purchases, workshop: Workshop, provider: SpeechProvider) -> None:
        self._purchases = purchases
        self._workshop = workshop
        self._provider = provider

    @activity.defn
    async def synthesize_speech(self, order: SynthesizeSpeechInput) -> PurchaseResult:
        """Buy the speech once. The length in the result is measured from the audio."""
        request = order.request
        with translated_failures():
            async with heartbeating() as pulse:
                pulse.waiting_for = f"ElevenLabs: {request.model}"
                job = await self._purchases.begin(Wanted(order.run, Step.SPEECH, self._provider.provider, request))
                if job.state != JobState.STORED:
                    bought = await self._purchases.attempt(
                        job,
                        send=lambda: self._provider.synthesize(request),
                        find=lambda: self._provider.recover(request, since=job.sent_at or job.intent_at),
                    )
                    await self._keep(job, bought)
        return result_of(job, order.run)

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
