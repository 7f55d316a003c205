"""`starter.py asset`: files that somebody brought: headshots, voice samples, LoRAs."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.inputs import draft_of
from cli.output import AsJson, print_json, print_table, row_document, run, say
from cli.session import everything, session
from models.enums import AssetKind
from models.inputs import AssetDraft
from models.tables import Asset
from runtime.catalog.assets import Limits, add_asset, delete_asset, list_assets

app = typer.Typer(help="Files: headshots, backgrounds, voice samples, LoRAs.", no_args_is_help=True)


@app.command("add")
def add(
    file: Annotated[Path, typer.Argument(help="The file; what it is, its content tells.")],
    kind: Annotated[AssetKind, typer.Option(case_sensitive=False, help="What it is for.")],
    name: Annotated[str | None, typer.Option(help="How people call it; default: the file's name.")] = None,
    project: Annotated[str | None, typer.Option(help="Id or name of the project that it belongs to.")] = None,
    identity: Annotated[
        str | None, typer.Option(help="Id or name of the identity that a headshot shows, for the identity check.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Keep a file in the object store."""

    async def work() -> Asset:
        draft = draft_of(AssetDraft, None, kind=kind, name=name or file.name, project=project, identity=identity)
        async with session() as open_session:
            limits = Limits(min_lora_bytes=open_session.settings.min_lora_bytes)
            return await add_asset(open_session.database, open_session.workshop(), draft, file, limits)

    asset = run(work(), as_json=as_json)
    if as_json:
        print_json(row_document(asset))
    else:
        say(f"asset {asset.name} added: {asset.id}")


@app.command("list")
def list_all(
    kind: Annotated[AssetKind | None, typer.Option(case_sensitive=False, help="Only these.")] = None,
    project: Annotated[str | None, typer.Option(help="Only those of this project, by id or name.")] = None,
    identity: Annotated[str | None, typer.Option(help="Only those of this identity, by id or name.")] = None,
    as_json: AsJson = False,
) -> None:
    """Assets, newest first."""

    async def work() -> list[Asset]:
        async with session() as open_session:
            chosen = partial(list_assets, open_session.database, kind=kind, project=project, identity=identity)
            return await everything(chosen)

    assets = run(work(), as_json=as_json)
    if as_json:
        print_json([row_document(asset) for asset in assets])
    elif assets:
        rows = ((a.id, a.kind, a.name, a.artifact["media_type"], a.size, _measure(a), a.project_id) for a in assets)
        print_table(("ID", "KIND", "NAME", "TYPE", "BYTES", "", "PROJECT"), rows)
    else:
        say("no assets yet: starter.py asset add FILE --kind HEADSHOT")


@app.command("rm")
def remove(
    reference: Annotated[str, typer.Argument(metavar="ID", help="The asset's id.")], as_json: AsJson = False
) -> None:
    """Delete an asset, and its file when nothing else holds it. Refused while anything uses it."""

    async def work() -> None:
        async with session() as open_session:
            await delete_asset(open_session.database, open_session.workshop(), reference)

    run(work(), as_json=as_json)
    if as_json:
        print_json({"deleted": reference})
    else:
        say(f"asset {reference} deleted")


def _measure(asset: Asset) -> Any:
    if asset.width:
        return f"{asset.width}x{asset.height}"
    return f"{asset.duration_s:.2f} s" if asset.duration_s else None
