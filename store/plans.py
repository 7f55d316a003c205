"""What plans read of purchases: those under way, and how long past ones took. Writes nothing."""

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.jobs import OPEN_STATES
from models.enums import JobState, Provider, Step
from models.tables import ProviderJob

RECENT = 50  # past jobs: enough for a steady median, few enough to follow a vendor that becomes faster or slower


class PlanRepository:
    """All SQL of plans; lives inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def under_way(self, fingerprint: str) -> list[ProviderJob]:
        """The unfinished purchases of a thing, of whatever scene."""
        query = select(ProviderJob).where(
            col(ProviderJob.fingerprint) == fingerprint,
            col(ProviderJob.state).in_(OPEN_STATES),
            col(ProviderJob.written_off_at).is_(None),
        )
        return list((await self._session.exec(query.order_by(col(ProviderJob.take).desc()))).all())

    async def durations(self, step: Step, provider: Provider, model: str) -> list[float]:
        """Seconds from the request to the stored result, of the newest purchases of a model."""
        jobs = await self._recent(step, provider, model)
        return [(job.stored_at - job.sent_at).total_seconds() for job in jobs if job.stored_at and job.sent_at]

    async def speech_rates(self, provider: Provider, model: str, voice_id: str) -> list[float]:
        """Characters per second at normal speed, of the newest speeches in a voice."""
        rates: list[float] = []
        for job in await self._recent(Step.SPEECH, provider, model):
            voice, seconds = job.request.get("voice", {}), (job.artifact or {}).get("duration_s")
            if seconds and voice.get("voice_id") == voice_id:
                rates.append(len(job.request.get("text", "")) / (seconds * voice.get("speed", 1.0)))
        return rates

    async def _recent(self, step: Step, provider: Provider, model: str) -> list[ProviderJob]:
        query = select(ProviderJob).where(
            col(ProviderJob.step) == step,
            col(ProviderJob.provider) == provider,
            col(ProviderJob.model) == model,
            col(ProviderJob.state) == JobState.STORED,
        )
        return list((await self._session.exec(query.order_by(col(ProviderJob.stored_at).desc()).limit(RECENT))).all())
