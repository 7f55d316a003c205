"""The price before anybody presses, against a studio that would write down every paid request."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.estimates import Verdict
from domain.orders import image_request, video_request
from domain.rejections import RejectedError
from models.enums import FacePolicy, FailureCode, JobState, SceneStatus, Step
from models.tables import Scene, now
from providers.guard import guarded_client
from providers.lora import SafetensorsLoraInspector
from runtime.catalog.plans import plan_run
from runtime.catalog.scenes import delete_scene, patch_scene
from runtime.wiring import Parts
from studio.media.portrait import draw_portrait
from tests.runtime.shelf import SPEECH_S, WORDS, Shelf, step_of
from tests.support.studio import Studio

S, V = JobState, Verdict
NOWHERE = "http://127.0.0.1:1"  # nothing listens there


@pytest.fixture
def shelf(parts: Parts, tmp_path: Path) -> Shelf:
    """An empty one."""
    return Shelf(parts, tmp_path)


async def generating(shelf: Shelf, scene: Scene) -> None:
    """A run of the scene is under way."""
    async with shelf.parts.database.transaction() as tx:
        found = await tx.scenes.get(scene.id)
        assert found is not None
        found.status, found.run_id = SceneStatus.GENERATING, "run1"


async def test_nothing_is_stored(shelf: Shelf) -> None:
    """Everything is bought; what hangs on the length of the speech is an estimate, and the rest is exact."""
    scene = await shelf.scene()
    plan = await plan_run(shelf.parts, "one")
    prices = {step.step: step.cost_micros for step in plan.steps}

    assert (plan.scene_id, plan.feasible, plan.running, plan.budgets) == (scene.id, True, False, ())
    assert [step.verdict for step in plan.steps] == [V.BUY] * 4
    assert [step.exact for step in plan.steps] == [True, True, False, False]
    assert {step.timing.basis for step in plan.steps} == {"default"}
    assert plan.speech_s == pytest.approx(len(WORDS) * 60 / 1000, abs=0.01)
    assert prices == {Step.SPEECH: len(WORDS) * 150, Step.IMAGE: 25_000, Step.VIDEO: 350_000, Step.LIPSYNC: 81_600}
    assert (plan.steps[0].provider, plan.steps[0].model) == ("elevenlabs", "eleven_turbo_v2_5")
    assert step_of(plan, Step.SPEECH).why == "nothing is stored for this speech"
    assert step_of(plan, Step.LIPSYNC).why == "its video and speech will be new"


async def test_all_is_stored(shelf: Shelf) -> None:
    """What another scene bought is reused for nothing, and said where from; also when that scene is gone."""
    other = await shelf.scene("other")
    scene = await shelf.scene()
    await shelf.sell_all(other)
    plan = await plan_run(shelf.parts, scene.id)

    assert [(step.verdict, step.cost_micros, step.exact) for step in plan.steps] == [(V.REUSE, 0, True)] * 4
    assert (plan.cost_micros, plan.seconds, plan.speech_s) == (0, 0.0, SPEECH_S)
    assert plan.steps[0].why == f"the same speech was bought for scene other on {now():%Y-%m-%d}"
    assert (await shelf.step(other, Step.IMAGE)).why.startswith("it was bought for this scene")
    await delete_scene(shelf.parts.database, other.id)
    assert "a scene that was deleted" in (await shelf.step(scene, Step.VIDEO)).why


@pytest.mark.parametrize(
    ("changes", "verdicts"),
    [
        ({}, [V.REUSE, V.REUSE, V.REUSE, V.REUSE]),
        ({"dialogue": f"{WORDS} Bye."}, [V.BUY, V.REUSE, V.REUSE, V.BUY]),
        ({"dialogue": WORDS * 4}, [V.BUY, V.REUSE, V.BUY, V.BUY]),
        ({"wardrobe": "a red hat"}, [V.REUSE, V.BUY, V.BUY, V.BUY]),
        ({"camera": "from below"}, [V.REUSE, V.REUSE, V.BUY, V.BUY]),
    ],
    ids=["nothing", "a word", "many words", "wardrobe", "camera"],
)
async def test_one_thing_is_changed(shelf: Shelf, changes: dict[str, Any], verdicts: list[Verdict]) -> None:
    """After an edit exactly what depends on it is bought; a clip stays unless the speech needs another length."""
    scene = await shelf.scene()
    await shelf.sell_all(scene)
    await patch_scene(shelf.parts.database, None, scene.id, changes)
    plan = await plan_run(shelf.parts, scene.id)

    assert [step.verdict for step in plan.steps] == verdicts
    assert [step.exact for step in plan.steps] == [True, True, *[verdicts[0] is V.REUSE] * 2]


@pytest.mark.parametrize(
    ("fresh", "bought"),
    [
        ([Step.SPEECH], {Step.SPEECH, Step.LIPSYNC}),
        ([Step.IMAGE], {Step.IMAGE, Step.VIDEO, Step.LIPSYNC}),
        ([Step.VIDEO], {Step.VIDEO, Step.LIPSYNC}),
        ([Step.LIPSYNC, Step.SPEECH], {Step.SPEECH, Step.LIPSYNC}),
    ],
    ids=lambda value: "+".join(sorted(value)),
)
async def test_fresh(shelf: Shelf, fresh: list[Step], bought: set[Step]) -> None:
    """A step that is to be made anew is bought with what depends on it."""
    scene = await shelf.scene()
    await shelf.sell_all(scene)
    plan = await plan_run(shelf.parts, scene.id, fresh)

    assert {step.step for step in plan.steps if step.verdict is V.BUY} == bought
    assert {step_of(plan, step).why for step in fresh} == {"a new one is asked for"}
    assert set(plan.fresh) == set(fresh)


async def test_fresh_is_refused(shelf: Shelf) -> None:
    """The same seed draws the same picture."""
    scene = await shelf.scene(seed=7)
    with pytest.raises(RejectedError, match="seed is 7"):
        await plan_run(shelf.parts, scene.id, [Step.IMAGE])


@pytest.mark.parametrize(
    ("state", "own", "attended", "verdict"),
    [
        (S.INTENT, True, False, V.IN_FLIGHT),
        (S.SENT, True, False, V.IN_FLIGHT),
        (S.ACCEPTED, True, True, V.IN_FLIGHT),
        (S.UNKNOWN, True, False, V.HELD),
        (S.FAILED, True, False, V.BUY),
        (S.INTENT, False, True, V.IN_FLIGHT),
        (S.INTENT, False, False, V.BUY),
        (S.ACCEPTED, False, False, V.IN_FLIGHT),
        (S.UNKNOWN, False, False, V.HELD),
    ],
)
async def test_under_way(shelf: Shelf, state: JobState, own: bool, attended: bool, verdict: Verdict) -> None:
    """What is under way costs nothing new, here or in another scene; what nobody will ever send is bought."""
    scene, other = await shelf.scene(), await shelf.scene("other")
    buyer = scene if own else other
    await shelf.sell(buyer, Step.SPEECH, (await shelf.planned(buyer)).speech, state, sent_at=now())
    if attended:
        await generating(shelf, buyer)
    plan = await plan_run(shelf.parts, scene.id)
    speech = step_of(plan, Step.SPEECH)

    assert (speech.verdict, speech.cost_micros) == (verdict, len(WORDS) * 150 if verdict is V.BUY else 0)
    assert verdict is V.BUY or f"{buyer.id}-speech-1" in speech.why
    assert plan.running == (own and attended)


@pytest.mark.parametrize(
    ("step", "state", "exact"),
    [
        (Step.IMAGE, S.ACCEPTED, [True, True, False, False]),
        (Step.VIDEO, S.ACCEPTED, [True, True, True, False]),
        (Step.VIDEO, S.UNKNOWN, [True, True, True, False]),
    ],
)
async def test_what_follows_from_a_purchase_under_way(
    shelf: Shelf, step: Step, state: JobState, exact: list[bool]
) -> None:
    """Its buyer may have bought that too by then: the price of what follows is no exact one."""
    await shelf.sell_all(await shelf.scene("other"))
    changed: dict[str, Any] = {"camera": "from below"} if step is Step.VIDEO else {"wardrobe": "a red hat"}
    scene = await shelf.scene(**changed)
    plan = await shelf.planned(scene)
    assert plan.image is not None
    if step is Step.IMAGE:
        await shelf.sell(scene, step, image_request(plan, plan.image, None), state)
    else:
        picture = (await shelf.step(scene, Step.IMAGE)).artifact
        assert picture is not None
        await shelf.sell(scene, step, video_request(plan, picture, 5), state, sent_at=now())
    found = await plan_run(shelf.parts, scene.id)
    assert step_of(found, step).verdict in (V.IN_FLIGHT, V.HELD)
    assert [each.exact for each in found.steps] == exact


async def test_written_off(shelf: Shelf) -> None:
    """A purchase that was given up, and a picture whose answer was lost, are bought again."""
    scene = await shelf.scene()
    plan = await shelf.planned(scene)
    assert plan.image is not None
    await shelf.sell(scene, Step.SPEECH, plan.speech, S.UNKNOWN, written_off_at=now())
    await shelf.sell(scene, Step.IMAGE, image_request(plan, plan.image, None), S.UNKNOWN, sent_at=now())
    image = await shelf.step(scene, Step.IMAGE)

    assert (await shelf.step(scene, Step.SPEECH)).verdict is V.BUY
    assert (image.verdict, image.cost_micros) == (V.BUY, 25_000)
    assert "bought again 120 s after it was sent" in image.why


@pytest.mark.parametrize("damage", [None, "short", "x" * 73])
async def test_gone(shelf: Shelf, tmp_path: Path, damage: str | None) -> None:
    """A stored result whose object is gone or another is bought anew, and the plan says why."""
    scene = await shelf.scene()
    job = await shelf.sell(scene, Step.SPEECH, (await shelf.planned(scene)).speech)
    assert job.artifact is not None
    key, objects = job.artifact["key"], shelf.parts.objects
    await objects.delete(key)
    if damage is not None:
        other = await shelf.keep(damage)
        await objects.put(tmp_path / other.sha256, key=key, media_type="audio/mpeg", sha256=other.sha256)
    speech = await shelf.step(scene, Step.SPEECH)

    assert (speech.verdict, speech.cost_micros) == (V.BUY, len(WORDS) * 150)
    assert "its file is gone or damaged" in speech.why


async def test_times_from_records(shelf: Shelf) -> None:
    """Once there are records, times and the length of a speech come from them."""
    await shelf.sell_all(await shelf.scene("other"))
    async with shelf.parts.database.transaction() as tx:
        for job in await tx.jobs.newest(10):
            assert job.stored_at is not None
            job.sent_at = job.stored_at - timedelta(seconds=30)
    scene = await shelf.scene(dialogue=WORDS * 2, wardrobe="a red hat")
    plan = await plan_run(shelf.parts, scene.id)

    assert [(step.timing.seconds, step.timing.basis) for step in plan.steps] == [(30.0, "median of 1 past job")] * 4
    assert (plan.seconds, plan.speech_s) == (90.0, 2 * SPEECH_S)


async def test_budgets(shelf: Shelf) -> None:
    """A budget that does not cover the run is in its way, with what to do; one that is overdrawn stops no reuse."""
    scene = await shelf.scene(budget_usd="0.40")
    short = await plan_run(shelf.parts, scene.id)
    await patch_scene(shelf.parts.database, None, scene.id, {"budget_usd": "0.4617"})
    enough = await plan_run(shelf.parts, scene.id)

    assert [each.code for each in short.obstacles] == [FailureCode.BUDGET_EXCEEDED]
    assert "$0.40 left, and this run is expected to cost $0.4617" in short.obstacles[0].problem
    assert "starter.py scene edit one --budget" in short.obstacles[0].remedy
    assert (enough.feasible, enough.cost_micros, enough.budgets[0].budget.left_micros) == (True, 461_700, 461_700)
    await shelf.sell_all(scene)
    reused = await plan_run(shelf.parts, scene.id)
    assert (reused.feasible, reused.cost_micros, reused.budgets[0].budget.left_micros) == (True, 0, -14_400)


@pytest.mark.parametrize(
    ("fields", "person", "code", "problem", "steps"),
    [
        ({}, {"voice_id": None}, FailureCode.INVALID_REQUEST, "has a voice", 0),
        ({}, {"is_active": False}, FailureCode.INVALID_REQUEST, "inactive", 0),
        ({"dialogue": "Hello, you. " * 500}, {}, FailureCode.INVALID_REQUEST, "by estimate, the speech takes", 2),
        ({"headshot": "{studio}/files/pictures/none.png"}, {}, FailureCode.NOT_FOUND, "headshot: ", 0),
        ({"headshot": "{studio}/files/loras/deven.safetensors"}, {}, FailureCode.MEDIA_INVALID, "headshot: ", 0),
        ({"generation_mode": "digital-twin"}, {"lora": "missing"}, FailureCode.LORA_NOT_FOUND, "LoRA file not", 0),
        ({"generation_mode": "digital-twin"}, {"lora": "sdxl"}, FailureCode.LORA_INVALID, "SDXL", 0),
    ],
    ids=["voice", "inactive", "long", "no headshot", "bad headshot", "no LoRA", "bad LoRA"],
)
async def test_in_the_way(
    shelf: Shelf,
    studio: Studio,
    fields: dict[str, Any],
    person: dict[str, Any],
    code: FailureCode,
    problem: str,
    steps: int,
) -> None:
    """What would end the run is told with its code and remedy, beside what would be bought before it."""
    settings = shelf.parts.settings.model_copy(update={"elevenlabs_voice_id": None})
    given = {name: value.format(studio=studio.url) for name, value in fields.items()}
    if "lora" in person:
        person = {"lora_url": studio.lora_url(person["lora"])}
    scene = await shelf.scene(person=person, **given)
    plan = await plan_run(replace(shelf.parts, settings=settings), scene.id)

    (found,) = plan.obstacles
    assert (found.code, problem in found.problem, bool(found.remedy)) == (code, True, True)
    assert (plan.feasible, len(plan.steps)) == (False, steps)


async def test_notes(shelf: Shelf, studio: Studio) -> None:
    """What can make a run longer or dearer than its price is said before it starts."""
    settings = shelf.parts.settings.model_copy(update={"face_policy": FacePolicy.FAIL, "face_retries": 1})
    scene = await shelf.scene(person={"lora_url": studio.lora_url()}, generation_mode="digital-twin")
    async with shelf.parts.database.transaction() as tx:
        found = await tx.scenes.get(scene.id)
        assert found is not None
        found.approval = True
    plain = await shelf.scene("plain")

    face, approval = (await plan_run(replace(shelf.parts, settings=settings), scene.id)).notes
    assert "up to 1 more picture may be bought" in face
    assert "waits for a person's approval" in approval
    assert (await plan_run(shelf.parts, plain.id)).notes == ()


async def test_missing_key(shelf: Shelf) -> None:
    """Without a vendor's key nothing can be filmed; the plan names the variable."""
    await shelf.scene()
    settings = shelf.parts.settings.model_copy(update={"sync_api_key": None})
    plan = await plan_run(replace(shelf.parts, settings=settings), "one")
    assert [(each.code, each.problem[:12]) for each in plan.obstacles] == [(FailureCode.UNAUTHORIZED, "SYNC_API_KEY")]


