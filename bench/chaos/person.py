"""The person of a drill: looks at what waits for a decision, checks that it says so, and decides."""

import time
from dataclasses import dataclass, field

from models.enums import JobState
from models.progress import SceneProgress
from models.tables import ProviderJob, Scene
from runtime.decisions import give_up
from runtime.launching import SceneHandle, tell_purchase_changed
from tests.support.stack import Stack
from workflows.generate_scene import GenerateSceneWorkflow

LOOK_EVERY_S = 1.0
PATIENCE_S = 30.0  # a lost answer that no word is said about for so long is hidden
FOR_A_PERSON = "give-up"  # the command that a waiting step names when it is for a person to decide


@dataclass
class Person:
    """Gives up a purchase that waits for a person; `held` and `silent` get its key."""

    stack: Stack
    handle: SceneHandle
    scene: Scene
    held: list[str]
    silent: list[str]
    _next_look: float = 0.0
    _since: dict[str, float] = field(default_factory=dict[str, float])

    async def look(self) -> None:
        """Look at the scene's purchases, about once a second."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_EVERY_S
        lost = [job for job in await self.stack.jobs(self.scene) if _is_lost(job)]
        if not lost:
            return
        progress = await self.handle.query(GenerateSceneWorkflow.progress)
        for job in lost:
            await self._consider(job, _words(progress, job))

    async def _consider(self, job: ProviderJob, says: str) -> None:
        key = job.idempotency_key
        if FOR_A_PERSON in says and key in says:
            self.held.append(key)
            await give_up(self.stack.parts.database, key, "the drill's person decided so")
            await tell_purchase_changed(self.stack.servers.client, self.scene.id)
        elif "answer" in says:  # it is said to be lost, and what comes next
            self._since[key] = time.monotonic()
        elif time.monotonic() - self._since.setdefault(key, time.monotonic()) > PATIENCE_S and key not in self.silent:
            self.silent.append(key)


def _is_lost(job: ProviderJob) -> bool:
    return job.state == JobState.UNKNOWN and job.written_off_at is None


def _words(progress: SceneProgress, job: ProviderJob) -> str:
    return next(step.waiting_for or "" for step in progress.steps if step.step == job.step)
