"""One run of the drill: a scene, its workers that die, and the person who decides what only a person can."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError

from bench.chaos.keeper import Keeper
from bench.chaos.person import Person
from bench.chaos.plan import Kill, Run, Target
from bench.chaos.stage import Stage
from bench.chaos.worker import Assignment
from models.enums import GenerationMode, Provider, Step
from models.tables import Scene
from runtime.launching import SceneHandle, start_scene
from tests.support.stack import Stack
from tests.support.studio import KLING_ACCESS_KEY, KLING_SECRET_KEY

Result = TypeVar("Result")

PATIENCE_S = 300.0
LOOK_S = 0.2
OUTAGES = (DBAPIError, OSError, RPCError)  # a server is down, and its restart under way
UNKNOWN_IMAGE = "rebuy_after:5"
SPEECH_TIMEOUT_S = "10"  # so long an order that the vendor does not list may still be at work
ELEVENLABS, FAL, KLING, SYNC = (provider.value for provider in Provider)

# The models of a run whose answer gets lost are nobody else's, so that the studio's fault falls on it alone.
_LOST: Mapping[Target, tuple[str, str]] = {
    Target.SPEECH: (ELEVENLABS, "eleven_multilingual_v2"),
    Target.IMAGE: (FAL, "fal-ai/flux/schnell"),
    Target.VIDEO_FAL: (FAL, "fal-ai/kling-video/v2.5-turbo/pro/image-to-video"),
    Target.VIDEO_KLING: (KLING, "kling-v3"),
    Target.LIPSYNC: (SYNC, "lipsync-1.9.0-beta"),
}


@dataclass
class Filmed:
    """What the driver itself saw of a run; everything else is evidence."""

    run: Run
    number: int
    scene: Scene
    token: str
    took_s: float = 0.0
    deaths: int = 0
    exits: int = 0  # of workers that nobody killed
    in_time: bool = True
    disturbed: bool = False  # a server was killed meanwhile
    held: list[str] = field(default_factory=list[str])  # purchases that waited for a person, and said so
    silent: list[str] = field(default_factory=list[str])  # purchases that waited for a person without a word


async def film(stage: Stage, run: Run) -> Filmed:
    """Film one scene to its end, whatever happens to its workers."""
    stack = stage.stacks[run.database]
    number = stack.unique()
    token = f"stage {number:05d}"
    scene = await through_outages(lambda: _scene(stack, run, number, token))
    if run.lost is not None:
        await _lose_answer(stack, run.lost)
    filmed = Filmed(run, number, scene, token)
    keepers = [Keeper(_assignment(stage, run, number, worker)) for worker in range(run.workers)]
    began = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE_S):
            handle = await through_outages(lambda: start_scene(stage.servers.client, scene, _queue(number)))
            await _until_over(stack, handle, filmed, keepers)
    except TimeoutError:
        filmed.in_time = False
    finally:
        for keeper in keepers:
            keeper.close()
    filmed.took_s = time.monotonic() - began
    filmed.deaths = sum(keeper.deaths for keeper in keepers)
    filmed.exits = sum(keeper.exits for keeper in keepers)
    return filmed


async def _until_over(stack: Stack, handle: SceneHandle, filmed: Filmed, keepers: list[Keeper]) -> None:
    person = Person(stack, handle, filmed.scene, _queue(filmed.number), filmed.held, filmed.silent)
    due = list(filmed.run.kills)
    began = time.monotonic()
    end = asyncio.create_task(_end_of(handle))
    try:
        while not end.done():
            for keeper in keepers:
                keeper.keep()
            due = _kill_due(due, time.monotonic() - began, keepers)
            with suppress(*OUTAGES):
                await person.look()
            await asyncio.wait([end], timeout=LOOK_S)
        await end
    finally:
        end.cancel()
        person.leave()


def _kill_due(due: list[Kill], elapsed_s: float, keepers: list[Keeper]) -> list[Kill]:
    for kill in due:
        if kill.after_s <= elapsed_s:
            keepers[kill.worker].kill()
    return [kill for kill in due if kill.after_s > elapsed_s]


async def _end_of(handle: SceneHandle) -> None:
    """Wait for the workflow's end, through outages of the server."""
    while True:
        try:
            await handle.result()
        except WorkflowFailureError:
            return
        except RPCError:
            await asyncio.sleep(LOOK_S)
        else:
            return


async def through_outages(do: Callable[[], Awaitable[Result]]) -> Result:
    """Do it as soon as the servers are there."""
    while True:
        try:
            return await do()
        except OUTAGES:
            await asyncio.sleep(LOOK_S)


async def _scene(stack: Stack, run: Run, number: int, token: str) -> Scene:
    """A scene that is new to the vendors and to us in every step, and that they can be asked about by its token."""
    mode = GenerationMode.STANDARD if run.lost is Target.IMAGE else run.mode
    voice_model = _LOST[Target.SPEECH][1] if run.lost is Target.SPEECH else "eleven_turbo_v2_5"
    base_model = "flux-schnell" if run.lost is Target.IMAGE else "flux-dev"
    identity = await stack.identity(voice_model=voice_model, base_model=base_model)
    fields = {"identity": identity.name, "generation_mode": mode, "seed": number, "environment": token}
    return await stack.scene(f"Take {number}.", **fields)


async def _lose_answer(stack: Stack, target: Target) -> None:
    provider, model = _LOST[target]
    fault = {"provider": provider, "model": model, "fault": "accept_then_drop"}
    await stack.control("POST", "/control/faults", json=fault)


def _assignment(stage: Stage, run: Run, number: int, worker: int) -> Assignment:
    marks = stage.folder / "marks" / str(number)
    marks.mkdir(parents=True, exist_ok=True)
    return Assignment(
        environment={**os.environ, **stage.servers.environment, **_settings(stage, run, number)},
        log=stage.folder / "logs" / f"run-{number}-{worker}.log",
        marks=marks,
        crashes=run.crashes,
        broken_puts=run.broken_puts,
        sabotage=run.sabotage,
    )


def _settings(stage: Stage, run: Run, number: int) -> dict[str, str]:
    chosen = {
        "DATABASE_URL": stage.urls[run.database],
        "DEVATAR_TASK_QUEUE": _queue(number),
        "DEVATAR_UNKNOWN_IMAGE": UNKNOWN_IMAGE,
        "DEVATAR_SPEECH_TIMEOUT_SECONDS": SPEECH_TIMEOUT_S,
        "DEVATAR_RECONCILE_MINUTES": "0",  # no queue of the drill outlives its scene
    }
    if run.video is Provider.KLING:
        chosen |= {"KLING_ACCESS_KEY": KLING_ACCESS_KEY, "KLING_SECRET_KEY": KLING_SECRET_KEY}
    if run.lost is not None and run.lost.step is Step.VIDEO:
        chosen["DEVATAR_VIDEO_MODEL"] = _LOST[run.lost][1]
    if run.lost is Target.LIPSYNC:
        chosen["DEVATAR_LIPSYNC_MODEL"] = _LOST[run.lost][1]
    if run.impatient:
        chosen["DEVATAR_POLL_PATIENCE_MINUTES"] = "0.01"
    return chosen


def _queue(number: int) -> str:
    return f"drill-{number}"
