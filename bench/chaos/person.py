"""The person of a drill: decides on what waits for a decision, if it says so, and has late results collected."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio.client import WorkflowFailureError
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from domain.jobs import OPEN_STATES
from models.enums import JobState
from models.progress import SceneProgress
from models.tables import ProviderJob, Scene
from runtime.decisions import give_up
from runtime.launching import SceneHandle, tell_purchase_changed
from runtime.schedules import reconcile_now
from tests.support.stack import Stack
from workflows.generate_scene import GenerateSceneWorkflow

LOOK_EVERY_S = 1.0
QUIET = timedelta(seconds=2)  # what moved so recently may be in a worker's hands
PATIENCE_S = 30.0  # a lost answer that no word is said about for so long is hidden
FOR_A_PERSON = "give-up"  # the command that a waiting step names when it is for a person to decide


@dataclass
class Person:
    """Gives up a purchase that waits for a person; `held` and `silent` get its key."""

    stack: Stack
    handles: list[SceneHandle]  # of the scenes' present runs
    scenes: list[Scene]
    task_queue: str
    held: list[str]
    silent: list[str]
    _next_look: float = 0.0
    _since: dict[str, float] = field(default_factory=dict[str, float])
    _pass: asyncio.Task[None] | None = None

    async def look(self) -> None:
        """Look at the scene's purchases, about once a second."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_EVERY_S
        jobs = [job for scene in self.scenes for job in await self.stack.jobs(scene)]
        if any(job.parked_at is not None and job.state in OPEN_STATES for job in jobs):
            self._reconcile()
        lost = [job for job in jobs if _is_lost(job)]
        if not lost:
            return
        shown = [await handle.query(GenerateSceneWorkflow.progress) for handle in self.handles]
        for job in lost:
            await self._consider(job, " ".join(_words(progress, job) for progress in shown))

    def leave(self) -> None:
        """Wait for nothing any more."""
        if self._pass is not None:
            self._pass.cancel()

    async def _consider(self, job: ProviderJob, says: str) -> None:
        key = job.idempotency_key
        if FOR_A_PERSON in says and key in says:
            self.held.append(key)
            await give_up(self.stack.parts.database, key, "the drill's person decided so")
            for scene in self.scenes:
                await tell_purchase_changed(self.stack.servers.client, scene.id)
        elif "answer" in says:  # it is said to be lost, and what comes next
            self._since[key] = time.monotonic()
        elif time.monotonic() - self._since.setdefault(key, time.monotonic()) > PATIENCE_S and key not in self.silent:
            self.silent.append(key)

    def _reconcile(self) -> None:
        if self._pass is None or self._pass.done():
            self._pass = asyncio.create_task(self._one_pass())

    async def _one_pass(self) -> None:
        """A pass under way goes on by itself, also after its worker's death; Temporal may be away."""
        with suppress(RPCError, WorkflowAlreadyStartedError, WorkflowFailureError):
            await reconcile_now(self.stack.servers.client, self.task_queue, QUIET)


def _is_lost(job: ProviderJob) -> bool:
    return job.state == JobState.UNKNOWN and job.written_off_at is None


def _words(progress: SceneProgress, job: ProviderJob) -> str:
    return next(step.waiting_for or "" for step in progress.steps if step.step == job.step)
