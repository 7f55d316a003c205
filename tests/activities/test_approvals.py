"""What a person is asked, and what comes of the answer, on a real database and object store."""

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.approvals import ApprovalActivities
from activities.loras import planned
from activities.wanted import Wanted
from activities.workshop import Workshop
from domain.orders import lipsync_request, video_request
from domain.prices import estimate_cost
from models.approving import ApprovalAnswer, ApprovalQuestion, AskApprovalInput, RecordDecisionInput
from models.artifacts import ArtifactRef
from models.enums import ApprovalDecision, ClipPolicy, Provider, Step, SyncMode
from models.messages import RunRef
from models.scene import ClipPlan, ScenePlan
from models.settings import PlanSettings
from store.database import Database
from store.objects.local import LocalObjectStore
from tests.activities.shop import RUN
from tests.support.databases import identity, stored_scene
from tests.support.ledger import book, bought
from tests.workflows.stand_ins import plan, ref

PICTURE = ref("picture1", "image/png", width=16, height=9)
SPEECH = ref("speech", "audio/mpeg", duration_s=9.0)
TWO_CLIPS = ClipPlan(policy=ClipPolicy.COVER, seconds=[5, 5], sync_mode=SyncMode.CUT_OFF)
PLAN = plan("scene1")
CLIP = estimate_cost(Provider.FAL, video_request(PLAN, PICTURE, 5))
LIPSYNC = estimate_cost(Provider.SYNC, lipsync_request(PLAN, TWO_CLIPS, PICTURE, SPEECH))

Stored = Callable[[int], Awaitable[ArtifactRef]]


@pytest.fixture
async def activities(database: Database, objects: LocalObjectStore, tmp_path: Path) -> ApprovalActivities:
    """The activities, and a scene to ask about."""
    await stored_scene(database, "scene1")
    workshop = Workshop(objects, tmp_path / "scratch")
    return ApprovalActivities(database=database, workshop=workshop, objects=objects, settings=PlanSettings())


@pytest.fixture
def stored(database: Database, objects: LocalObjectStore, tmp_path: Path) -> Stored:
    """Books a clip as bought by an earlier run, with its object."""

    async def store(number: int) -> ArtifactRef:
        path = tmp_path / f"clip{number}"
        path.write_text(f"clip {number}")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        clip = ArtifactRef(key=f"artifacts/{sha256}", media_type="video/mp4", size=path.stat().st_size, sha256=sha256)
        await objects.put(path, key=clip.key, media_type=clip.media_type, sha256=sha256)
        request = video_request(PLAN, PICTURE, 5)
        order = Wanted(RunRef(scene_id="scene1", run_id="run0"), Step.VIDEO, Provider.FAL, request, number).order()
        kept: dict[str, Any] = {
            "fingerprint": order.fingerprint,
            "claim": order.claim,
            "clip": number,
            "run_id": "run0",
        }
        await book(database, bought(artifact=clip.model_dump(mode="json"), **kept))
        return clip

    return store


async def ask(activities: ApprovalActivities, about: ScenePlan = PLAN, **fields: Any) -> ApprovalQuestion:
    """What the run asks about its picture."""
    given: dict[str, Any] = {"run": RUN, "round": 1, "plan": about, "clip_plan": TWO_CLIPS, "picture": PICTURE}
    given |= {"speech": SPEECH, "face_score": None, "note": ""} | fields
    order = AskApprovalInput(**given)
    return await ActivityEnvironment().run(activities.ask_approval, order)


async def test_what_is_left(activities: ApprovalActivities, stored: Stored) -> None:
    """Each clip that nobody has costs, and the lipsync as soon as one does; with all of them nobody is asked."""
    nothing = await ask(activities)
    await stored(1)
    one = await ask(activities, round=2)
    await stored(2)
    both = await ask(activities, round=3)

    assert (nothing.needed, nothing.price_micros) == (True, 2 * CLIP + LIPSYNC)
    assert (one.needed, one.price_micros) == (True, CLIP + LIPSYNC)
    assert (both.needed, both.price_micros) == (False, 0)


async def test_token(activities: ApprovalActivities, database: Database) -> None:
    """The question is kept under the run's token; a run that names none goes on with the picture's sha256."""
    named = await ask(activities, token="t1")
    unnamed = await ask(activities, round=2)
    async with database.transaction() as tx:
        kept = [row.token for row in await tx.approvals.of_scene("scene1")]
    assert [named.token, unnamed.token] == kept == ["t1", PICTURE.sha256]


async def test_fresh_clips(activities: ApprovalActivities, stored: Stored) -> None:
    """Clips that are to be made anew are bought although they are stored, so somebody is asked."""
    await stored(1)
    await stored(2)
    question = await ask(activities, fresh=RUN.run_id)
    assert (question.needed, question.price_micros) == (True, 2 * CLIP + LIPSYNC)


@pytest.mark.parametrize("harm", ["gone", "damaged"])
async def test_a_clip_that_cannot_be_used(
    activities: ApprovalActivities, stored: Stored, objects: LocalObjectStore, harm: str
) -> None:
    """It will be bought anew, so it costs, and somebody is asked."""
    await stored(1)
    clip = await stored(2)
    if harm == "gone":
        await objects.delete(clip.key)
    else:
        objects.path_of(clip.key).write_text("clip X")
    question = await ask(activities)
    assert (question.needed, question.price_micros) == (True, CLIP + LIPSYNC)


async def test_redrawn_as_the_run_has_it(activities: ApprovalActivities, database: Database) -> None:
    """What was edited while the picture waited is not mixed in; the scene keeps both, the wishes and the edits."""
    async with database.transaction() as tx:
        speaker = await tx.identities.add(identity("deven", lora_url="https://example.com/lora", voice_id="v"))
        scene = await tx.scenes.get("scene1")
        assert scene is not None
        scene.identity_id, scene.generation_mode, scene.wardrobe = speaker.id, "digital-twin", "a blue coat"
        of_the_run = await planned(tx, scene, PlanSettings())
        scene.generation_mode, scene.wardrobe = "standard", "a red coat"
    answer = ApprovalAnswer(token="picture1", by="anna", seed=7, prompt="with a hat")
    order = RecordDecisionInput(run=RUN, round=1, decision=ApprovalDecision.REDRAWN, answer=answer, plan=of_the_run)
    recorded = await ActivityEnvironment().run(activities.record_decision, order)
    async with database.transaction() as tx:
        edited = await tx.scenes.get("scene1")

    image = of_the_run.image
    assert image is not None
    prompt = image.prompt.replace("a blue coat", "a blue coat, with a hat")
    assert recorded.image == image.model_copy(update={"seed": 7, "prompt": prompt})
    assert edited is not None
    assert (edited.seed, edited.prompt, edited.wardrobe) == (7, "with a hat", "a red coat")
