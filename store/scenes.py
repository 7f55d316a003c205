"""Scenes in the database."""

from dataclasses import dataclass

from sqlalchemy import delete, func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from models.enums import SceneStatus
from models.tables import GenerationLog, Scene, now
from models.take_tables import Approval, Take


@dataclass(frozen=True)
class SceneFilter:
    """Which scenes: each field that is not None must fit; projects and identities by id."""

    project_id: str | None = None
    identity_id: str | None = None
    status: SceneStatus | None = None

    def narrow(self, query: SelectOfScalar[Scene]) -> SelectOfScalar[Scene]:
        """The query for these alone."""
        for column, value in ((Scene.project_id, self.project_id), (Scene.identity_id, self.identity_id)):
            query = query if value is None else query.where(col(column) == value)
        return query if self.status is None else query.where(col(Scene.status) == self.status)


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
        return await self._session.get(Scene, scene_id, with_for_update=lock or None, populate_existing=lock)

    async def find(self, reference: str) -> Scene | None:
        """By id or by name, as people type either; an id goes before a name that is spelled like it."""
        is_id = col(Scene.id) == reference
        query = select(Scene).where(is_id | (col(Scene.name) == reference)).order_by(is_id.desc())
        return (await self._session.exec(query)).first()

    async def find_name(self, name: str) -> Scene | None:
        """By name alone."""
        return (await self._session.exec(select(Scene).where(col(Scene.name) == name))).first()

    async def page(self, which: SceneFilter, *, limit: int, offset: int) -> tuple[list[Scene], int]:
        """A part of the scenes and how many there are: those of a project in its order, else oldest first."""
        order = (col(Scene.created_at), col(Scene.id))
        in_project = (col(Scene.position),) if which.project_id is not None else ()
        query = which.narrow(select(Scene))
        count = select(func.count()).select_from(query.subquery())
        rows = (await self._session.exec(query.order_by(*in_project, *order).limit(limit).offset(offset))).all()
        return list(rows), (await self._session.exec(count)).one()

    async def generating(self) -> list[Scene]:
        """All scenes that a run is said to be at work on."""
        query = select(Scene).where(col(Scene.status) == SceneStatus.GENERATING)
        return list((await self._session.exec(query)).all())

    async def of_project(self, project_id: str, *, lock: bool = False) -> list[Scene]:
        """All scenes of a project in its order."""
        order = (col(Scene.position), col(Scene.created_at), col(Scene.id))
        query = select(Scene).where(col(Scene.project_id) == project_id).order_by(*order)
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        return list((await self._session.exec(query)).all())

    async def next_position(self, project_id: str) -> int:
        """The place after a project's last scene; the caller holds the project's lock."""
        query = select(func.max(col(Scene.position))).where(col(Scene.project_id) == project_id)
        return ((await self._session.exec(query)).one() or 0) + 1

    async def names_of(self, *, identity_id: str | None = None, headshot_asset_id: str | None = None) -> list[str]:
        """The names of the scenes that use an identity or a headshot."""
        query = select(Scene.name).order_by(col(Scene.name))
        if identity_id is not None:
            query = query.where(col(Scene.identity_id) == identity_id)
        if headshot_asset_id is not None:
            query = query.where(col(Scene.headshot_asset_id) == headshot_asset_id)
        return list((await self._session.exec(query)).all())

    async def delete(self, scene: Scene) -> None:
        """Remove with its log, takes and approvals; its purchases stay in the ledger."""
        for table in (GenerationLog, Take, Approval):
            await self._session.exec(delete(table).where(col(table.scene_id) == scene.id))
        await self._session.delete(scene)
        await self._session.flush()

    async def end_if_generating(self, scene_id: str, run_id: str | None, **outcome: str | None) -> bool:
        """Write the outcome of a run that ended without telling, unless another has been written or begun since."""
        scene = await self.get(scene_id, lock=True)
        if scene is None or scene.status != SceneStatus.GENERATING or scene.run_id != run_id:
            return False
        for name, value in outcome.items():
            setattr(scene, name, value)
        scene.ended_at = now()
        return True

    async def list(self) -> list[Scene]:
        """All, oldest first."""
        return list((await self._session.exec(select(Scene).order_by(col(Scene.created_at), col(Scene.id)))).all())
