"""What a run's take keeps, so that nothing of it is bought twice."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from activities.purchases import Purchases
from activities.scene import SceneActivities
from activities.takes import write_take
from activities.workshop import Workshop
from models.artifacts import ArtifactRef
from models.enums import FailureCode, JobState, SceneStatus, Step, SyncMode
from models.messages import EndSceneInput, Failure, PublishSceneInput, RunRef
from models.scene import ClipPlan
from models.settings import PlanSettings
from models.tables import ProviderJob, Scene, now
from runtime.catalog.artifacts import Shelf, find_garbage
from store.database import Database
from store.jobs import Order
from store.objects.local import LocalObjectStore
from tests.support.databases import order, stored_scene
from tests.support.ledger import book, bought
from tests.support.takes import put
from tests.workflows.stand_ins import plan, published, ref

LIPSYNC: dict[str, Any] = {"step": Step.LIPSYNC, "clip": None, "fingerprint": "lipsync"}


def publishing(run_id: str = "run1", **changes: Any) -> PublishSceneInput:
    """A finished run."""
    made = plan("scene1")
    told = PublishSceneInput(
        run=RunRef(scene_id="scene1", run_id=run_id),
        plan=made,
        clip_plan=ClipPlan(policy=made.clip_policy, seconds=[5], sync_mode=SyncMode.LOOP),
        speech=ref("speech", "audio/mpeg"),
        anchor=ref("picture", "image/png"),
        anchor_seed=1,
        lora_fingerprint="f",
        clips=[ref("clip", "video/mp4")],
        base_video=ref("clip", "video/mp4"),
        film=ref("film", "video/mp4", duration_s=2.4),
        cost_micros=100,
    )
    return told.model_copy(update=changes)


async def publish(database: Database, **changes: Any) -> Scene:
    """As `publish_scene` does; the scene afterwards."""
    told = publishing(**changes)
    async with database.transaction() as tx:
        scene = await tx.scenes.get("scene1", lock=True)
        assert scene is not None
        await write_take(tx, scene, told, published(told))
        return scene


async def stored(database: Database, wanted: Order) -> list[ProviderJob]:
    """What a run would find."""
    async with database.transaction() as tx:
        return await tx.jobs.find_stored(wanted)


async def test_a_lipsync_that_was_cut_is_kept(database: Database, objects: LocalObjectStore, tmp_path: Path) -> None:
    """The bought result behind the film belongs to its take: it is no garbage, and goes before a newer one."""
    await stored_scene(database)
    raw = await put(objects, tmp_path, "raw lipsync")
    await book(database, bought(artifact=raw, stored_at=now() - timedelta(hours=1), **LIPSYNC))
    await book(database, bought(artifact={"key": "artifacts/newer", "size": 1}, stored_at=now(), **LIPSYNC))
    assert (await stored(database, order(**LIPSYNC)))[0].artifact != raw

    scene = await publish(database, lipsync=ArtifactRef.model_validate(raw))

    async def held(_: object) -> set[str]:
        return set()

    garbage = await find_garbage(Shelf(database, objects, held), before=now() + timedelta(days=1), purchases=True)
    assert (await stored(database, order(**LIPSYNC)))[0].artifact == raw
    assert raw["key"] not in {each.key for each in garbage}
    assert scene.artifacts["lipsync"]["key"] == raw["key"]


async def test_a_run_of_an_older_worker(database: Database) -> None:
    """Which does not tell of its lipsync leaves a take without."""
    await stored_scene(database)
    assert "lipsync" not in (await publish(database)).artifacts


async def test_what_a_run_paid(database: Database) -> None:
    """All that it was charged, also for what failed and was bought again; nothing for what others bought."""
    await stored_scene(database)
    await book(
        database,
        bought(JobState.FAILED, 70),
        bought(JobState.FAILED, 0),
        bought(JobState.CANCELED, 5),
        bought(JobState.STORED, 80),
        bought(JobState.STORED),
        bought(JobState.UNKNOWN),
        bought(JobState.STORED, 1000, run_id="run0"),
    )
    await publish(database, cost_micros=180)
    async with database.transaction() as tx:
        (take,) = await tx.takes.of_scene("scene1")
    assert take.cost_micros == 70 + 5 + 80 + 100


async def test_a_later_run_without_a_film(database: Database, objects: LocalObjectStore, tmp_path: Path) -> None:
    """The scene shows its film with what that was made by, beside why the last run failed."""
    await stored_scene(database)
    shown = ("effective_mode", "mode_reason", "voice_used", "image_prompt", "video_prompt", "lipsync_model")
    before = await publish(database)
    made_by = {name: getattr(before, name) for name in shown}
    async with database.transaction() as tx:
        scene = await tx.scenes.get("scene1", lock=True)
        assert scene is not None
        scene.status, scene.run_id = SceneStatus.GENERATING, "run2"
        for name in shown:  # as the plan of the next run has it
            setattr(scene, name, "changed")
    failure = Failure(code=FailureCode.BUDGET_EXCEEDED, step=Step.VIDEO, user_message="Too dear", detail="$0 left")
    ended = EndSceneInput(
        run=RunRef(scene_id="scene1", run_id="run2"), status=SceneStatus.FAILED, failure=failure, cancel_jobs=False
    )

    async def cancel(_: ProviderJob) -> None:
        raise AssertionError("nothing is to be canceled")

    await SceneActivities(
        database=database,
        workshop=Workshop(objects, tmp_path / "scratch"),
        objects=objects,
        settings=PlanSettings(),
        purchases=Purchases(database, objects),
        cancel_at_vendor=cancel,
    ).end_scene(ended)
    async with database.transaction() as tx:
        after = await tx.scenes.get("scene1")
    assert after is not None
    assert (after.status, after.failure_code) == (SceneStatus.FAILED, FailureCode.BUDGET_EXCEEDED)
    assert {name: getattr(after, name) for name in shown} == made_by
