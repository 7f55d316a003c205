"""Plans of scenes that have a take: what a run would buy beyond it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from activities.loras import planned
from activities.takes import write_take
from activities.wanted import Wanted
from domain.estimates import RunPlan, Verdict
from domain.fingerprints import fingerprint
from domain.orders import clips_for, image_request, lipsync_request, video_request
from models.artifacts import ArtifactRef
from models.enums import ApprovalDecision, FacePolicy, Provider, Step
from models.messages import PublishSceneInput, RunRef
from models.requests import Lora
from models.scene import ScenePlan
from models.tables import ProviderJob, Scene
from models.take_tables import Approval
from runtime.catalog.plans import plan_run
from runtime.catalog.scenes import patch_scene
from runtime.wiring import Parts
from tests.runtime.shelf import SPEECH_S, Shelf
from tests.support.ledger import book
from tests.support.studio import Studio
from tests.workflows.stand_ins import published

V = Verdict
SEED = 99  # of the picture that passed in the end
CHECK = {"face_policy": FacePolicy.FAIL, "face_retries": 1, "face_threshold": 0.4}


@dataclass(frozen=True)
class Filmed:
    """A scene, the plan of its run, the LoRA, and the picture that was filmed."""

    shelf: Shelf
    scene: Scene
    plan: ScenePlan
    lora: Lora
    picture: ArtifactRef

    async def take(self, **changes: Any) -> None:
        """The run's take."""
        told = PublishSceneInput(
            run=RunRef(scene_id=self.scene.id, run_id="run1"),
            plan=self.plan,
            clip_plan=clips_for(self.plan, SPEECH_S),
            speech=self.picture,
            anchor=self.picture,
            anchor_seed=SEED,
            lora_fingerprint=self.lora.fingerprint,
            clips=[self.picture],
            base_video=self.picture,
            film=self.picture,
            cost_micros=0,
            face_score=0.9,
        ).model_copy(update=changes)
        async with self.shelf.parts.database.transaction() as tx:
            scene = await tx.scenes.get(self.scene.id)
            assert scene is not None
            await write_take(tx, scene, told, published(told))

    async def next_run(self, *fresh: Step) -> RunPlan:
        """What it would do."""
        return await plan_run(self.shelf.parts, self.scene.id, fresh)


@pytest.fixture
async def filmed(parts: Parts, studio: Studio, tmp_path: Path) -> Filmed:
    """A scene whose first picture did not pass, so that another one was drawn and filmed, in a run without a take."""
    settings = parts.settings.model_copy(update=CHECK)
    shelf = Shelf(replace(parts, settings=settings), tmp_path)
    scene = await shelf.scene(person={"lora_url": studio.lora_url()}, generation_mode="digital-twin")
    report = await parts.inspector.inspect(studio.lora_url())
    plan = await shelf.planned(scene)
    assert plan.image is not None
    lora = Lora(scale=plan.image.lora_scale or 0.0, fingerprint=report.fingerprint)
    first = image_request(plan, plan.image, lora)
    await shelf.sell(scene, Step.IMAGE, first)
    another = first.model_copy(update={"seed": SEED})
    picture = result(await shelf.sell(scene, Step.IMAGE, another, take=2, idempotency_key="second"))
    clips = clips_for(plan, SPEECH_S)
    speech = result(await shelf.sell(scene, Step.SPEECH, plan.speech))
    clip = result(await shelf.sell(scene, Step.VIDEO, video_request(plan, picture, clips.seconds[0])))
    await shelf.sell(scene, Step.LIPSYNC, lipsync_request(plan, clips, clip, speech))
    return Filmed(shelf, scene, plan, lora, picture)


def result(job: ProviderJob) -> ArtifactRef:
    """What it left."""
    return ArtifactRef.model_validate(job.artifact)


def verdicts(plan: RunPlan) -> list[Verdict]:
    """Speech, picture, clip and lipsync."""
    return [step.verdict for step in plan.steps]


async def test_unchanged(filmed: Filmed) -> None:
    """The take's picture is the one that goes on to be filmed, exactly; no other is going to be drawn."""
    await filmed.take()
    plan = await filmed.next_run()

    assert verdicts(plan) == [V.REUSE] * 4
    assert plan.steps[1].artifact == filmed.picture
    assert (plan.exact, plan.notes) == (True, ())


