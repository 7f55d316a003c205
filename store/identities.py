"""Identities in the database."""

from sqlalchemy import func, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.tables import IdentityProfile, Scene
from store.locks import hold


class IdentityRepository:
    """All SQL on identities; lives inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, identity: IdentityProfile) -> IdentityProfile:
        """Insert; the caller's transaction raises IntegrityError for a name or trigger word that is taken."""
        self._session.add(identity)
        await self._session.flush()
        return identity

    async def get(self, identity_id: str, *, lock: bool = False) -> IdentityProfile | None:
        """By id; `lock` holds the row until the transaction ends, and reads it anew."""
        return await self._session.get(
            IdentityProfile, identity_id, with_for_update=lock or None, populate_existing=lock
        )

    async def find(self, reference: str) -> IdentityProfile | None:
        """By id or by name, as people type either; an id goes before a name that is spelled like it."""
        is_id = col(IdentityProfile.id) == reference
        query = select(IdentityProfile).where(is_id | (col(IdentityProfile.name) == reference)).order_by(is_id.desc())
        return (await self._session.exec(query)).first()

    async def find_name(self, name: str) -> IdentityProfile | None:
        """By name alone."""
        return (await self._session.exec(select(IdentityProfile).where(col(IdentityProfile.name) == name))).first()

    async def taken_by(self, *, name: str, trigger_word: str, besides: str | None = None) -> IdentityProfile | None:
        """The identity that already has this name or trigger word, other than the one with the id `besides`."""
        query = select(IdentityProfile).where(
            (col(IdentityProfile.name) == name) | (col(IdentityProfile.trigger_word) == trigger_word)
        )
        if besides is not None:
            query = query.where(col(IdentityProfile.id) != besides)
        return (await self._session.exec(query)).first()

    async def default(self) -> IdentityProfile | None:
        """The active default identity, if there is one."""
        query = select(IdentityProfile).where(
            col(IdentityProfile.is_default).is_(True), col(IdentityProfile.is_active).is_(True)
        )
        return (await self._session.exec(query)).first()

    async def lock_default(self) -> None:
        """Wait until nobody else changes which identity is the default. Taken before any row is locked."""
        await hold(self._session, "default identity")

    async def clear_default(self) -> None:
        """No identity is the default any more; the caller sets the new one in the same transaction."""
        is_default, version = col(IdentityProfile.is_default), col(IdentityProfile.version)
        changed = {"is_default": False, "version": version + 1}
        await self._session.exec(update(IdentityProfile).where(is_default.is_(True)).values(changed))

    async def delete(self, identity: IdentityProfile) -> None:
        """Remove; the caller has seen that no scene uses it."""
        await self._session.delete(identity)
        await self._session.flush()

    async def page(self, *, active: bool | None, limit: int, offset: int) -> tuple[list[IdentityProfile], int]:
        """A part of the identities by name, and how many there are; `active` None means all."""
        query, count = select(IdentityProfile), select(func.count()).select_from(IdentityProfile)
        if active is not None:
            query = query.where(col(IdentityProfile.is_active).is_(active))
            count = count.where(col(IdentityProfile.is_active).is_(active))
        rows = (await self._session.exec(query.order_by(col(IdentityProfile.name)).limit(limit).offset(offset))).all()
        return list(rows), (await self._session.exec(count)).one()

    async def scene_counts(self, identity_ids: list[str]) -> dict[str, int]:
        """How many scenes each of these has; those without are left out."""
        identity_id = col(Scene.identity_id)
        query = select(identity_id, func.count()).where(identity_id.in_(identity_ids)).group_by(identity_id)
        return {str(owner): count for owner, count in (await self._session.exec(query)).all()}

    async def counts(self) -> tuple[int, int, int, int]:
        """How many there are, are active, and of these have a LoRA or a voice of their own."""
        active = col(IdentityProfile.is_active).is_(True)
        lora = col(IdentityProfile.lora_key).is_not(None) | col(IdentityProfile.lora_url).is_not(None)
        voice = col(IdentityProfile.voice_id).is_not(None)
        everyone = func.count()
        query = select(
            everyone, everyone.filter(active), everyone.filter(active & lora), everyone.filter(active & voice)
        )
        return (await self._session.exec(query.select_from(IdentityProfile))).one()

    async def with_lora_key(self, key: str) -> list[IdentityProfile]:
        """The identities whose LoRA is the object with this key."""
        query = select(IdentityProfile).where(col(IdentityProfile.lora_key) == key)
        return list((await self._session.exec(query)).all())

    async def list(self) -> list[IdentityProfile]:
        """All, by name."""
        return list((await self._session.exec(select(IdentityProfile).order_by(col(IdentityProfile.name)))).all())
