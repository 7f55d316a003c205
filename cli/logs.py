"""`starter.py scene logs`: what happened to a scene, event by event."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Any

import typer
from rich.text import Text
from temporalio.client import Client

from cli.output import AsJson, console, print_json, row_document, run, say
from cli.scenes import Reference
from cli.session import Session, session
from models.enums import LogLevel, SceneStatus
from models.tables import GenerationLog, Scene
from runtime.launching import newest_run
from workflows.visibility import dollars

PAGE = 500
LOOK_AGAIN_S = 1.0

_STYLE = {LogLevel.DEBUG: "dim", LogLevel.INFO: "green", LogLevel.WARN: "yellow", LogLevel.ERROR: "bold red"}


def logs(
    reference: Reference,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends.")] = False,
    as_json: AsJson = False,
) -> None:
    """The generation log of all runs: level, step, provider, message, duration, cost, error code.

    With --json one array; with --follow --json one document a line, as they come.
    """

    async def work() -> list[dict[str, Any]]:
        collected: list[dict[str, Any]] = []
        async with session() as open_session:
            scene = await open_session.scene(reference)
            async for row in _rows(open_session, scene, follow=follow):
                if not as_json:
                    _print_row(row)
                elif follow:
                    print_json(row_document(row), indent=None)
                else:
                    collected.append(row_document(row))
        return collected

    collected = run(work(), as_json=as_json)
    if as_json and not follow:
        print_json(collected)


async def _rows(open_session: Session, scene: Scene, *, follow: bool) -> AsyncGenerator[GenerationLog]:
    """Every row once; `follow` waits for more until the run is over, and then looks once more."""
    client = await open_session.temporal_if_there() if follow else None
    after = 0
    while True:
        goes_on = follow and await _goes_on(open_session, client, scene)
        while True:
            async with open_session.database.transaction() as tx:
                page = await tx.logs.of_scene(scene.id, after=after, limit=PAGE)
            for row in page:
                after = row.id or after
                yield row
            if len(page) < PAGE:
                break
        if not goes_on:
            return
        await asyncio.sleep(LOOK_AGAIN_S)


async def _goes_on(open_session: Session, client: Client | None, scene: Scene) -> bool:
    """Asked of the server, where it is there: a run that no worker has taken up is not in the record yet."""
    if client is None:
        return (await open_session.scene(scene.id)).status == SceneStatus.GENERATING
    newest = await newest_run(client, scene.id)
    return newest is not None and not newest.over


def _print_row(row: GenerationLog) -> None:
    facts = [
        f"{row.duration_ms / 1000:.1f} s" if row.duration_ms is not None else "",
        dollars(row.cost_micros) if row.cost_micros is not None else "",
        f"[{row.error_code}]" if row.error_code else "",
    ]
    tail = " ".join(fact for fact in facts if fact)
    console.print(
        Text.assemble(
            (f"{row.created_at:%m-%d %H:%M:%S} ", "dim"),
            (f"{row.level:<5} ", _STYLE.get(LogLevel(row.level), "")),
            f"{row.step:<19} {row.provider:<10} {row.message}",
            (f"  {tail}" if tail else "", "dim"),
        ),
        soft_wrap=True,
    )
    if row.error_code and row.payload.get("detail"):
        say(f"{'':21}{row.payload['detail']}", "dim")
