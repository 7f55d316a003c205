"""Which objects the database still refers to."""

from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from domain.jobs import OPEN_STATES
from domain.keys import object_keys
from models.enums import JobState, SceneStatus
from models.tables import Asset, IdentityProfile, ProviderJob, Reuse, Scene
from models.take_tables import Approval, Take


class ReferenceRepository:
    """All SQL on what refers to objects; lives inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lasting(self) -> set[str]:
        """The keys that scenes, takes, assets and identities hold."""
        columns = (Scene.artifacts, Scene.headshot, Take.artifacts, Asset.artifact, IdentityProfile.lora_key)
        return object_keys([await self._values(select(col(column))) for column in columns])

    async def in_use(self) -> set[str]:
        """The keys that unfinished purchases ask with, and those that runs under way have bought, reuse or show."""
        generating = col(Scene.status) == SceneStatus.GENERATING
        running = select(Scene.run_id).where(generating)
        under_way = col(ProviderJob.state).in_(OPEN_STATES) | col(ProviderJob.run_id).in_(running)
        reused = select(col(ProviderJob.artifact)).join(Reuse, col(Reuse.job_id) == col(ProviderJob.id))
        shown = select(col(Approval.picture)).where(col(Approval.run_id).in_(running))
        return object_keys(
            [
                await self._values(select(col(ProviderJob.request)).where(under_way)),
                await self._values(select(col(ProviderJob.artifact)).where(under_way)),
                await self._values(reused.where(col(Reuse.run_id).in_(running))),
                await self._values(shown),
            ]
        )

    async def is_reused(self, key: str) -> bool:
        """Whether a run under way has booked that it uses this stored result."""
        running = select(Scene.run_id).where(col(Scene.status) == SceneStatus.GENERATING)
        query = select(Reuse.id).join(ProviderJob, col(Reuse.job_id) == col(ProviderJob.id))
        query = query.where(col(Reuse.run_id).in_(running), col(ProviderJob.artifact)["key"].as_string() == key)
        return (await self._session.exec(query)).first() is not None

    async def bought(self) -> dict[str, ProviderJob]:
        """The settled purchases by the key of their result, of several the newest."""
        query = select(ProviderJob).where(col(ProviderJob.state) == JobState.STORED)
        jobs = (await self._session.exec(query.order_by(col(ProviderJob.stored_at)))).all()
        return {key: job for job in jobs for key in object_keys(job.artifact)}

    async def _values(self, query: SelectOfScalar[Any]) -> list[Any]:
        return list((await self._session.exec(query)).all())