async def test_no_take(filmed: Filmed) -> None:
    """Whether the stored picture passes is not known, so what follows from it is an estimate, and the plan says why."""
    plan = await filmed.next_run()
    assert verdicts(plan) == [V.REUSE, V.REUSE, V.BUY, V.BUY]
    assert [step.exact for step in plan.steps] == [True, True, False, False]
    assert "video and lipsync are those of the one that passes" in plan.notes[0]


@pytest.mark.parametrize(
    ("score", "approved", "exact"), [(0.4, False, True), (0.39, False, False), (0.1, True, True), (None, False, True)]
)
async def test_a_stricter_check(filmed: Filmed, score: float | None, approved: bool, exact: bool) -> None:
    """A picture may not pass any more, unless a person approved it or there was nothing to compare it with."""
    await filmed.take(face_score=score)
    said = ApprovalDecision.APPROVED if approved else ApprovalDecision.REDRAWN
    picture = filmed.picture
    question = Approval(
        scene_id=filmed.scene.id,
        run_id="run1",
        round=1,
        token="the question",
        picture=picture.model_dump(mode="json"),
        price_micros=1,
        decision=said,
    )
    await book(filmed.shelf.parts.database, question)
    plan = await filmed.next_run()
    assert verdicts(plan) == [V.REUSE] * 4
    assert (plan.exact, bool(plan.notes)) == (exact, not exact)


async def test_something_else_is_asked_for(filmed: Filmed) -> None:
    """After an edit of the picture, or for one that is made anew, the take's is not taken."""
    await filmed.take()
    assert verdicts(await filmed.next_run(Step.IMAGE)) == [V.REUSE, V.BUY, V.BUY, V.BUY]
    await patch_scene(filmed.shelf.parts.database, None, filmed.scene.id, {"seed": 5})
    assert verdicts(await filmed.next_run()) == [V.REUSE, V.BUY, V.BUY, V.BUY]


async def test_what_the_run_is_told(filmed: Filmed) -> None:
    """Its plan names the picture by what it was asked for at first and in the end; the take itself does not keep it."""
    await filmed.take()
    parts = filmed.shelf.parts
    async with parts.database.transaction() as tx:
        scene = await tx.scenes.get(filmed.scene.id)
        assert scene is not None
        plan = await planned(tx, scene, parts.settings.for_planning(search_attributes=False))
    await filmed.take(plan=plan, run=RunRef(scene_id=scene.id, run_id="run2"), film=plan_film(filmed))
    async with parts.database.transaction() as tx:
        takes = await tx.takes.of_scene(scene.id)
    assert plan.drawn is not None
    assert filmed.plan.image is not None
    asked = fingerprint(Provider.FAL, image_request(filmed.plan, filmed.plan.image, filmed.lora))
    assert (plan.drawn.asked, plan.drawn.seed, plan.drawn.sha256) == (asked, SEED, filmed.picture.sha256)
    assert [take.inputs["plan"].get("drawn") for take in takes] == [None, None]


def plan_film(filmed: Filmed) -> ArtifactRef:
    """Another film."""
    return filmed.picture.model_copy(update={"key": "artifacts/another"})


async def test_a_fresh_picture_that_was_paid_for(filmed: Filmed) -> None:
    """One that a run bought anew before it ended without a film goes first, and only once."""
    await filmed.take()
    assert filmed.plan.image is not None
    request = image_request(filmed.plan, filmed.plan.image, filmed.lora)
    order = Wanted(RunRef(scene_id="s", run_id="run2"), Step.IMAGE, Provider.FAL, request, fresh="run2").order()
    fresh = await filmed.shelf.keep("a new picture")
    fields: dict[str, Any] = {"claim": order.claim, "run_id": "run2", "take": 3, "idempotency_key": "third"}
    artifact = fresh.model_dump(mode="json")
    await filmed.shelf.sell(filmed.scene, Step.IMAGE, request, artifact=artifact, **fields)
    plan = await filmed.next_run(Step.IMAGE)
    assert verdicts(plan) == [V.REUSE, V.REUSE, V.BUY, V.BUY]
    assert (plan.steps[1].artifact, plan.steps[1].cost_micros) == (fresh, 0)
    assert "by a run that made no film" in plan.steps[1].why
    assert verdicts(await filmed.next_run()) == [V.REUSE] * 4  # without `fresh` the take's own stays

    await filmed.take(run=RunRef(scene_id=filmed.scene.id, run_id="run3"), anchor=fresh, film=plan_film(filmed))
    assert verdicts(await filmed.next_run(Step.IMAGE)) == [V.REUSE, V.BUY, V.BUY, V.BUY]
