"""`starter.py identity`: who speaks."""

from pathlib import Path
from typing import Annotated, Any

import typer

from activities.anchor import without_query
from cli.inputs import draft_of
from cli.output import AsJson, clock, print_facts, print_json, print_table, row_document, run, say
from cli.session import session
from models.enums import FluxModel
from models.inputs import IdentityDraft
from models.tables import IdentityProfile
from runtime.catalog.identities import add_identity, find_identity

app = typer.Typer(help="Who speaks: a face (LoRA) and a voice.", no_args_is_help=True)

Reference = Annotated[str, typer.Argument(metavar="REF", help="The identity's id or name.")]


@app.command("add")
def add(
    file: Annotated[Path | None, typer.Option(help="YAML or JSON with the fields; options win over it.")] = None,
    name: Annotated[str | None, typer.Option(help="Lower-case letters, digits and dashes.")] = None,
    display_name: Annotated[str | None, typer.Option(help="The name that people read.")] = None,
    description: Annotated[str | None, typer.Option(help="For people only.")] = None,
    subject_description: Annotated[str | None, typer.Option(help="The person's looks, for the prompts.")] = None,
    trigger_word: Annotated[str | None, typer.Option(help="The word that the LoRA was trained on.")] = None,
    lora_url: Annotated[str | None, typer.Option(help="Where the LoRA (.safetensors) is fetched.")] = None,
    lora_scale: Annotated[float | None, typer.Option(help="0 to 1, default 0.95.")] = None,
    base_model: Annotated[FluxModel | None, typer.Option(help="For pictures without the LoRA.")] = None,
    voice_id: Annotated[str | None, typer.Option(help="ElevenLabs voice id.")] = None,
    voice_model: Annotated[str | None, typer.Option(help="ElevenLabs model id.")] = None,
    voice_stability: Annotated[float | None, typer.Option(help="0 to 1.")] = None,
    voice_similarity: Annotated[float | None, typer.Option(help="0 to 1.")] = None,
    voice_style: Annotated[float | None, typer.Option(help="0 to 1.")] = None,
    voice_speaker_boost: Annotated[bool | None, typer.Option("--speaker-boost/--no-speaker-boost")] = None,
    is_default: Annotated[bool | None, typer.Option("--default/--no-default", help="Of scenes without one.")] = None,
    is_active: Annotated[bool | None, typer.Option("--active/--inactive")] = None,
    as_json: AsJson = False,
) -> None:
    """Create an identity from a file, from options, or both."""
    options = {key: value for key, value in locals().items() if key in IdentityDraft.model_fields}

    async def work() -> IdentityProfile:
        draft = draft_of(IdentityDraft, file, **options)
        async with session() as open_session:
            return await add_identity(open_session.database, draft)

    identity = run(work(), as_json=as_json)
    if as_json:
        print_json(identity_document(identity))
    else:
        say(f"identity {identity.name} added: {identity.id}")


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """All identities by name."""

    async def work() -> list[IdentityProfile]:
        async with session() as open_session, open_session.database.transaction() as tx:
            return await tx.identities.list()

    identities = run(work(), as_json=as_json)
    if as_json:
        print_json([identity_document(identity) for identity in identities])
    elif identities:
        rows = ((i.id, i.name, i.display_name, i.trigger_word, _face(i), i.voice_id, _flags(i)) for i in identities)
        print_table(("ID", "NAME", "SHOWN AS", "TRIGGER", "FACE", "VOICE", ""), rows)
    else:
        say("no identities yet: starter.py identity add --file examples/identity.yaml")


@app.command("show")
def show(reference: Reference, as_json: AsJson = False) -> None:
    """Everything recorded of one identity."""

    async def work() -> IdentityProfile:
        async with session() as open_session, open_session.database.transaction() as tx:
            return await find_identity(tx, reference)

    identity = run(work(), as_json=as_json)
    if as_json:
        print_json(identity_document(identity))
        return
    document = identity_document(identity)
    print_facts((name.replace("_", " "), value) for name, value in document.items() if not name.endswith("_at"))
    print_facts([("created", clock(identity.created_at)), ("updated", clock(identity.updated_at))])


def identity_document(identity: IdentityProfile) -> dict[str, Any]:
    """The identity for programs; a LoRA's link is shown without its query, where a signature would stand."""
    document = row_document(identity)
    document["lora_url"] = without_query(identity.lora_url) if identity.lora_url else None
    return document


def _face(identity: IdentityProfile) -> str:
    if identity.lora_key or identity.lora_url:
        return f"LoRA x{identity.lora_scale:g}"
    return "default LoRA, if set" if identity.is_default else identity.base_model


def _flags(identity: IdentityProfile) -> str:
    names = ("default" if identity.is_default else "", "" if identity.is_active else "inactive")
    return ", ".join(name for name in names if name)
