"""`starter.py demo`: the main job on this machine alone, from a written scene to a checked film."""

import asyncio
import hashlib
import signal
from pathlib import Path

import httpx
from rich.console import Console
from temporalio.client import WorkflowFailureError

from activities.workshop import Workshop
from cli.follow import follow
from cli.inputs import text_of
from cli.output import Exit, console
from domain.keys import workflow_id
from media.film import check_film
from models.inputs import IdentityDraft, SceneDraft
from models.messages import GenerateSceneResult
from models.tables import Scene
from runtime.catalog.drafts import draft_from_file
from runtime.catalog.identities import add_identity
from runtime.catalog.scenes import add_scene
from runtime.embedded import Embedded, embedded
from runtime.launching import start_scene
from runtime.settings import ROOT, load_settings
from runtime.temporal import ui_link
from runtime.wiring import Parts, assembled
from workflows.visibility import dollars

EXAMPLE_IDENTITY = ROOT / "examples" / "identity.yaml"
EXAMPLE_SCENE = ROOT / "examples" / "scene.yaml"


async def demo(script: str | None, data_dir: Path, *, picture: str, keep: bool) -> int:
    """Start everything, film the example scene, say where the film is; an exit code."""
    stop = _stop_signal()
    async with embedded(data_dir, picture=picture, api=keep) as servers:
        work = asyncio.create_task(_film(servers, script, keep=keep))
        watch = asyncio.create_task(servers.processes.watch())
        interrupted = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([work, watch, interrupted], return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                code = work.result()
            elif watch.done():
                watch.result()
                code = Exit.UNAVAILABLE
            else:
                code = Exit.INTERRUPTED
            if keep and work.done():
                console.print("Servers stay up; Ctrl-C stops them.")
                await asyncio.wait([watch, interrupted], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, watch, interrupted):
                task.cancel()
            await asyncio.gather(work, watch, interrupted, return_exceptions=True)
            console.print("stopping the servers", style="dim")
    return code


async def _film(servers: Embedded, script: str | None, *, keep: bool) -> int:
    settings = load_settings(servers.environment)
    async with assembled(settings) as parts:
        scene = await _example_scene(parts, script)
        link = ui_link(servers.client, settings, workflow_id(scene.id))
        console.print(f"scene {scene.name} ({scene.id}): “{scene.dialogue}”", highlight=False, soft_wrap=True)
        console.print(f"Temporal Web UI: {link}", highlight=False, soft_wrap=True)
        before = await _bill(servers.studio_url)
        handle = await start_scene(servers.client, scene, settings.task_queue)
        await follow(servers.client, handle, scene.id, console)
        try:
            result = await handle.result()
        except WorkflowFailureError as error:
            console.print(f"failed: {error.cause}", style="red", highlight=False, soft_wrap=True)
            return Exit.FAILED
        film = await _deliver(parts, result, servers.data_dir / "films", scene.name)
        _report(console, servers, result, film, await _bill(servers.studio_url) - before, keep=keep)
    return Exit.OK


async def _example_scene(parts: Parts, script: str | None) -> Scene:
    """The example identity and scene, made when absent; each other script is a scene of its own."""
    identity = draft_from_file(IdentityDraft, EXAMPLE_IDENTITY)
    name = f"demo-{hashlib.sha256(script.encode()).hexdigest()[:8]}" if script else None
    draft = draft_from_file(SceneDraft, EXAMPLE_SCENE, dialogue=script, name=name)
    async with parts.database.transaction() as tx:
        known = await tx.identities.find(identity.name)
        scene = await tx.scenes.find(draft.name)
    if known is None:
        await add_identity(parts.database, identity)
    if scene is not None:
        return scene
    return await add_scene(parts.database, Workshop(parts.objects, parts.settings.data_dir / "scratch"), draft)


async def _deliver(parts: Parts, result: GenerateSceneResult, folder: Path, name: str) -> Path:
    """Bring film and captions from the object store into a folder, and check the film once more, as delivered."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    film = folder / f"{name}.mp4"
    await parts.objects.fetch(result.film.key, film)
    await parts.objects.fetch(result.captions_srt.key, film.with_suffix(".srt"))
    await parts.objects.fetch(result.captions_vtt.key, film.with_suffix(".vtt"))
    await asyncio.to_thread(check_film, film, result.duration_s)
    return film


def _report(
    to: Console, servers: Embedded, result: GenerateSceneResult, film: Path, billed: int, *, keep: bool
) -> None:
    mode = f"{result.mode} ({result.mode_reason})"
    if result.mode_fallback:
        to.print(f"FALLBACK: asked for {result.requested_mode}, used {mode}", style="bold yellow")
    to.print(f"film: {film}", highlight=False, soft_wrap=True, markup=False)
    to.print(f"length: {result.duration_s:.2f} s, mode: {mode}", highlight=False)
    to.print(f"studio's bill for this run: {dollars(billed)} (no real money)", highlight=False)
    to.print(f"captions: {film.with_suffix('.srt').name}, {film.with_suffix('.vtt').name} beside it", highlight=False)
    command = f"DEVATAR_ENV_FILE={servers.env_file} .venv/bin/python starter.py"
    if keep:
        to.print(f"Temporal Web UI: {servers.ui_url}", highlight=False)
        to.print(f"HTTP API: {servers.api_url}/api/docs", highlight=False)
        to.print(f"next: {command} scene show {result.scene_id}", highlight=False, soft_wrap=True)
    else:
        to.print('next: make demo SCRIPT="Say something else", or make demo KEEP=1 to look around', highlight=False)


async def _bill(studio_url: str) -> int:
    async with httpx.AsyncClient(trust_env=False) as http:
        return int((await http.get(f"{studio_url}/bill")).raise_for_status().json()["total_usd_micros"])


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def script_of(script: str | None, script_file: Path | None) -> str | None:
    """What the scene shall say. Raises RejectedError for a script file that cannot be read."""
    return script or None if script_file is None else text_of("SCRIPT_FILE", script_file)
