"""The whole of Devatar on this machine, as `make demo` runs it, for tests: small pictures, its own folder and ports."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from activities.workshop import Workshop
from models.enums import JobState, Step
from models.inputs import IdentityDraft, SceneDraft
from models.messages import GenerateSceneResult
from models.tables import IdentityProfile, ProviderJob, Scene
from runtime.approving import approval_of
from runtime.catalog.drafts import draft_from
from runtime.catalog.identities import add_identity
from runtime.catalog.scenes import add_scene
from runtime.embedded import PREFERRED_PORTS, Embedded, embedded
from runtime.launching import SceneHandle, query_progress, start_scene
from runtime.settings import ROOT, load_settings
from runtime.wiring import Parts, assembled

ANY_PORTS = dict.fromkeys(PREFERRED_PORTS, 0)
VOICE = "DevenVoiceClone00001"


@dataclass(frozen=True)
class Stack:
    """Running servers and worker, with our parts wired to them."""

    servers: Embedded
    parts: Parts
    unique: Callable[[], int]

    async def identity(self, **fields: Any) -> IdentityProfile:
        """A new identity; without further fields, one with the studio's good LoRA and a voice."""
        number = self.unique()
        given = {
            "name": f"person-{number}",
            "display_name": f"Person {number}",
            "trigger_word": f"TOK_{number}",
            "subject_description": "a man with short dark hair",
            "lora_url": self.lora("deven.safetensors"),
            "voice_id": VOICE,
        } | fields
        return await add_identity(self.parts.database, draft_from(IdentityDraft, given))

    async def scene(self, dialogue: str, **fields: Any) -> Scene:
        """A new scene."""
        workshop = Workshop(self.parts.objects, self.servers.data_dir / "scratch")
        given = {"name": f"scene-{self.unique()}", "dialogue": dialogue} | fields
        return await add_scene(self.parts.database, workshop, draft_from(SceneDraft, given))

    async def start(self, scene: Scene, queue: str | None = None) -> SceneHandle:
        """Start its workflow, as a rule for the stack's own worker."""
        return await start_scene(self.servers.client, scene, queue or self.parts.settings.task_queue)

    async def film(self, scene: Scene) -> GenerateSceneResult:
        """Generate it to the end."""
        return await (await self.start(scene)).result()

    async def reload(self, scene: Scene) -> Scene:
        """The scene as the database has it now."""
        async with self.parts.database.transaction() as tx:
            found = await tx.scenes.get(scene.id)
        assert found is not None
        return found

    async def jobs(self, scene: Scene) -> list[ProviderJob]:
        """All purchases for it."""
        async with self.parts.database.transaction() as tx:
            return await tx.jobs.of_scene(scene.id)

    async def until(self, scene: Scene, step: Step, state: JobState) -> None:
        """Wait until a purchase of the step is in this state. Raises TimeoutError after 30 s."""
        async with asyncio.timeout(30):
            while not any((job.step, job.state) == (step, state) for job in await self.jobs(scene)):  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async def until_asked(self, scene: Scene, after: str = "") -> str:
        """Wait until a picture of it waits for approval, another than `after`; its token. TimeoutError after 30 s."""
        async with asyncio.timeout(30):
            while True:
                waiting = (await approval_of(self.parts.database, scene.id)).waiting
                if waiting is not None and waiting.token != after:
                    # The run itself hears of its question only after the database has it.
                    progress = await query_progress(self.servers.client, scene.id)
                    if progress is not None and progress.approval is not None:
                        return waiting.token
                await asyncio.sleep(0.1)

    @asynccontextmanager
    async def worker(self, queue: str, settings: Mapping[str, str]) -> AsyncGenerator[str]:
        """One more worker on a task queue of its own, with other settings."""
        process = await self.worker_process(queue, settings)
        try:
            yield queue
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    async def worker_process(self, queue: str, settings: Mapping[str, str]) -> asyncio.subprocess.Process:
        """The same as a process that the caller ends."""
        environment = {**os.environ, **self.servers.environment, **settings, "DEVATAR_TASK_QUEUE": queue}
        log = self.servers.data_dir / "logs" / f"worker-{queue}-{self.unique()}.log"
        with log.open("wb") as output:
            return await asyncio.create_subprocess_exec(
                sys.executable, str(ROOT / "worker.py"), env=environment, cwd=ROOT, stdout=output, stderr=output
            )

    def lora(self, name: str) -> str:
        """The studio's address of a LoRA fixture."""
        return f"{self.servers.studio_url}/files/loras/{name}"

    async def control(self, method: str, path: str, **options: Any) -> Any:
        """Steer or ask the studio."""
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.request(method, f"{self.servers.studio_url}{path}", **options)
            return answer.raise_for_status().json() if answer.content else None

    async def bill(self) -> list[dict[str, Any]]:
        """The studio's bill, one line a job."""
        return (await self.control("GET", "/bill"))["lines"]


@asynccontextmanager
async def running_stack(
    folder: Path, picture: str, ports: Mapping[str, int] = ANY_PORTS, *, api: bool = False
) -> AsyncGenerator[Stack]:
    """Everything started, the HTTP API only when told so, and stopped after the block."""
    counter = iter(range(1, 1_000_000))
    async with (
        embedded(folder, picture=picture, ports=ports, api=api) as servers,
        assembled(load_settings(servers.environment)) as parts,
    ):
        yield Stack(servers, parts, lambda: next(counter))
