"""Takes and approvals in the database."""

from collections.abc import Collection

from sqlalchemy import func, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.enums import ApprovalDecision, SceneStatus
from models.tables import Scene, now
from models.take_tables import Approval, Take

END_OF_RUN = "the end of its run"


class TakeRepository:
    """All SQL on takes; lives inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, take: Take) -> Take:
        """Insert under the scene's next number, which it is given; once a run. The scene's row has to be locked.

        A run that an operator reset, and that made another film this time, has a second one.
        """
        found = await self.of_run(take.run_id)
        if found is not None and found.artifacts == take.artifacts:
            return found
        query = select(func.max(col(Take.number))).where(col(Take.scene_id) == take.scene_id)
        take.number = ((await self._session.exec(query)).one() or 0) + 1
        if found is not None:
            take.run_id = f"{take.run_id}:{take.number}"
        self._session.add(take)
        await self._session.flush()
        return take

    async def of_run(self, run_id: str) -> Take | None:
        """What a run has made."""
        return (await self._session.exec(select(Take).where(col(Take.run_id) == run_id))).first()

    async def of_scene(self, scene_id: str) -> list[Take]:
        """All takes of a scene, oldest first."""
        query = select(Take).where(col(Take.scene_id) == scene_id).order_by(col(Take.number))
        return list((await self._session.exec(query)).all())

    async def find(self, scene_id: str, number: int) -> Take | None:
        """One take of a scene."""
        query = select(Take).where(col(Take.scene_id) == scene_id, col(Take.number) == number)
        return (await self._session.exec(query)).first()


class ApprovalRepository:
    """All SQL on approvals; lives inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def ask(self, approval: Approval) -> Approval:
        """Insert the question of a round of a run, once.

        A run that an operator reset may ask again: what it had asked is withdrawn, and what was answered stays on
        record.
        """
        found = await self.find(approval.run_id, approval.round)
        if found is not None and found.decision is None and found.token == approval.token:
            return found
        await self.withdraw(approval.run_id)
        if found is not None:
            found.run_id = f"{found.run_id}:{found.id}"
            await self._session.flush()
        self._session.add(approval)
        await self._session.flush()
        return approval

    async def find(self, run_id: str, number: int) -> Approval | None:
        """The question of a round of a run."""
        query = select(Approval).where(col(Approval.run_id) == run_id, col(Approval.round) == number)
        return (await self._session.exec(query)).first()

    async def waiting(self, scene_ids: Collection[str] | None = None) -> dict[str, Approval]:
        """The open questions of runs under way, by scene: of these scenes, or of all."""
        query = (
            select(Approval)
            .join(Scene, col(Scene.id) == col(Approval.scene_id))
            .where(col(Scene.status) == SceneStatus.GENERATING, col(Scene.run_id) == col(Approval.run_id))
            .where(col(Approval.decision).is_(None))
        )
        if scene_ids is not None:
            query = query.where(col(Approval.scene_id).in_(scene_ids))
        return {row.scene_id: row for row in (await self._session.exec(query)).all()}

    async def newest(self, scene_id: str) -> Approval | None:
        """The scene's latest question, answered or not."""
        query = select(Approval).where(col(Approval.scene_id) == scene_id).order_by(col(Approval.asked_at).desc())
        return (await self._session.exec(query.limit(1))).first()

    async def of_scene(self, scene_id: str) -> list[Approval]:
        """All questions about a scene, oldest first."""
        query = select(Approval).where(col(Approval.scene_id) == scene_id).order_by(col(Approval.asked_at))
        return list((await self._session.exec(query)).all())

    async def withdraw(self, run_id: str) -> None:
        """The run is over: what it asked is asked no more."""
        query = update(Approval).where(col(Approval.run_id) == run_id, col(Approval.decision).is_(None))
        decided = {"decision": ApprovalDecision.WITHDRAWN, "decided_by": END_OF_RUN, "decided_at": now()}
        await self._session.exec(query.values(decided))

    async def decide(
        self, approval: Approval, decision: ApprovalDecision, *, by: str, reason: str | None, seed: int | None
    ) -> None:
        """Write who decided what and when; the first decision stays."""
        if approval.decision is None:
            approval.decision = decision
            approval.decided_by, approval.decided_at = by, now()
            approval.reason, approval.seed = reason, seed
