"""Settings, API keys and answered requests in the database."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.admin_tables import ApiKey, IdempotencyRecord, SystemSetting
from store.locks import hold


class SettingRepository:
    """All SQL on settings; lives inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def values(self) -> dict[str, Any]:
        """The settings that are set."""
        return {row.key: row.value for row in await self.list()}

    async def lock(self, key: str) -> SystemSetting | None:
        """The row, when the setting is set; nobody else changes the setting until the transaction ends."""
        await hold(self._session, f"setting {key}")
        return await self._session.get(SystemSetting, key)

    async def put(self, row: SystemSetting) -> SystemSetting:
        """Insert or update."""
        self._session.add(row)
        await self._session.flush()
        return row

    async def delete(self, row: SystemSetting) -> None:
        """Leave the value to the environment."""
        await self._session.delete(row)
        await self._session.flush()

    async def list(self) -> list[SystemSetting]:
        """The rows of the settings that are set."""
        return list((await self._session.exec(select(SystemSetting))).all())


class ApiKeyRepository:
    """All SQL on API keys; lives inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, key: ApiKey) -> ApiKey:
        """Insert."""
        self._session.add(key)
        await self._session.flush()
        return key

    async def with_prefix(self, prefix: str) -> list[ApiKey]:
        """The keys that begin so; one, as a rule."""
        return list((await self._session.exec(select(ApiKey).where(col(ApiKey.prefix) == prefix))).all())

    async def find(self, reference: str) -> ApiKey | None:
        """By id or prefix."""
        query = select(ApiKey).where((col(ApiKey.id) == reference) | (col(ApiKey.prefix) == reference))
        return (await self._session.exec(query)).first()

    async def usable(self) -> int:
        """How many are not revoked."""
        query = select(func.count()).select_from(ApiKey).where(col(ApiKey.revoked_at).is_(None))
        return (await self._session.exec(query)).one()

    async def list(self) -> list[ApiKey]:
        """All, oldest first."""
        return list((await self._session.exec(select(ApiKey).order_by(col(ApiKey.created_at), col(ApiKey.id)))).all())


class IdempotencyRepository:
    """All SQL on answered requests; lives inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def claim(self, record: IdempotencyRecord) -> bool:
        """Insert unless the owner has used the key; True when it is new."""
        dialect = self._session.get_bind().dialect.name
        insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
        statement = (
            insert(IdempotencyRecord)
            .values(**record.model_dump())
            .on_conflict_do_nothing(index_elements=["owner", "key"])
            .returning(col(IdempotencyRecord.key))
        )
        return (await self._session.exec(statement)).first() is not None

    async def get(self, owner: str, key: str) -> IdempotencyRecord | None:
        """The record, locked until the transaction ends."""
        return await self._session.get(IdempotencyRecord, (owner, key), with_for_update=True)

    async def delete(self, record: IdempotencyRecord) -> None:
        """Free the key."""
        await self._session.delete(record)
        await self._session.flush()

    async def forget_before(self, moment: datetime) -> None:
        """Remove what is older."""
        await self._session.exec(delete(IdempotencyRecord).where(col(IdempotencyRecord.created_at) < moment))
