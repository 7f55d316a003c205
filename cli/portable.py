"""`starter.py export`, `import` and `scene import`: identities, projects and scenes as a file."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from activities.anchor import without_query
from cli.output import AsJson, print_json, run, say
from cli.session import session
from domain.rejections import RejectedError
from runtime.catalog.drafts import document_from
from runtime.catalog.portable import Action, Change, apply_import, export_all, plan_import

LONGEST = 60  # characters of a value that a person is shown

File = Annotated[Path, typer.Argument(help="YAML or JSON, as `export` writes it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]

_COUNTED = {  # done, and in a dry run
    Action.CREATE: ("created", "to create"),
    Action.UPDATE: ("changed", "to change"),
    Action.UNCHANGED: ("unchanged", "unchanged"),
}
_STYLE = {Action.CREATE: "green", Action.UPDATE: "yellow", Action.UNCHANGED: "dim"}


def export(
    out: Annotated[
        Path | None, typer.Option(help="A file that only you may read; JSON when it ends so, else YAML.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write all identities, projects and scenes, as `import` takes them: YAML, or JSON with --json.

    Links to LoRAs and headshots come whole, with their signatures; files are named by their assets' ids.
    """

    async def work() -> dict[str, Any]:
        async with session() as open_session:
            document = await export_all(open_session.database)
        if out is not None:
            _write(out, document)
        return document

    document = run(work(), as_json=as_json)
    counts = {kind: len(document[kind]) for kind in ("identities", "projects", "scenes")}
    if out is None and as_json:
        print_json(document)
    elif out is None:
        sys.stdout.write(_yaml(document))
    elif as_json:
        print_json({"file": str(out)} | counts)
    else:
        say(f"written to {out}: {', '.join(f'{kind} {count}' for kind, count in counts.items())}")


def bring(file: File, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Create what is new by name and change what differs, all or nothing; nothing is deleted."""
    _import(file, dry_run=dry_run, scenes_only=False, as_json=as_json)


def bring_scenes(file: File, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """As `import`, for the file's scenes alone; it may also hold the fields of one scene."""
    _import(file, dry_run=dry_run, scenes_only=True, as_json=as_json)


def _import(file: Path, *, dry_run: bool, scenes_only: bool, as_json: bool) -> None:
    async def work() -> list[Change]:
        document = document_from(file)
        if scenes_only:
            document = {"scenes": document.get("scenes", [document])}
        async with session() as open_session:
            return await (plan_import if dry_run else apply_import)(open_session.database, document)

    changes = run(work(), as_json=as_json)
    if as_json:
        print_json({"dry_run": dry_run, "changes": [_document(change) for change in changes]})
    else:
        _print(changes, dry_run=dry_run)


def _print(changes: list[Change], *, dry_run: bool) -> None:
    for change in changes:
        say(f"{change.action:9}  {change.kind} {change.name}", _STYLE[change.action])
        if change.action is Action.UPDATE:
            for field, (before, after) in change.fields.items():
                say(f"             {field}: {_shown(before)} -> {_shown(after)}")
    counts = Counter(change.action for change in changes)
    told = ", ".join(f"{counts[action]} {_COUNTED[action][dry_run]}" for action in Action)
    say(f"dry run, nothing was written: {told}" if dry_run else told)


def _document(change: Change) -> dict[str, Any]:
    fields = {name: {"before": _safe(before), "after": _safe(after)} for name, (before, after) in change.fields.items()}
    return {"kind": change.kind, "name": change.name, "action": change.action, "fields": fields}


def _shown(value: object) -> str:
    text = json.dumps(_safe(value), ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _safe(value: object) -> object:
    """A link without its query, where a signature would stand."""
    return without_query(value) if isinstance(value, str) and value.startswith(("http://", "https://")) else value


def _write(path: Path, document: dict[str, Any]) -> None:
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n" if path.suffix == ".json" else _yaml(document)
    try:
        path.touch(mode=0o600)  # links to LoRAs come with their signatures
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RejectedError("--out", f"{path} cannot be written ({error.strerror})", "Name another file") from None


def _yaml(document: dict[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
