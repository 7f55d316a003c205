"""Assets: files that somebody brought, judged by their content and kept in the object store."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from activities.workshop import Workshop
from domain.assets import SAFETENSORS, check_owner, check_size, check_type
from domain.failures import user_message
from domain.media_types import SNIFF_BYTES, sniff_media_type
from domain.rejections import ConflictError, RejectedError
from media import faces
from media.errors import MediaInvalid
from models.artifacts import ArtifactRef
from models.enums import AssetKind, FailureCode
from models.inputs import AssetDraft, Paging
from models.tables import Asset
from providers.errors import ProviderError
from providers.lora import MIN_BYTES, inspect_lora_file
from runtime.catalog.edits import Page, in_transaction, required
from store.database import Database, Transaction

_ATTEMPTS = 3  # to store a file whose object somebody else removes at the same time


@dataclass(frozen=True)
class Limits:
    """`max_bytes` narrows each kind's own limit; `min_lora_bytes` is the least that a trained face takes."""

    max_bytes: int | None = None
    min_lora_bytes: int = MIN_BYTES


async def find_asset(tx: Transaction, asset_id: str, kind: AssetKind | None = None, *, lock: bool = False) -> Asset:
    """By id; one that is locked is not deleted before the transaction ends, which may make something refer to it.

    Raises RejectedError: `not_found`, or an asset of another kind than the one that is needed.
    """

    async def find(reference: str) -> Asset | None:
        return await tx.assets.get(reference, lock=lock)

    asset = await required("asset", asset_id, find)
    if kind is not None and asset.kind != kind:
        raise RejectedError("asset", f"{asset_id!r} is a {asset.kind}, not a {kind}", f"Give a {kind}")
    return asset


async def add_asset(
    database: Database, workshop: Workshop, draft: AssetDraft, path: Path, limits: Limits | None = None
) -> Asset:
    """Keep a file. Raises RejectedError for one that is not what its kind or its identity needs, TooLargeError."""
    check_owner(draft.kind, draft.identity)
    for _ in range(_ATTEMPTS):
        artifact = await store_file(workshop, draft.kind, path, limits or Limits())
        if draft.identity:
            await _check_reference(path)
        asset = await in_transaction(database, lambda tx, kept=artifact: _insert(tx, workshop, draft, kept))
        if asset is not None:
            return asset
    raise ConflictError("file", "the same file is being deleted", "Try again")


async def get_asset(database: Database, asset_id: str) -> Asset:
    """By id. Raises RejectedError (`not_found`)."""
    async with database.transaction() as tx:
        return await find_asset(tx, asset_id)


async def list_assets(
    database: Database,
    paging: Paging | None = None,
    *,
    kind: AssetKind | None = None,
    project: str | None = None,
    identity: str | None = None,
) -> Page[Asset]:
    """Newest first; `project` and `identity` are ids or names."""
    part = paging or Paging()
    async with database.transaction() as tx:
        owner = await required("project", project, tx.projects.find) if project else None
        person = await required("identity", identity, tx.identities.find) if identity else None
        rows, total = await tx.assets.page(
            kind=kind,
            project_id=owner.id if owner else None,
            identity_id=person.id if person else None,
            limit=part.limit,
            offset=part.offset,
        )
    return Page(rows, total, part.limit, part.offset)


async def delete_asset(database: Database, workshop: Workshop, asset_id: str) -> None:
    """Remove, with its object when nothing else holds it. Raises ConflictError while anything refers to it."""

    async def work(tx: Transaction) -> None:
        asset = await find_asset(tx, asset_id, lock=True)
        key = ArtifactRef.model_validate(asset.artifact).key
        await tx.assets.lock_object(key)
        await _check_unused(tx, asset, key)
        await tx.assets.delete(asset)
        if not await tx.assets.holders(key):
            await workshop.forget(key)

    await in_transaction(database, work)


async def lora_object(tx: Transaction, reference: str | None) -> str:
    """The object key of a LORA_MODEL asset. Raises RejectedError for the field `lora_key`."""
    try:
        asset = await find_asset(tx, reference or "", AssetKind.LORA_MODEL, lock=True)
    except RejectedError as error:
        raise RejectedError("lora_key", error.problem, error.remedy, FailureCode.INVALID_REQUEST) from None
    return ArtifactRef.model_validate(asset.artifact).key


async def store_file(workshop: Workshop, kind: AssetKind, path: Path, limits: Limits) -> ArtifactRef:
    """Judge a file by its content and put it into the object store. Raises RejectedError, TooLargeError."""
    try:
        media_type = await asyncio.to_thread(_judge, kind, path, limits)
        return await workshop.keep(path, media_type)
    except OSError as error:
        raise RejectedError("file", f"it cannot be read ({error.strerror})", "Give a readable file") from None
    except MediaInvalid as error:
        raise RejectedError("file", f"it is damaged ({error})", "Give another", FailureCode.MEDIA_INVALID) from None
    except ProviderError as error:
        problem = f"{user_message(error.code)}: {error.detail}"
        raise RejectedError("file", problem, "Give a whole Flux LoRA (.safetensors)", error.code) from None


def asset_of(
    draft: AssetDraft, artifact: ArtifactRef, project_id: str | None = None, identity_id: str | None = None
) -> Asset:
    """The row of a stored file."""
    return Asset(
        kind=draft.kind,
        name=draft.name,
        artifact=artifact.model_dump(mode="json"),
        size=artifact.size,
        width=artifact.width,
        height=artifact.height,
        duration_s=artifact.duration_s,
        project_id=project_id,
        identity_id=identity_id,
    )


def _judge(kind: AssetKind, path: Path, limits: Limits) -> str:
    check_size(kind, path.stat().st_size, limits.max_bytes)
    if kind is AssetKind.LORA_MODEL:
        inspect_lora_file(path, min_bytes=limits.min_lora_bytes)
        return SAFETENSORS
    with path.open("rb") as file:
        media_type = sniff_media_type(file.read(SNIFF_BYTES))
    check_type(kind, media_type)
    return media_type or ""


async def _check_reference(path: Path) -> None:
    """Where the identity check is installed, a reference that it could not use is refused while somebody looks."""
    if not faces.available():
        return
    try:
        await asyncio.to_thread(faces.compare, path, [path])
    except faces.UnfitReference as error:
        raise RejectedError("file", f"it {error.problem}", "Give a clear headshot of one person") from None


async def _insert(tx: Transaction, workshop: Workshop, draft: AssetDraft, artifact: ArtifactRef) -> Asset | None:
    """None when the object is gone again: the last asset that held it was deleted a moment ago."""
    project = await required("project", draft.project, tx.projects.find) if draft.project else None
    person = await required("identity", draft.identity, tx.identities.find) if draft.identity else None
    await tx.assets.lock_object(artifact.key)
    if not await workshop.has(artifact.key):
        return None
    owners = (project.id if project else None, person.id if person else None)
    return await tx.assets.add(asset_of(draft, artifact, *owners))


async def _check_unused(tx: Transaction, asset: Asset, key: str) -> None:
    scenes = await tx.scenes.names_of(headshot_asset_id=asset.id)
    users = [f"scene {name}" for name in scenes]
    if asset.kind == AssetKind.LORA_MODEL:
        users += [f"identity {identity.name}" for identity in await tx.identities.with_lora_key(key)]
    settings = await tx.settings.values()
    users += [f"setting {name}" for name, value in settings.items() if value == asset.id]
    if users:
        named = ", ".join(users[:10]) + (f" and {len(users) - 10} more" if len(users) > 10 else "")
        raise ConflictError("asset", f"it is in use: {named}", "Take it out of these first")
