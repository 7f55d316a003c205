"""`starter.py scene generate|status|logs|cancel`: running a scene, watching it, stopping it."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from temporalio.client import Client
from temporalio.service import RPCError

from cli import outcome as outcomes
from cli.follow import follow, unanswered
from cli.outcome import Outcome, outcome_document, print_result, print_status
from cli.output import AsJson, Exit, console, errors, note, print_json, run, say
from cli.plan import Fresh
from cli.scenes import Reference
from cli.session import Session, session, user_name
from models.enums import SceneStatus
from models.tables import Scene
from runtime.catalog.takes import check_start
from runtime.launching import Run, SceneHandle, cancel_scene, look, newest_run, scene_handle, start_or_attach
from runtime.temporal import ui_link

CANCEL_PATIENCE_S = 20.0  # a cancel reaches a heartbeating activity within some seconds; the vendors get five more
LOOK_AGAIN_S = 0.5


def generate(
    reference: Reference,
    fresh: Fresh = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the run to its end.")] = True,
    as_json: AsJson = False,
) -> None:
    """Film a scene: start a run, or join the one under way, and follow it. Ctrl-C leaves; the run goes on.

    Exit codes: 0 filmed or started, 1 failed, 2 wrong input, 3 unknown scene, 4 service away, 5 canceled, 6 under way
    already, which makes no step anew, 130 left.
    """

    async def work() -> Outcome:
        async with session() as open_session:
            scene = await open_session.scene(reference)
            await check_start(open_session.database, open_session.settings, scene, fresh or ())
            client = await open_session.temporal()
            queue, user = open_session.settings.task_queue, user_name()
            handle, joined = await start_or_attach(client, scene, queue, fresh=fresh or (), started_by=user)
            told = errors if as_json else console
            _announce(told, open_session, client, scene, handle, joined=joined)
            if wait:
                outcome = await _followed(open_session, client, scene, handle, told)
            else:
                outcome = await outcomes.just_started(client, scene, handle)
            return outcomes.attached(outcome, to_running=joined)

    outcome = run(work(), as_json=as_json)
    if as_json:
        print_json(outcome_document(outcome))
    elif wait:
        print_result(outcome)
    else:
        if outcome.run is not None and outcome.run.workers == 0:
            note(unanswered(outcome.run))
        say(f"to follow it: {_how_to_follow(outcome.scene)}")
    raise typer.Exit(outcome.exit_code)


def status(
    reference: Reference,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the run to its end; exits as `generate`.")] = False,
    as_json: AsJson = False,
) -> None:
    """How a scene stands: each step of its newest run, what it waits for, and what came of it."""

    async def work() -> Outcome:
        async with session() as open_session:
            scene = await open_session.scene(reference)
            client = await open_session.temporal_if_there()
            newest = await _newest(client, scene)
            if client is None or newest is None:
                return outcomes.of_record(open_session, scene)
            handle = scene_handle(client, scene.id, newest.run_id)
            if watch:
                return await _followed(open_session, client, scene, handle, errors if as_json else console)
            return await outcomes.of_run(open_session, client, scene, handle)

    outcome = run(work(), as_json=as_json)
    if as_json:
        print_json(outcome_document(outcome))
    elif watch and outcome.run is not None:
        print_result(outcome)
    else:
        print_status(outcome)
    raise typer.Exit(outcome.exit_code if watch else Exit.OK)


def cancel(reference: Reference, as_json: AsJson = False) -> None:
    """Stop the run of a scene, also at the vendors where they take it; what is bought already is kept for the next."""

    async def work() -> tuple[bool, Outcome]:
        async with session() as open_session:
            scene = await open_session.scene(reference)
            client = await open_session.temporal()
            newest = await newest_run(client, scene.id)
            if newest is None or newest.over or not await cancel_scene(client, scene.id):
                return False, outcomes.of_record(open_session, await open_session.scene(scene.id))
            handle = scene_handle(client, scene.id, newest.run_id)
            await _until_over(client, handle)
            return True, await outcomes.of_run(open_session, client, scene, handle)

    requested, outcome = run(work(), as_json=as_json)
    if as_json:
        print_json({"requested": requested} | outcome_document(outcome))
    elif not requested:
        say(f"nothing to cancel: scene {outcome.scene.name} is {outcome.status}")
    elif outcome.run is not None and not outcome.run.over:
        say("the cancel is requested, the run has not ended yet", "yellow")
        if outcome.run.workers == 0:
            say(unanswered(outcome.run), "yellow")
        say(f"to follow it: starter.py scene status {outcome.scene.name} --watch")
    elif outcome.status is SceneStatus.CANCELED:
        say(f"scene {outcome.scene.name} is canceled")
    else:
        say(f"the run ended before the cancel reached it: {outcome.status}", "yellow")


def _announce(
    told: Console, open_session: Session, client: Client, scene: Scene, handle: SceneHandle, *, joined: bool
) -> None:
    what = "joined the run that is under way" if joined else "started a run"
    told.print(f"scene {scene.name} ({scene.id}): {what}: {handle.run_id}", highlight=False, soft_wrap=True)
    if link := ui_link(client, open_session.settings, handle.id, handle.run_id):
        told.print(f"Temporal Web UI: {link}", highlight=False, soft_wrap=True)


async def _followed(open_session: Session, client: Client, scene: Scene, handle: SceneHandle, told: Console) -> Outcome:
    """Show progress until the run ends. Leaving with Ctrl-C is told, and ends nothing but this command."""
    try:
        await follow(client, handle, scene.id, told)
        return await outcomes.of_run(open_session, client, scene, handle)
    except asyncio.CancelledError:
        note(f"\nleft; the run goes on. To follow it again: {_how_to_follow(scene)}")
        note(f"to stop it: starter.py scene cancel {scene.name}")
        raise


def _how_to_follow(scene: Scene) -> str:
    return f"starter.py scene generate {scene.name} (joins the run), or starter.py scene status {scene.name} --watch"


async def _newest(client: Client | None, scene: Scene) -> Run | None:
    """None also when the server fails: the record is then all there is."""
    if client is None:
        return None
    try:
        return await newest_run(client, scene.id)
    except RPCError as error:
        note(f"note: Temporal does not answer ({error}); this is what the database says")
        return None


async def _until_over(client: Client, handle: SceneHandle) -> None:
    """Wait a while; without a worker there is nothing to wait for."""
    try:
        async with asyncio.timeout(CANCEL_PATIENCE_S):
            while True:
                seen = await look(client, handle)
                if seen.over or seen.workers == 0:
                    return
                await asyncio.sleep(LOOK_AGAIN_S)
    except TimeoutError:
        return
