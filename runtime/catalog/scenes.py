"""Scenes: the rules that need the database, once for the command line and the API."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from activities.workshop import Workshop
from domain.dialogue import check_dialogue
from domain.rejections import ConflictError, RejectedError
from models.artifacts import ArtifactRef
from models.enums import AssetKind, FailureCode, SceneStatus
from models.inputs import AssetDraft, IdentityDraft, Paging, SceneDraft
from models.tables import Asset, Scene
from runtime.catalog.assets import Limits, asset_of, find_asset, store_file
from runtime.catalog.edits import Page, check_version, columns, edit, in_transaction, merged, required
from runtime.catalog.identities import find_identity
from runtime.catalog.projects import find_project, lock_project
from store.database import Database, Transaction
from store.scenes import SceneFilter

REFERENCES = frozenset({"project", "identity", "headshot"})  # fields of the draft that name other rows


@dataclass(frozen=True)
class SceneQuery:
    """Which scenes to list; `project` and `identity` are ids or names."""

    project: str | None = None
    identity: str | None = None
    status: SceneStatus | None = None


async def find_scene(tx: Transaction, reference: str) -> Scene:
    """By id or name. Raises RejectedError (`not_found`)."""
    return await required("scene", reference, tx.scenes.find)


async def add_scene(database: Database, workshop: Workshop | None, draft: SceneDraft) -> Scene:
    """Create a scene. Raises ConflictError when its name is taken, RejectedError.

    Only with a workshop may `headshot` be a file on this machine: never pass one for callers on the network.
    """
    kept = await _kept_headshot(database, workshop, draft.headshot)
    return await in_transaction(database, lambda tx: create_scene(tx, draft, kept))


async def get_scene(database: Database, reference: str) -> Scene:
    """By id or name. Raises RejectedError (`not_found`)."""
    async with database.transaction() as tx:
        return await find_scene(tx, reference)


async def list_scenes(database: Database, paging: Paging | None = None, query: SceneQuery | None = None) -> Page[Scene]:
    """Those of one project in its order, else oldest first. Raises RejectedError (`not_found`)."""
    part, which = paging or Paging(), query or SceneQuery()
    async with database.transaction() as tx:
        narrowed = SceneFilter(
            project_id=(await find_project(tx, which.project)).id if which.project else None,
            identity_id=(await find_identity(tx, which.identity)).id if which.identity else None,
            status=which.status,
        )
        rows, total = await tx.scenes.page(narrowed, limit=part.limit, offset=part.offset)
    return Page(rows, total, part.limit, part.offset)


async def replace_scene(
    database: Database,
    workshop: Workshop | None,
    reference: str,
    draft: SceneDraft,
    *,
    expected_version: int | None = None,
) -> Scene:
    """Every field anew; otherwise as `patch_scene`."""
    return await patch_scene(database, workshop, reference, draft.model_dump(), expected_version=expected_version)


async def patch_scene(
    database: Database,
    workshop: Workshop | None,
    reference: str,
    changes: Mapping[str, object],
    *,
    expected_version: int | None = None,
) -> Scene:
    """Change the named fields of `SceneDraft`; a scene that is generating shows them in its next film.

    Raises StaleError; ConflictError for a taken name, and for the identity or headshot of a scene that is generating;
    RejectedError. `workshop` as for `add_scene`.
    """
    headshot = changes.get("headshot")
    kept = await _kept_headshot(database, workshop, headshot if isinstance(headshot, str) else None)

    async def work(tx: Transaction) -> Scene:
        scene, _ = await change_scene(tx, reference, changes, expected_version, kept)
        return scene

    return await in_transaction(database, work)


async def delete_scene(database: Database, reference: str, *, expected_version: int | None = None) -> None:
    """Remove with its log; purchases stay in the ledger. Raises ConflictError while it is generating, StaleError."""

    async def work(tx: Transaction) -> None:
        scene = await lock_scene(tx, reference)
        check_version(scene, expected_version)
        if scene.status == SceneStatus.GENERATING:
            raise ConflictError("scene", f"{scene.name!r} is generating", "Cancel it, or wait for its end")
        await tx.scenes.delete(scene)

    await in_transaction(database, work)


async def create_scene(tx: Transaction, draft: SceneDraft, kept: ArtifactRef | None = None) -> Scene:
    """`add_scene` within a transaction; `kept` is the headshot file when it is stored already."""
    references = await _resolved(tx, draft, REFERENCES, kept)
    await _check(tx, draft, references["identity_id"])
    return await tx.scenes.add(Scene(**columns(draft, without=REFERENCES), **references))


async def change_scene(
    tx: Transaction,
    reference: str,
    changes: Mapping[str, object],
    expected_version: int | None = None,
    kept: ArtifactRef | None = None,
) -> tuple[Scene, dict[str, object]]:
    """`patch_scene` within a transaction; gives what was changed too."""
    found = await find_scene(tx, reference)
    draft = merged(SceneDraft, found, changes, without=REFERENCES)
    # Projects are locked before scenes, here as where a project's scenes are reordered or deleted.
    references = await _resolved(tx, draft, REFERENCES & changes.keys(), kept, found)
    scene = await lock_scene(tx, found.id)
    check_version(scene, expected_version)
    draft = merged(SceneDraft, scene, changes, without=REFERENCES)
    await _check(tx, draft, references.get("identity_id", scene.identity_id), besides=scene.id)
    _check_under_way(scene, references)
    return scene, edit(scene, columns(draft, without=REFERENCES) | references)


async def lock_scene(tx: Transaction, reference: str) -> Scene:
    """By id or name, its row held until the transaction ends. Raises RejectedError (`not_found`)."""
    found = await find_scene(tx, reference)

    async def lock(scene_id: str) -> Scene | None:
        return await tx.scenes.get(scene_id, lock=True)

    return await required("scene", found.id, lock)


async def _check(tx: Transaction, draft: SceneDraft, identity_id: str | None, besides: str | None = None) -> None:
    taken = await tx.scenes.find_name(draft.name)
    if taken is not None and taken.id != besides:
        raise ConflictError("name", f"there is a scene {draft.name!r} already", "Choose another")
    identity = await tx.identities.get(identity_id) if identity_id else None
    model = identity.voice_model if identity else IdentityDraft.model_fields["voice_model"].default
    check_dialogue(draft.dialogue, model=model, speed=1.0, max_speech_s=float("inf"))


def _check_under_way(scene: Scene, references: Mapping[str, object]) -> None:
    """A run reads both when it needs them: a change would give the film half of each."""
    fields = ("identity_id", "headshot_url", "headshot", "headshot_asset_id")
    if scene.status == SceneStatus.GENERATING and any(
        references[name] != getattr(scene, name) for name in fields if name in references
    ):
        raise ConflictError("scene", f"{scene.name!r} is generating", "Cancel it, or wait, to change face or headshot")


async def _resolved(
    tx: Transaction, draft: SceneDraft, given: Collection[str], kept: ArtifactRef | None, scene: Scene | None = None
) -> dict[str, Any]:
    """The columns of the references that were given."""
    columns: dict[str, Any] = {}
    if "project" in given:
        columns |= await _place(tx, draft.project, scene)
    if "identity" in given:
        identity = await find_identity(tx, draft.identity) if draft.identity else None
        columns["identity_id"] = identity.id if identity else None
    if "headshot" in given:
        columns |= await _headshot(tx, draft.headshot, kept)
    return columns


async def _place(tx: Transaction, project: str | None, scene: Scene | None) -> dict[str, object]:
    """The last place of the project, unless the scene is in it already."""
    if project is None:
        return {"project_id": None, "position": 0}
    owner = await lock_project(tx, project)
    if scene is not None and scene.project_id == owner.id:
        return {"project_id": owner.id}
    return {"project_id": owner.id, "position": await tx.scenes.next_position(owner.id)}


async def _headshot(tx: Transaction, headshot: str | None, kept: ArtifactRef | None) -> dict[str, object]:
    if headshot is None or _is_web(headshot):
        return {"headshot_url": headshot, "headshot": None, "headshot_asset_id": None}
    if kept is not None:
        draft = AssetDraft(kind=AssetKind.HEADSHOT, name=Path(headshot).name[:200])
        asset = await tx.assets.add(asset_of(draft, kept))
    else:
        asset = await _headshot_asset(tx, headshot)
    return {"headshot_url": None, "headshot": asset.artifact, "headshot_asset_id": asset.id}


async def _headshot_asset(tx: Transaction, reference: str) -> Asset:
    try:
        return await find_asset(tx, reference, AssetKind.HEADSHOT, lock=True)
    except RejectedError as error:
        remedy = "Give a HEADSHOT asset's id or a web address"
        raise RejectedError("headshot", error.problem, remedy, FailureCode.INVALID_REQUEST) from None


async def _kept_headshot(database: Database, workshop: Workshop | None, headshot: str | None) -> ArtifactRef | None:
    """A file on this machine, put into the object store; None for anything else."""
    if workshop is None or headshot is None or _is_web(headshot):
        return None
    async with database.transaction() as tx:
        if await tx.assets.get(headshot) is not None:
            return None
    try:
        return await store_file(workshop, AssetKind.HEADSHOT, Path(headshot), Limits())
    except RejectedError as error:
        raise RejectedError("headshot", f"{headshot}: {error.problem}", "Give a photograph", error.code) from None


def _is_web(headshot: str) -> bool:
    return headshot.startswith(("http://", "https://"))
