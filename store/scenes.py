"""Scenes in the database."""

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.enums import SceneStatus
from models.tables import Scene, now


class SceneRepository:
    """All SQL on scenes; lives inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, scene: Scene) -> Scene:
        """Insert; the caller's transaction raises IntegrityError for a name that is taken."""
        self._session.add(scene)
        await self._session.flush()
        return scene

    async def get(self, scene_id: str, *, lock: bool = False) -> Scene | None:
        """By id; `lock` holds the row until the transaction ends (PostgreSQL; SQLite locks at BEGIN anyway)."""
        return await self._session.get(Scene, scene_id, with_for_update=lock or None)

    async def find(self, reference: str) -> Scene | None:
        """By id or by name, as people type either; an id goes before a name that is spelled like it."""
        is_id = col(Scene.id) == reference
        query = select(Scene).where(is_id | (col(Scene.name) == reference)).order_by(is_id.desc())
        return (await self._session.exec(query)).first()

    async def list(self) -> list[Scene]:
        """All, oldest first."""
        return list((await self._session.exec(select(Scene).order_by(col(Scene.created_at), col(Scene.id)))).all())

    async def end_if_generating(self, scene_id: str, run_id: str | None, **outcome: str | None) -> bool:
        """Write the outcome of a run that ended without telling, unless another has been written or begun since."""
        scene = await self.get(scene_id, lock=True)
        if scene is None or scene.status != SceneStatus.GENERATING or scene.run_id != run_id:
            return False
        for name, value in outcome.items():
            setattr(scene, name, value)
        scene.ended_at = now()
        return True
