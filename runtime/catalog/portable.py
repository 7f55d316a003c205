"""Identities, projects and scenes as one document: taken out, compared, brought in."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from domain.rejections import ConflictError, RejectedError
from models.inputs import Document, IdentityDraft, ProjectDraft, SceneDraft, is_storable
from models.tables import IdentityProfile, Project, Scene
from runtime.catalog.drafts import draft_from
from runtime.catalog.edits import in_transaction, written
from runtime.catalog.identities import change_identity, create_identity
from runtime.catalog.projects import change_project, create_project
from runtime.catalog.scenes import REFERENCES, change_scene, create_scene
from store.database import Database, Transaction

Fields = Mapping[str, Any]
Row = IdentityProfile | Project | Scene


class Action(StrEnum):
    """What an import does with an entry."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Change:
    """One entry of a document: `fields` are those that differ, as they are now and as they will be."""

    kind: str
    name: str
    action: Action
    fields: dict[str, tuple[Any, Any]]


class _DryRun(Exception):
    def __init__(self, changes: list[Change]) -> None:
        self.changes = changes


async def export_all(database: Database) -> dict[str, Any]:
    """Everything that people wrote, by name, as `apply_import` takes it. LoRA links come with their signatures.

    Files are not in it: headshots and LoRAs are named by their assets' ids.
    """
    async with database.transaction() as tx:
        scenes = sorted(await tx.scenes.list(), key=lambda scene: (scene.project_id or "", scene.position))
        document = Document(
            identities=[await _written(tx, row) for row in await tx.identities.list()],
            projects=[await _written(tx, row) for row in await tx.projects.list()],
            scenes=[await _written(tx, row) for row in scenes],
        )
    return document.model_dump(mode="json")


async def plan_import(database: Database, document: Fields) -> list[Change]:
    """What `apply_import` would do; nothing is kept. Raises as it does."""
    return await _import(database, document, keep=False)


async def apply_import(database: Database, document: Fields) -> list[Change]:
    """Create what is new by name and change what differs, all or nothing; fields that are left out stay as they are.

    Raises RejectedError that names the entry, ConflictError.
    """
    return await _import(database, document, keep=True)


async def _import(database: Database, document: Fields, *, keep: bool) -> list[Change]:
    parts = draft_from(Document, document)
    kinds = (("identity", parts.identities), ("project", parts.projects), ("scene", parts.scenes))

    async def work(tx: Transaction) -> list[Change]:
        await tx.identities.lock_default()  # before any row, as everywhere
        changes = [await _bring(tx, kind, fields) for kind, entries in kinds for fields in entries]
        if not keep:
            raise _DryRun(changes)
        return changes

    try:
        return await in_transaction(database, work)
    except _DryRun as done:
        return done.changes


async def _bring(tx: Transaction, kind: str, fields: Fields) -> Change:
    name = fields.get("name")
    if not isinstance(name, str):
        raise RejectedError(kind, "an entry has no name", "Give each entry its `name`")
    try:
        row = await _find(tx, kind, name) if is_storable(name) else None
        before = await _written(tx, row) if row else {}
        after = await _written(tx, await _change(tx, kind, row, fields))
    except RejectedError as error:
        error_type = ConflictError if isinstance(error, ConflictError) else RejectedError
        raise error_type(f"{kind} {name!r}, {error.field}", error.problem, error.remedy, error.code) from None
    differing = {field: (before.get(field), value) for field, value in after.items() if before.get(field) != value}
    action = Action.CREATE if row is None else Action.UPDATE if differing else Action.UNCHANGED
    return Change(kind, name, action, differing)


async def _find(tx: Transaction, kind: str, name: str) -> Row | None:
    match kind:
        case "identity":
            return await tx.identities.find_name(name)
        case "project":
            return await tx.projects.find_name(name)
        case _:
            return await tx.scenes.find_name(name)


async def _change(tx: Transaction, kind: str, row: Row | None, fields: Fields) -> Row:
    match kind:
        case "identity":
            if row is None:
                return await create_identity(tx, draft_from(IdentityDraft, fields))
            return (await change_identity(tx, row.id, fields))[0]
        case "project":
            if row is None:
                return await create_project(tx, draft_from(ProjectDraft, fields))
            return (await change_project(tx, row.id, fields))[0]
        case _:
            if row is None:
                return await create_scene(tx, draft_from(SceneDraft, fields))
            return (await change_scene(tx, row.id, fields))[0]


async def _written(tx: Transaction, row: Row) -> dict[str, Any]:
    """The row as a document has it: the fields of its draft, other rows by their names."""
    if isinstance(row, IdentityProfile):
        assets = await tx.assets.with_key(row.lora_key) if row.lora_key else []
        fields = written(IdentityDraft, row)
        return fields | {"lora_key": assets[0].id} if assets else _without(fields, "lora_key" if row.lora_key else "")
    if isinstance(row, Project):
        return written(ProjectDraft, row)
    project = await tx.projects.get(row.project_id) if row.project_id else None
    identity = await tx.identities.get(row.identity_id) if row.identity_id else None
    fields = written(SceneDraft, row, without=REFERENCES) | {
        "project": project and project.name,
        "identity": identity and identity.name,
        "headshot": row.headshot_asset_id or row.headshot_url,
    }
    is_bare_file = row.headshot is not None and row.headshot_asset_id is None  # of before there were assets
    return _without(fields, "headshot" if is_bare_file else "")


def _without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {field: value for field, value in fields.items() if field != name}
