"""One run of the drill: its scenes, its workers that die, and the person who decides what only a person can."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError

from bench.chaos.casting import assignment, lose_answer, queue_of, scenes_of
from bench.chaos.keeper import Keeper
from bench.chaos.person import Person
from bench.chaos.plan import Kill, Run
from bench.chaos.stage import Stage
from models.tables import Scene
from runtime.launching import SceneHandle, cancel_scene, mend, start_scene
from tests.support.stack import Stack

Result = TypeVar("Result")

PATIENCE_S = 300.0
LOOK_S = 0.2
OUTAGES = (DBAPIError, OSError, RPCError)  # a server is down, and its restart under way


@dataclass
class Filmed:
    """What the driver itself saw of a run; everything else is evidence."""

    run: Run
    number: int
    scenes: list[Scene]  # one, or two that need the same things
    token: str
    took_s: float = 0.0
    deaths: int = 0
    exits: int = 0  # of workers that nobody killed
    in_time: bool = True
    disturbed: bool = False  # a server was killed meanwhile
    abandoned: int = 0  # runs that were terminated
    canceled: int = 0  # runs that were canceled in time
    held: list[str] = field(default_factory=list[str])  # purchases that waited for a person, and said so
    silent: list[str] = field(default_factory=list[str])  # purchases that waited for a person without a word


async def film(stage: Stage, run: Run) -> Filmed:
    """Film the scenes of a run to their end, whatever happens to their workers."""
    stack = stage.stacks[run.database]
    number = stack.unique()
    token = f"stage {number:05d}"
    scenes = await through_outages(lambda: scenes_of(stack, run, number, token))
    if run.lost is not None:
        await lose_answer(stack, run.lost)
    filmed = Filmed(run, number, scenes, token)
    workers = len(scenes) if run.shared else run.workers
    keepers = [Keeper(assignment(stage, run, number, worker)) for worker in range(workers)]
    began = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE_S):
            await _Filming(stack, filmed, keepers).go()
    except TimeoutError:
        filmed.in_time = False
    finally:
        for keeper in keepers:
            keeper.close()
    filmed.took_s = time.monotonic() - began
    filmed.deaths = sum(keeper.deaths for keeper in keepers)
    filmed.exits = sum(keeper.exits for keeper in keepers)
    return filmed


class _Filming:
    """The scenes under way, side by side."""

    def __init__(self, stack: Stack, filmed: Filmed, keepers: list[Keeper]) -> None:
        self._stack = stack
        self._filmed = filmed
        self._keepers = keepers
        self._handles: list[SceneHandle] = []
        self._ends: list[asyncio.Task[None]] = []
        self._due = list(filmed.run.kills)
        self._cancel_s = filmed.run.cancel_s
        self._began = 0.0

    async def go(self) -> None:
        """Start all scenes and see them to their ends."""
        filmed = self._filmed
        self._handles = [await self._start(index) for index in range(len(filmed.scenes))]
        self._ends = [asyncio.create_task(_end_of(handle)) for handle in self._handles]
        self._began = time.monotonic()
        queue = queue_of(filmed.run, filmed.number, 0)
        person = Person(self._stack, self._handles, filmed.scenes, queue, filmed.held, filmed.silent)
        try:
            while not all(end.done() for end in self._ends):
                await self._tick(person)
            await asyncio.gather(*self._ends)
        finally:
            for end in self._ends:
                end.cancel()
            person.leave()

    async def _tick(self, person: Person) -> None:
        for keeper in self._keepers:
            keeper.keep()
        self._due = _kill_due(self._due, time.monotonic() - self._began, self._keepers)
        with suppress(*OUTAGES):
            await person.look()
        if self._filmed.run.abandoned and not self._filmed.abandoned:
            await self._abandon()
        if self._cancel_s is not None and time.monotonic() - self._began >= self._cancel_s:
            self._cancel_s = None
            await self._cancel()
        await asyncio.wait(self._ends, timeout=LOOK_S)

    async def _abandon(self) -> None:
        """Terminate the run whose worker has died; it is started again when the other scene has ended."""
        dead = next((index for index, keeper in enumerate(self._keepers) if keeper.deaths), None)
        if dead is None:
            return
        self._filmed.abandoned = 1
        await self._handles[dead].terminate("the drill gives it up")
        self._ends[dead].cancel()
        await mend(self._stack.parts.database, self._stack.servers.client, await self._scene(dead))
        self._ends[dead] = asyncio.create_task(self._again(dead))

    async def _cancel(self) -> None:
        """Cancel the scene's run; it is started again when that has ended."""
        client, scene = self._stack.servers.client, self._filmed.scenes[0]
        self._filmed.canceled = int(await through_outages(lambda: cancel_scene(client, scene.id)))
        if self._filmed.canceled:
            self._ends[0] = asyncio.create_task(self._after(self._ends[0]))

    async def _after(self, end: asyncio.Task[None]) -> None:
        await end
        self._handles[0] = await self._start(0)
        await _end_of(self._handles[0])

    async def _again(self, index: int) -> None:
        await asyncio.gather(*(end for other, end in enumerate(self._ends) if other != index))
        self._handles[index] = await self._start(index)
        await _end_of(self._handles[index])

    async def _start(self, index: int) -> SceneHandle:
        filmed, client = self._filmed, self._stack.servers.client
        queue = queue_of(filmed.run, filmed.number, index)
        return await through_outages(lambda: start_scene(client, filmed.scenes[index], queue))

    async def _scene(self, index: int) -> Scene:
        return await self._stack.reload(self._filmed.scenes[index])


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
