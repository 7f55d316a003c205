"""Identities in the database."""

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.tables import IdentityProfile


class IdentityRepository:
    """All SQL on identities; lives inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, identity: IdentityProfile) -> IdentityProfile:
        """Insert; the caller's transaction raises IntegrityError for a name or trigger word that is taken."""
        self._session.add(identity)
        await self._session.flush()
        return identity

    async def get(self, identity_id: str) -> IdentityProfile | None:
        """By id."""
        return await self._session.get(IdentityProfile, identity_id)

    async def find(self, reference: str) -> IdentityProfile | None:
        """By id or by name, as people type either; an id goes before a name that is spelled like it."""
        is_id = col(IdentityProfile.id) == reference
        query = select(IdentityProfile).where(is_id | (col(IdentityProfile.name) == reference)).order_by(is_id.desc())
        return (await self._session.exec(query)).first()

    async def taken_by(self, *, name: str, trigger_word: str) -> IdentityProfile | None:
        """The identity that already has this name or trigger word."""
        query = select(IdentityProfile).where(
            (col(IdentityProfile.name) == name) | (col(IdentityProfile.trigger_word) == trigger_word)
        )
        return (await self._session.exec(query)).first()

    async def default(self) -> IdentityProfile | None:
        """The active default identity, if there is one."""
        query = select(IdentityProfile).where(
            col(IdentityProfile.is_default).is_(True), col(IdentityProfile.is_active).is_(True)
        )
        return (await self._session.exec(query)).first()

    async def clear_default(self) -> None:
        """No identity is the default any more; the caller sets the new one in the same transaction."""
        await self._session.exec(update(IdentityProfile).values(is_default=False))

    async def list(self) -> list[IdentityProfile]:
        """All, by name."""
        return list((await self._session.exec(select(IdentityProfile).order_by(col(IdentityProfile.name)))).all())
