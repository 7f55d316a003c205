"""The generation log in the database."""

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.tables import GenerationLog


class LogRepository:
    """All SQL on log rows; lives inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def write_once(self, row: GenerationLog) -> bool:
        """Insert unless the scene already has a row with this event key; True when it was new."""
        dialect = self._session.get_bind().dialect.name
        insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
        statement = (
            insert(GenerationLog)
            .values(**row.model_dump(exclude={"id"}))
            .on_conflict_do_nothing(index_elements=["scene_id", "event_key"])
            .returning(col(GenerationLog.id))
        )
        return (await self._session.exec(statement)).first() is not None

    async def of_scene(self, scene_id: str, *, after: int = 0, limit: int = 500) -> list[GenerationLog]:
        """Rows in the order written, those with an id above `after`."""
        query = (
            select(GenerationLog)
            .where(col(GenerationLog.scene_id) == scene_id, col(GenerationLog.id) > after)
            .order_by(col(GenerationLog.id))
            .limit(limit)
        )
        return list((await self._session.exec(query)).all())
