"""Assets in the database."""

from sqlalchemy import func, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.enums import AssetKind
from models.tables import Asset, ProviderJob, Scene
from store.locks import hold


class AssetRepository:
    """All SQL on assets; lives inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, asset: Asset) -> Asset:
        """Insert."""
        self._session.add(asset)
        await self._session.flush()
        return asset

    async def get(self, asset_id: str, *, lock: bool = False) -> Asset | None:
        """By id; `lock` holds the row until the transaction ends, and reads it anew."""
        return await self._session.get(Asset, asset_id, with_for_update=lock or None, populate_existing=lock)

    async def page(
        self, *, kind: AssetKind | None, project_id: str | None, identity_id: str | None, limit: int, offset: int
    ) -> tuple[list[Asset], int]:
        """A part of the assets, newest first, and how many there are."""
        query = select(Asset)
        if kind is not None:
            query = query.where(col(Asset.kind) == kind)
        if project_id is not None:
            query = query.where(col(Asset.project_id) == project_id)
        if identity_id is not None:
            query = query.where(col(Asset.identity_id) == identity_id)
        count = select(func.count()).select_from(query.subquery())
        order = (col(Asset.created_at).desc(), col(Asset.id))
        rows = (await self._session.exec(query.order_by(*order).limit(limit).offset(offset))).all()
        return list(rows), (await self._session.exec(count)).one()

    async def with_key(self, key: str) -> list[Asset]:
        """The assets whose object has this key, oldest first."""
        query = select(Asset).where(col(Asset.artifact)["key"].as_string() == key)
        return list((await self._session.exec(query.order_by(col(Asset.created_at), col(Asset.id)))).all())

    async def references_of(self, identity_id: str) -> list[Asset]:
        """The headshots that show how the identity looks, oldest first: only those ever belong to one."""
        query = select(Asset).where(col(Asset.identity_id) == identity_id)
        return list((await self._session.exec(query.order_by(col(Asset.created_at), col(Asset.id)))).all())

    async def lock_object(self, key: str) -> None:
        """Wait until nobody else makes or removes an asset of this object."""
        await hold(self._session, f"object {key}")

    async def holders(self, key: str) -> int:
        """How many assets, purchases and scenes hold the object with this key."""
        total = 0
        for column in (Asset.artifact, ProviderJob.artifact, Scene.headshot):
            query = select(func.count()).where(col(column)["key"].as_string() == key)
            total += (await self._session.exec(query)).one()
        return total

    async def leave_project(self, project_id: str) -> None:
        """The project's assets belong to none any more."""
        await self._session.exec(update(Asset).where(col(Asset.project_id) == project_id).values(project_id=None))

    async def leave_identity(self, identity_id: str) -> None:
        """The identity's assets belong to none any more."""
        await self._session.exec(update(Asset).where(col(Asset.identity_id) == identity_id).values(identity_id=None))

    async def delete(self, asset: Asset) -> None:
        """Remove; the caller has seen that nothing uses it."""
        await self._session.delete(asset)
        await self._session.flush()
