"""Identities: the rules that need the database, once for the command line and the API."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.rejections import ConflictError, RejectedError
from models.inputs import IdentityDraft, Paging
from models.tables import IdentityProfile
from runtime.catalog.assets import lora_object
from runtime.catalog.edits import Page, check_version, edit, in_transaction, merged, required
from store.database import Database, Transaction

_FLAGS = {"is_default", "is_active"}
NAMED = 10  # of the scenes that stand in the way, so many are named


@dataclass(frozen=True)
class CountedIdentity:
    """An identity and how many scenes use it."""

    identity: IdentityProfile
    scene_count: int


async def find_identity(tx: Transaction, reference: str) -> IdentityProfile:
    """By id or name. Raises RejectedError (`not_found`)."""
    return await required("identity", reference, tx.identities.find)


async def add_identity(database: Database, draft: IdentityDraft) -> IdentityProfile:
    """Create an identity. Raises ConflictError when its name or trigger word is taken, RejectedError."""
    return await in_transaction(database, lambda tx: create_identity(tx, draft))


async def get_identity(database: Database, reference: str) -> CountedIdentity:
    """By id or name. Raises RejectedError (`not_found`)."""
    async with database.transaction() as tx:
        identity = await find_identity(tx, reference)
        counts = await tx.identities.scene_counts([identity.id])
        return CountedIdentity(identity, counts.get(identity.id, 0))


async def list_identities(
    database: Database, paging: Paging | None = None, *, active: bool | None = None
) -> Page[CountedIdentity]:
    """By name; `active` narrows to those that are or are not."""
    part = paging or Paging()
    async with database.transaction() as tx:
        rows, total = await tx.identities.page(active=active, limit=part.limit, offset=part.offset)
        counts = await tx.identities.scene_counts([row.id for row in rows])
        items = [CountedIdentity(row, counts.get(row.id, 0)) for row in rows]
    return Page(items, total, part.limit, part.offset)


async def replace_identity(
    database: Database, reference: str, draft: IdentityDraft, *, expected_version: int | None = None
) -> IdentityProfile:
    """Every field anew. Raises StaleError, ConflictError, RejectedError."""
    return await patch_identity(database, reference, draft.model_dump(), expected_version=expected_version)


async def patch_identity(
    database: Database, reference: str, changes: Mapping[str, object], *, expected_version: int | None = None
) -> IdentityProfile:
    """Change the named fields of `IdentityDraft`. Raises StaleError, ConflictError, RejectedError."""

    async def work(tx: Transaction) -> IdentityProfile:
        identity, _ = await change_identity(tx, reference, changes, expected_version)
        return identity

    return await in_transaction(database, work)


async def delete_identity(database: Database, reference: str, *, expected_version: int | None = None) -> None:
    """Remove. Raises ConflictError with the count and names of the scenes that use it, StaleError."""

    async def work(tx: Transaction) -> None:
        identity = await _locked(tx, reference)
        check_version(identity, expected_version)
        names = await tx.scenes.names_of(identity_id=identity.id)
        if names:
            raise ConflictError(
                "identity",
                f"{used_by(names)} {'uses' if len(names) == 1 else 'use'} it",
                "Give them another identity, or delete them first",
            )
        await tx.assets.leave_identity(identity.id)
        await tx.identities.delete(identity)

    await in_transaction(database, work)


async def set_default_identity(database: Database, reference: str) -> IdentityProfile:
    """Make it the one default. Raises ConflictError when it is inactive."""

    async def work(tx: Transaction) -> IdentityProfile:
        await tx.identities.lock_default()
        identity = await _locked(tx, reference)
        if not identity.is_active:
            raise ConflictError("identity", f"{identity.name!r} is inactive", "Activate it first")
        if not identity.is_default:
            await tx.identities.clear_default()
            edit(identity, {"is_default": True})
        return identity

    return await in_transaction(database, work)


async def create_identity(tx: Transaction, draft: IdentityDraft) -> IdentityProfile:
    """`add_identity` within a transaction."""
    _check_default(draft)
    if draft.is_default:
        await tx.identities.lock_default()
    await _check_free(tx, draft)
    if draft.is_default:
        await tx.identities.clear_default()
    values = draft.model_dump()
    values["lora_key"] = await lora_object(tx, draft.lora_key) if draft.lora_key else None
    return await tx.identities.add(IdentityProfile(**values))


async def change_identity(
    tx: Transaction, reference: str, changes: Mapping[str, object], expected_version: int | None = None
) -> tuple[IdentityProfile, dict[str, object]]:
    """`patch_identity` within a transaction; gives what was changed too."""
    if _FLAGS & changes.keys():
        await tx.identities.lock_default()
    identity = await _locked(tx, reference)
    check_version(identity, expected_version)
    draft = merged(IdentityDraft, identity, changes, without=())
    _check_default(draft)
    await _check_free(tx, draft, besides=identity.id)
    values = draft.model_dump()
    if "lora_key" in changes and draft.lora_key not in (None, identity.lora_key):
        values["lora_key"] = await lora_object(tx, draft.lora_key)
    if draft.is_default and not identity.is_default:
        await tx.identities.clear_default()
    return identity, edit(identity, values)


def used_by(names: list[str]) -> str:
    """How many scenes, and which."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)} scene{'' if len(names) == 1 else 's'} ({', '.join(names[:NAMED])}{more})"


async def _locked(tx: Transaction, reference: str) -> IdentityProfile:
    found = await find_identity(tx, reference)

    async def lock(identity_id: str) -> IdentityProfile | None:
        return await tx.identities.get(identity_id, lock=True)

    return await required("identity", found.id, lock)


async def _check_free(tx: Transaction, draft: IdentityDraft, besides: str | None = None) -> None:
    taken = await tx.identities.taken_by(name=draft.name, trigger_word=draft.trigger_word, besides=besides)
    if taken is not None:
        field = "name" if taken.name == draft.name else "trigger_word"
        raise ConflictError(field, f"{getattr(draft, field)!r} belongs to {taken.name!r}", "Choose another")


def _check_default(draft: IdentityDraft) -> None:
    if draft.is_default and not draft.is_active:
        raise RejectedError("is_active", "the default identity must be active", "Make another one the default first")
