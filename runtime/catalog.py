"""Creating identities and scenes: the rules that need the database, once for the command line and the API."""

import asyncio
from pathlib import Path
from typing import TypeVar, cast

import yaml
from pydantic import ValidationError

from activities.workshop import Workshop
from domain.dialogue import check_dialogue
from domain.media_types import sniff_media_type
from domain.rejections import RejectedError
from media.errors import MediaInvalid
from models.enums import FailureCode
from models.inputs import Draft, IdentityDraft, SceneDraft
from models.tables import IdentityProfile, Scene
from store.database import Database, Transaction

DraftT = TypeVar("DraftT", bound=Draft)

SNIFFED_BYTES = 512
PICTURES = ("image/png", "image/jpeg", "image/webp")


def draft_from(kind: type[DraftT], values: object) -> DraftT:
    """Validate what somebody wrote. Raises RejectedError for the first field that is wrong."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "input"
        raise RejectedError(field, first["msg"], "Correct it and try again") from None


def draft_from_file(kind: type[DraftT], path: Path, **overrides: object) -> DraftT:
    """Read a YAML or JSON file; `overrides` that are not None win. Raises RejectedError."""
    try:
        values: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RejectedError(str(path), f"cannot be read ({error})", "Give a readable YAML or JSON file") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: what looks like a date or number and is none
        raise RejectedError(str(path), f"is not valid YAML: {error}", "Correct the file") from None
    if not isinstance(values, dict):
        raise RejectedError(str(path), "holds no fields", "Write one field a line: name: value")
    given = {name: value for name, value in overrides.items() if value is not None}
    return draft_from(kind, {**cast(dict[str, object], values), **given})


async def add_identity(database: Database, draft: IdentityDraft) -> IdentityProfile:
    """Create an identity. Raises RejectedError for a name or trigger word that is taken and an inactive default."""
    if draft.is_default and not draft.is_active:
        raise RejectedError("is_active", "the default identity has to be active", "Activate it, or make it no default")
    async with database.transaction() as tx:
        taken = await tx.identities.taken_by(name=draft.name, trigger_word=draft.trigger_word)
        if taken is not None:
            field = "name" if taken.name == draft.name else "trigger_word"
            raise RejectedError(field, f"{getattr(draft, field)!r} belongs to {taken.name!r}", "Choose another")
        if draft.is_default:
            await tx.identities.clear_default()
        return await tx.identities.add(IdentityProfile(**draft.model_dump()))


async def add_scene(database: Database, workshop: Workshop | None, draft: SceneDraft) -> Scene:
    """Create a scene; a headshot file goes into the object store, which only then is needed. Raises RejectedError."""
    identity = await _identity(database, draft)
    model = identity.voice_model if identity else IdentityDraft.model_fields["voice_model"].default
    check_dialogue(draft.dialogue, model=model, speed=1.0, max_speech_s=float("inf"))
    headshot_url, headshot = None, None
    if draft.headshot and draft.headshot.startswith(("http://", "https://")):
        headshot_url = draft.headshot
    elif draft.headshot:
        if workshop is None:
            raise ValueError("a headshot file needs a workshop")
        headshot = await _store_headshot(workshop, Path(draft.headshot))
    values = draft.model_dump(exclude={"identity", "headshot"})
    async with database.transaction() as tx:
        if await tx.scenes.find(draft.name) is not None:
            raise RejectedError("name", f"there is a scene {draft.name!r} already", "Choose another")
        scene = Scene(**values, identity_id=identity and identity.id, headshot_url=headshot_url, headshot=headshot)
        return await tx.scenes.add(scene)


async def find_scene(tx: Transaction, reference: str) -> Scene:
    """By id or name. Raises RejectedError (`not_found`)."""
    scene = await tx.scenes.find(reference)
    if scene is None:
        raise RejectedError(
            "scene", f"there is no scene {reference!r}", "See `starter.py scene list`", FailureCode.NOT_FOUND
        )
    return scene


async def find_identity(tx: Transaction, reference: str) -> IdentityProfile:
    """By id or name. Raises RejectedError (`not_found`)."""
    identity = await tx.identities.find(reference)
    if identity is None:
        raise RejectedError(
            "identity",
            f"there is no identity {reference!r}",
            "See `starter.py identity list`",
            FailureCode.NOT_FOUND,
        )
    return identity


async def _identity(database: Database, draft: SceneDraft) -> IdentityProfile | None:
    if draft.identity is None:
        return None
    async with database.transaction() as tx:
        return await find_identity(tx, draft.identity)


async def _store_headshot(workshop: Workshop, path: Path) -> dict[str, object]:
    media_type = await asyncio.to_thread(_sniff, path)
    if media_type not in PICTURES:
        raise RejectedError("headshot", f"{path} is no PNG, JPEG or WebP picture", "Give a photograph of the face")
    try:
        ref = await workshop.keep(path, media_type)
    except MediaInvalid as error:
        raise RejectedError(
            "headshot", f"{path} is damaged ({error})", "Give a photograph of the face", FailureCode.MEDIA_INVALID
        ) from None
    return ref.model_dump(mode="json")


def _sniff(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return sniff_media_type(file.read(SNIFFED_BYTES))
    except OSError as error:
        raise RejectedError("headshot", f"{path} cannot be read ({error.strerror})", "Give a readable file") from None
