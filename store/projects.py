"""Projects in the database."""

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.tables import Project, Scene


class ProjectRepository:
    """All SQL on projects; lives inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, project: Project) -> Project:
        """Insert; raises IntegrityError for a name that is taken."""
        self._session.add(project)
        await self._session.flush()
        return project

    async def get(self, project_id: str, *, lock: bool = False) -> Project | None:
        """By id; `lock` holds the row until the transaction ends, and reads it anew."""
        return await self._session.get(Project, project_id, with_for_update=lock or None, populate_existing=lock)

    async def find(self, reference: str) -> Project | None:
        """By id or by name; an id goes before a name that is spelled like it."""
        is_id = col(Project.id) == reference
        query = select(Project).where(is_id | (col(Project.name) == reference)).order_by(is_id.desc())
        return (await self._session.exec(query)).first()

    async def find_name(self, name: str) -> Project | None:
        """By name alone."""
        return (await self._session.exec(select(Project).where(col(Project.name) == name))).first()

    async def page(self, *, limit: int, offset: int) -> tuple[list[Project], int]:
        """A part of the projects by name, and how many there are."""
        rows = await self._session.exec(select(Project).order_by(col(Project.name)).limit(limit).offset(offset))
        count = await self._session.exec(select(func.count()).select_from(Project))
        return list(rows.all()), count.one()

    async def scene_counts(self, project_ids: list[str]) -> dict[str, int]:
        """How many scenes each of these has; those without are left out."""
        project_id = col(Scene.project_id)
        query = select(project_id, func.count()).where(project_id.in_(project_ids)).group_by(project_id)
        return {str(owner): count for owner, count in (await self._session.exec(query)).all()}

    async def delete(self, project: Project) -> None:
        """Remove; the caller has seen to its scenes and assets."""
        await self._session.delete(project)
        await self._session.flush()

    async def list(self) -> list[Project]:
        """All, by name."""
        return list((await self._session.exec(select(Project).order_by(col(Project.name)))).all())
