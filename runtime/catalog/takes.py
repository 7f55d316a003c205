"""What runs have made of a scene: looked at, compared, and made current again; and which steps may be made anew."""

from collections.abc import Collection
from dataclasses import dataclass

from activities.loras import planned
from activities.takes import make_current
from domain.freshness import check_fresh
from domain.rejections import ConflictError, RejectedError
from domain.takes import TakeDiff, artifacts_of, compare
from models.enums import FailureCode, SceneStatus, Step
from models.tables import Scene
from models.take_tables import Take
from runtime.catalog.edits import check_version
from runtime.catalog.scenes import find_scene, lock_scene
from runtime.settings import Settings
from store.database import Database, Transaction
from store.objects.port import ObjectStore

MOST = 2**31 - 1  # what the column holds


@dataclass(frozen=True)
class SceneTake:
    """A take with its scene, whose `current_take` may be another."""

    scene: Scene
    take: Take

    @property
    def current(self) -> bool:
        """Whether the scene shows this one."""
        return self.scene.current_take == self.take.number


async def list_takes(database: Database, reference: str) -> tuple[Scene, list[SceneTake]]:
    """A scene with its takes, oldest first. Raises RejectedError (`not_found`)."""
    async with database.transaction() as tx:
        scene = await find_scene(tx, reference)
        return scene, [SceneTake(scene, take) for take in await tx.takes.of_scene(scene.id)]


async def get_take(database: Database, reference: str, number: int) -> SceneTake:
    """One take of a scene. Raises RejectedError (`not_found`)."""
    async with database.transaction() as tx:
        scene = await find_scene(tx, reference)
        return SceneTake(scene, await _find(tx, scene, number))


async def diff_takes(database: Database, reference: str, before: int, after: int) -> TakeDiff:
    """What differs between two takes of a scene. Raises RejectedError (`not_found`)."""
    async with database.transaction() as tx:
        scene = await find_scene(tx, reference)
        return compare(await _find(tx, scene, before), await _find(tx, scene, after))


async def use_take(
    database: Database, objects: ObjectStore, reference: str, number: int, *, expected_version: int | None = None
) -> SceneTake:
    """Make a take the scene's current one again; buys nothing, and the scene's own fields stay as they are.

    Raises RejectedError (`not_found`), StaleError, and ConflictError while the scene is generating or when an object of
    the take is gone; StoreError when the object store does not answer.
    """
    await _check_objects(objects, await get_take(database, reference, number))
    async with database.transaction() as tx:
        scene = await lock_scene(tx, reference)
        check_version(scene, expected_version)
        if scene.status == SceneStatus.GENERATING:
            raise ConflictError("scene", f"{scene.name!r} is generating", "Cancel it, or wait for its end")
        take = await _find(tx, scene, number)
        if scene.current_take != take.number:
            make_current(scene, take)
            scene.version += 1
        return SceneTake(scene, take)


async def check_start(database: Database, settings: Settings, scene: Scene, fresh: Collection[Step]) -> None:
    """Raises RejectedError for a step that cannot be made anew, as far as that is known before a run.

    What else is wrong with the scene is left to its run to tell: a worker may have keys that this process has not.
    """
    if not fresh:
        return
    planning = settings.for_planning(search_attributes=False).model_copy(update={"missing": {}})
    async with database.transaction() as tx:
        try:
            plan = await planned(tx, scene, planning)
        except RejectedError:
            return
    check_fresh(plan, fresh)


async def _find(tx: Transaction, scene: Scene, number: int) -> Take:
    take = await tx.takes.find(scene.id, number) if 0 < number <= MOST else None
    if take is None:
        remedy = f"See `starter.py scene takes {scene.name}`"
        raise RejectedError("take", f"scene {scene.name!r} has no take {number}", remedy, FailureCode.NOT_FOUND)
    return take


async def _check_objects(objects: ObjectStore, chosen: SceneTake) -> None:
    for name, artifact in artifacts_of(chosen.take).items():
        if not await objects.is_intact(artifact.key, size=artifact.size, sha256=artifact.sha256):
            problem = f"the {name} of take {chosen.take.number} is gone or damaged: {artifact.key}"
            raise ConflictError("take", problem, "Generate the scene: what is gone is made again")
