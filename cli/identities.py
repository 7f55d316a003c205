"""`starter.py identity`: who speaks."""

from typing import Annotated, Any

import typer

from activities.anchor import without_query
from cli.inputs import changes_of, draft_of
from cli.options import FieldsFile, IdentityOptions, IfVersion, Reset, taking
from cli.output import AsJson, clock, print_facts, print_json, print_table, row_document, run, say
from cli.session import everything, session
from models.inputs import IdentityDraft
from models.tables import IdentityProfile
from runtime.catalog.identities import (
    CountedIdentity,
    add_identity,
    delete_identity,
    get_identity,
    list_identities,
    patch_identity,
    set_default_identity,
)

app = typer.Typer(help="Who speaks: a face (LoRA) and a voice.", no_args_is_help=True)

Reference = Annotated[str, typer.Argument(metavar="REF", help="The identity's id or name.")]


@app.command("add")
@taking(IdentityOptions)
def add(given: dict[str, Any], file: FieldsFile = None, as_json: AsJson = False) -> None:
    """Create an identity from a file, from options, or both."""

    async def work() -> IdentityProfile:
        draft = draft_of(IdentityDraft, file, **given)
        async with session() as open_session:
            return await add_identity(open_session.database, draft)

    _tell(run(work(), as_json=as_json), "added", as_json=as_json)


@app.command("list")
def list_all(
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="Only those that are or are not.")] = None,
    as_json: AsJson = False,
) -> None:
    """All identities by name, with the number of their scenes."""

    async def work() -> list[CountedIdentity]:
        async with session() as open_session:
            return await everything(lambda part: list_identities(open_session.database, part, active=active))

    identities = run(work(), as_json=as_json)
    if as_json:
        print_json([_counted_document(counted) for counted in identities])
    elif identities:
        print_table(("ID", "NAME", "SHOWN AS", "TRIGGER", "FACE", "VOICE", "SCENES", ""), map(_row, identities))
    else:
        say("no identities yet: starter.py identity add --file examples/identity.yaml")


@app.command("show")
def show(reference: Reference, as_json: AsJson = False) -> None:
    """Everything recorded of one identity."""

    async def work() -> CountedIdentity:
        async with session() as open_session:
            return await get_identity(open_session.database, reference)

    counted = run(work(), as_json=as_json)
    document = _counted_document(counted)
    if as_json:
        print_json(document)
        return
    print_facts((name.replace("_", " "), value) for name, value in document.items() if not name.endswith("_at"))
    print_facts([("created", clock(counted.identity.created_at)), ("updated", clock(counted.identity.updated_at))])


@app.command("edit")
@taking(IdentityOptions)
def edit(
    reference: Reference,
    given: dict[str, Any],
    file: FieldsFile = None,
    reset: Reset = None,
    if_version: IfVersion = None,
    as_json: AsJson = False,
) -> None:
    """Change the fields that are given."""

    async def work() -> IdentityProfile:
        changes = changes_of(IdentityDraft, file, given, reset)
        async with session() as open_session:
            return await patch_identity(open_session.database, reference, changes, expected_version=if_version)

    _tell(run(work(), as_json=as_json), "edited", as_json=as_json)


@app.command("rm")
def remove(reference: Reference, if_version: IfVersion = None, as_json: AsJson = False) -> None:
    """Delete an identity. Refused while scenes use it."""

    async def work() -> None:
        async with session() as open_session:
            await delete_identity(open_session.database, reference, expected_version=if_version)

    run(work(), as_json=as_json)
    if as_json:
        print_json({"deleted": reference})
    else:
        say(f"identity {reference} deleted")


@app.command("set-default")
def set_default(reference: Reference, as_json: AsJson = False) -> None:
    """Make it the identity of scenes without one."""

    async def work() -> IdentityProfile:
        async with session() as open_session:
            return await set_default_identity(open_session.database, reference)

    _tell(run(work(), as_json=as_json), "is the default", as_json=as_json)


def identity_document(identity: IdentityProfile) -> dict[str, Any]:
    """The identity for programs; a LoRA's link is shown without its query, where a signature would stand."""
    document = row_document(identity)
    document["lora_url"] = without_query(identity.lora_url) if identity.lora_url else None
    return document


def _tell(identity: IdentityProfile, done: str, *, as_json: bool) -> None:
    if as_json:
        print_json(identity_document(identity))
    else:
        say(f"identity {identity.name} {done}: {identity.id}, version {identity.version}")


def _counted_document(counted: CountedIdentity) -> dict[str, Any]:
    return identity_document(counted.identity) | {"scene_count": counted.scene_count}


def _row(counted: CountedIdentity) -> tuple[object, ...]:
    i = counted.identity
    return i.id, i.name, i.display_name, i.trigger_word, _face(i), i.voice_id, counted.scene_count, _flags(i)


def _face(identity: IdentityProfile) -> str:
    if identity.lora_key or identity.lora_url:
        return f"LoRA x{identity.lora_scale:g}"
    return "default LoRA, if set" if identity.is_default else identity.base_model


def _flags(identity: IdentityProfile) -> str:
    names = ("default" if identity.is_default else "", "" if identity.is_active else "inactive")
    return ", ".join(name for name in names if name)