async def test_a_host_that_is_away_for_a_moment(shelf: Shelf) -> None:
    """A LoRA that cannot be looked at just now is no reason to change it."""
    scene = await shelf.scene(person={"lora_url": f"{NOWHERE}/x.safetensors"}, generation_mode="digital-twin")
    async with guarded_client(frozenset({NOWHERE})) as web:
        parts = replace(shelf.parts, inspector=SafetensorsLoraInspector(web))
        (found,) = (await plan_run(parts, scene.id)).obstacles
    assert (found.code, found.remedy) == (FailureCode.PROVIDER_UNAVAILABLE, "Ask again in a moment")


async def test_nothing_is_bought_or_written(shelf: Shelf, studio: Studio, tmp_path: Path) -> None:
    """Plans of every kind leave database and object store as they were, and no vendor is asked for anything."""
    lora = {"lora_url": studio.lora_url()}
    twin = await shelf.scene("twin", person=lora, generation_mode="digital-twin", budget_usd="1")
    shown = await shelf.scene("shown", headshot=portrait(tmp_path))
    stored = await shelf.scene("stored")
    await shelf.sell_all(stored)
    await shelf.sell(twin, Step.SPEECH, (await shelf.planned(twin)).speech, S.UNKNOWN, claim="f")
    before = content(tmp_path), files(tmp_path)
    for scene, fresh in ((twin, [Step.VIDEO]), (shown, []), (stored, []), (stored, [Step.IMAGE])):
        assert (await plan_run(shelf.parts, scene.id, fresh)).feasible

    assert (content(tmp_path), files(tmp_path)) == before
    assert {request["provider"] for request in studio.requests()} == {"files"}
    assert studio.bill() == []


async def test_a_headshot_is_not_bought(shelf: Shelf, tmp_path: Path) -> None:
    """A headshot is fitted as in a run, and takes the place of a picture."""
    scene = await shelf.scene(headshot=portrait(tmp_path))
    plan = await plan_run(shelf.parts, scene.id)
    image, video = step_of(plan, Step.IMAGE), step_of(plan, Step.VIDEO)

    assert (image.verdict, image.why, image.cost_micros) == (V.SKIP, "the scene's headshot", 0)
    assert image.artifact is not None
    assert (video.verdict, video.why) == (V.BUY, "nothing is stored for this clip")


def portrait(folder: Path) -> str:
    """A photograph."""
    path = folder / "face.jpg"
    path.write_bytes(draw_portrait("a face", face="x", seed=1, width=640, height=480, output_format="jpeg"))
    return str(path)


def content(folder: Path) -> list[str]:
    """All that the database holds, as SQL."""
    with closing(sqlite3.connect(folder / "devatar.db")) as connection:
        return list(connection.iterdump())


def files(folder: Path) -> set[Path]:
    """All files but the database's own."""
    return {path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("devatar.db")}
