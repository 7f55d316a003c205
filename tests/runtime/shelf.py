"""Scenes to plan, and purchases that may serve them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from activities.loras import current_settings, identity_of
from activities.wanted import Wanted
from domain.estimates import PlannedStep, RunPlan
from domain.orders import clips_for, image_request, lipsync_request, video_request
from domain.scene_plan import plan_scene
from models.artifacts import ArtifactRef
from models.enums import JobState, Provider, Step
from models.inputs import IdentityDraft, SceneDraft
from models.messages import RunRef
from models.requests import Lora, PaidRequest
from models.scene import ScenePlan
from models.tables import ProviderJob, Scene, now
from runtime.catalog.drafts import draft_from
from runtime.catalog.identities import add_identity
from runtime.catalog.plans import plan_run
from runtime.catalog.scenes import add_scene
from runtime.wiring import Parts, workshop_of
from tests.support.ledger import book
from tests.support.studio import VOICE

WORDS = "Hello, and thank you for watching."
SPEECH_S = 2.4
PROVIDERS = {
    Step.SPEECH: Provider.ELEVENLABS,
    Step.IMAGE: Provider.FAL,
    Step.VIDEO: Provider.FAL,
    Step.LIPSYNC: Provider.SYNC,
}


@dataclass(frozen=True)
class Shelf:
    """A ledger with an object store, to be filled."""

    parts: Parts
    folder: Path

    async def scene(self, name: str = "one", *, person: dict[str, Any] | None = None, **fields: Any) -> Scene:
        """A scene whose picture is drawn from its prompt, with an identity of its own."""
        known = {"display_name": name, "trigger_word": f"TOK_{name}", "voice_id": VOICE} | (person or {})
        await add_identity(self.parts.database, draft_from(IdentityDraft, {"name": name} | known))
        given = {"name": name, "dialogue": WORDS, "identity": name} | fields
        return await add_scene(self.parts.database, workshop_of(self.parts), draft_from(SceneDraft, given))

    async def sell(
        self, scene: Scene, step: Step, request: PaidRequest, state: JobState = JobState.STORED, **fields: Any
    ) -> ProviderJob:
        """A purchase of a scene; one that is STORED has its object, whose bytes are made up."""
        run, clip = RunRef(scene_id=scene.id, run_id="run1"), 1 if step is Step.VIDEO else None
        order = Wanted(run, step, PROVIDERS[step], request, clip).order()
        artifact = await self.keep(f"{step} {order.fingerprint}") if state is JobState.STORED else None
        columns: dict[str, Any] = {
            "scene_id": scene.id,
            "run_id": "run1",
            "step": step,
            "clip": clip,
            "take": 1,
            "provider": order.provider,
            "model": order.model,
            "idempotency_key": f"{scene.id}-{step}-1",
            "fingerprint": order.fingerprint,
            "claim": order.claim,
            "state": state,
            "request_id": "r1",
            "request": order.request,
            "estimated_cost_micros": order.estimated_cost_micros,
            "artifact": artifact and artifact.model_dump(mode="json"),
            "stored_at": now() if artifact else None,
        } | fields
        job = ProviderJob(**columns)
        await book(self.parts.database, job)
        return job

    async def sell_all(self, scene: Scene, lora: Lora | None = None) -> None:
        """Everything that a run of the scene needs."""
        plan = await self.planned(scene)
        assert plan.image is not None
        speech = _result(await self.sell(scene, Step.SPEECH, plan.speech))
        picture = _result(await self.sell(scene, Step.IMAGE, image_request(plan, plan.image, lora)))
        clips = clips_for(plan, SPEECH_S)
        video = _result(await self.sell(scene, Step.VIDEO, video_request(plan, picture, clips.seconds[0])))
        await self.sell(scene, Step.LIPSYNC, lipsync_request(plan, clips, video, speech))

    async def planned(self, scene: Scene) -> ScenePlan:
        """As a run would plan it."""
        async with self.parts.database.transaction() as tx:
            settings = await current_settings(tx, self.parts.settings.for_planning(search_attributes=False))
            return plan_scene(scene, await identity_of(tx, scene, settings), settings)

    async def keep(self, content: str) -> ArtifactRef:
        """An object that is said to be as long as the speech."""
        data = content.encode()
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.folder / sha256
        path.write_bytes(data)
        key = f"artifacts/{sha256}"
        await self.parts.objects.put(path, key=key, media_type="video/mp4", sha256=sha256)
        return ArtifactRef(key=key, media_type="video/mp4", size=len(data), sha256=sha256, duration_s=SPEECH_S)

    async def step(self, scene: Scene, step: Step) -> PlannedStep:
        """What the next run would do about a step."""
        return step_of(await plan_run(self.parts, scene.id), step)


def step_of(plan: RunPlan, step: Step) -> PlannedStep:
    """The one purchase of a step."""
    (found,) = [planned for planned in plan.steps if planned.step is step]
    return found


def _result(job: ProviderJob) -> ArtifactRef:
    return ArtifactRef.model_validate(job.artifact)
