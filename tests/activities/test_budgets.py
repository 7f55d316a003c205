"""Budgets stand before every purchase, and only there; on both databases, however many buy at once."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, update

from activities.budgets import Budgets
from activities.purchases import Purchases
from activities.wanted import Wanted
from domain.rejections import RejectedError
from models.admin_tables import SystemSetting
from models.enums import FailureCode, JobState, Provider, Step
from models.messages import RunRef
from models.settings import PlanSettings
from models.tables import Project, ProviderJob, now
from runtime.settings import ROOT
from store.database import Database
from store.objects.local import LocalObjectStore
from tests.activities.shop import PRICE, REQUEST
from tests.support.databases import opened, stored_scene

S = JobState
NO_BUDGET = PlanSettings()


class Buyer:
    """Claims purchases as activities do, each of something else."""

    def __init__(self, database: Database, objects: LocalObjectStore, settings: PlanSettings = NO_BUDGET) -> None:
        self.database = database
        self.purchases = Purchases(database, objects, budgets=Budgets(settings))

    async def buy(self, scene_id: str = "scene1", seed: int = 0) -> ProviderJob:
        """Claim one picture. Raises RejectedError."""
        request = REQUEST.model_copy(update={"seed": seed})
        run = RunRef(scene_id=scene_id, run_id=f"run of {scene_id}")
        return await self.purchases.begin(Wanted(run, Step.IMAGE, Provider.FAL, request))

    async def refused(self, scene_id: str = "scene1", seed: int = 0) -> str:
        """The words of the refusal."""
        with pytest.raises(RejectedError) as caught:
            await self.buy(scene_id, seed)
        assert caught.value.code is FailureCode.BUDGET_EXCEEDED
        return str(caught.value)

    async def move(self, job: ProviderJob, *states: JobState, actual: int | None = None) -> None:
        """Carry a purchase on."""
        facts: dict[str, Any] = {"request_id": "r1", "artifact": {"key": "k", "size": 1}, "actual_cost_micros": actual}
        await self.purchases.move(job, *states, **facts)

    async def rows(self, *scene_ids: str) -> list[ProviderJob]:
        """Everything that was claimed for these scenes."""
        async with self.database.transaction() as tx:
            return [job for scene_id in scene_ids for job in await tx.jobs.of_scene(scene_id)]


@pytest.fixture
async def database(url: str) -> AsyncGenerator[Database]:
    """On SQLite and on PostgreSQL."""
    async with opened(url) as database:
        yield database


@pytest.fixture
def buyer(database: Database, objects: LocalObjectStore) -> Buyer:
    """Without any budget but those in the database."""
    return Buyer(database, objects)


async def project(database: Database, budget_micros: int | None) -> str:
    async with database.transaction() as tx:
        return (await tx.projects.add(Project(name="spring", display_name="Spring", budget_micros=budget_micros))).id


async def test_scene(buyer: Buyer) -> None:
    """A scene buys up to its budget and no further; the refusal says all, nothing is claimed, other scenes go on."""
    await stored_scene(buyer.database, "scene1", budget_micros=2 * PRICE)
    await stored_scene(buyer.database, "scene2")
    await buyer.buy(seed=1)
    await buyer.buy(seed=2)
    words = await buyer.refused(seed=3)
    await buyer.buy("scene2", seed=3)
    assert "scene 'scene1' is $0.05, $0.05" in words
    assert "next purchase is $0.025" in words
    assert "starter.py scene edit scene1 --budget" in words
    assert len(await buyer.rows("scene1")) == 2


async def test_raised(buyer: Buyer) -> None:
    """After the budget is raised the same purchase is claimed; what was claimed before is carried on at any budget."""
    scene = await stored_scene(buyer.database, "scene1", budget_micros=PRICE)
    first = await buyer.buy(seed=1)
    await buyer.refused(seed=2)
    async with buyer.database.transaction() as tx:
        row = await tx.scenes.get(scene.id, lock=True)
        assert row is not None
        row.budget_micros = 2 * PRICE
    await buyer.buy(seed=2)
    async with buyer.database.transaction() as tx:
        row = await tx.scenes.get(scene.id, lock=True)
        assert row is not None
        row.budget_micros = 0
    assert (await buyer.buy(seed=1)).id == first.id
    await buyer.refused(seed=3)


@pytest.mark.parametrize(
    ("states", "actual", "covered"),
    [
        ((), None, False),
        ((S.SENT, S.UNKNOWN), None, False),
        ((S.SENT, S.ACCEPTED), None, False),
        ((S.SENT, S.FAILED), None, False),
        ((S.SENT, S.FAILED), 1, False),
        ((S.SENT, S.FAILED), 0, True),
        ((S.CANCELED,), 0, True),
        ((S.SENT, S.SUCCEEDED, S.STORED), None, False),
        ((S.SENT, S.SUCCEEDED, S.STORED), 0, True),
        ((S.SENT, S.SUCCEEDED, S.STORED), 5 * PRICE, False),
    ],
    ids=str,
)
async def test_what_counts(buyer: Buyer, states: tuple[JobState, ...], actual: int | None, covered: bool) -> None:
    """Committed is what was or may be charged; what the vendor let go leaves room; what it charges is all booked."""
    await stored_scene(buyer.database, "scene1", budget_micros=PRICE)
    job = await buyer.buy(seed=1)
    await buyer.move(job, *states, actual=actual)
    if covered:
        await buyer.buy(seed=2)
    else:
        await buyer.refused(seed=2)
    assert (await buyer.rows("scene1"))[0].actual_cost_micros == (actual if states else None)


async def test_possible_loss_counts(buyer: Buyer) -> None:
    """A purchase that was written off may still have to be paid: buying again needs room for both."""
    await stored_scene(buyer.database, "scene1", budget_micros=2 * PRICE - 1)
    job = await buyer.buy(seed=1)
    await buyer.move(job, S.SENT, S.UNKNOWN)
    async with buyer.database.transaction() as tx:
        await tx.jobs.write_off(job.id)
    await buyer.refused(seed=1)


async def test_default_of_scenes(database: Database, objects: LocalObjectStore) -> None:
    """The settings' budget is that of every scene without its own; the database goes before the environment."""
    buyer = Buyer(database, objects, PlanSettings(scene_budget_micros=0))
    await stored_scene(database, "scene1")
    await stored_scene(database, "scene2", budget_micros=PRICE)
    assert "scene 'scene1' is $0.00" in await buyer.refused("scene1")
    await buyer.buy("scene2", seed=2)
    await buyer.buy("test-somebody", seed=3)
    async with database.transaction() as tx:
        await tx.settings.put(SystemSetting(key="scene_budget_usd", value="0.025"))
    await buyer.buy("scene1")


async def test_project(buyer: Buyer) -> None:
    """The scenes of a project share its budget, with those that were deleted or moved away; others do not."""
    owner = await project(buyer.database, 2 * PRICE)
    for name, where in (("scene1", owner), ("scene2", owner), ("scene3", owner), ("scene4", None)):
        await stored_scene(buyer.database, name, project_id=where)
    await buyer.buy("scene1", seed=1)
    await buyer.buy("scene2", seed=2)
    async with buyer.database.transaction() as tx:
        first, second = await tx.scenes.get("scene1"), await tx.scenes.get("scene2")
        assert first is not None
        assert second is not None
        await tx.scenes.delete(first)
        second.project_id = None
    words = await buyer.refused("scene3", seed=3)
    await buyer.buy("scene4", seed=4)
    assert "project 'spring' is $0.05" in words
    assert "starter.py project edit spring --budget" in words


async def test_month(database: Database, objects: LocalObjectStore) -> None:
    """The month's budget is over everything, tests of identities too, and begins anew with each month."""
    buyer = Buyer(database, objects, PlanSettings(monthly_budget_micros=2 * PRICE))
    await stored_scene(database, "scene1")
    await buyer.buy("scene1", seed=1)
    await buyer.buy("test-somebody", seed=2)
    words = [await buyer.refused(scene, seed=3) for scene in ("scene1", "test-somebody")]
    async with database.engine.begin() as connection:
        earlier = now().replace(day=1) - timedelta(days=1)
        await connection.execute(update(ProviderJob).where(col(ProviderJob.take) == 1).values(intent_at=earlier))
    await buyer.buy("scene1", seed=3)
    assert all(f"the month {now():%Y-%m} is $0.05" in each for each in words)
    assert all("starter.py setting set monthly_budget_usd" in each for each in words)


async def test_reuse_costs_nothing(buyer: Buyer) -> None:
    """An unfinished purchase is carried on within a budget that is used up to the last micro-dollar."""
    await stored_scene(buyer.database, "scene1", budget_micros=PRICE)
    first = await buyer.buy()
    assert (await buyer.buy()).id == first.id


@pytest.mark.parametrize("racers", [2, 8])
async def test_attempts_of_one_purchase(buyer: Buyer, racers: int) -> None:
    """Attempts that claim the same purchase at once share it: none is refused for what another claimed for it."""
    await stored_scene(buyer.database, "scene1", budget_micros=PRICE)
    claimed = await asyncio.gather(*(buyer.buy() for _ in range(racers)))
    assert {job.id for job in claimed} == {job.id for job in await buyer.rows("scene1")}
    assert len(await buyer.rows("scene1")) == 1


@pytest.mark.parametrize("covered", [0, 1, 5])
async def test_race(buyer: Buyer, covered: int) -> None:
    """Scenes of one project that buy at once get exactly as many purchases as its budget covers."""
    owner = await project(buyer.database, covered * PRICE + PRICE // 2)
    names = [f"scene{number}" for number in range(10)]
    for name in names:
        await stored_scene(buyer.database, name, project_id=owner)
    won = await asyncio.gather(*(buyer.buy(name, seed) for seed, name in enumerate(names)), return_exceptions=True)
    refused = [each for each in won if isinstance(each, RejectedError)]
    assert len(refused) == len(names) - covered
    assert len(await buyer.rows(*names)) == covered


BUY = """
import asyncio, sys
from pathlib import Path
from pydantic import SecretStr
from domain.rejections import RejectedError
from store.database import Database
from store.objects.local import LocalObjectStore
from tests.activities.test_budgets import Buyer

async def main(url, folder, first):
    database = Database(url)
    buyer = Buyer(database, LocalObjectStore(Path(folder), "http://127.0.0.1", SecretStr("k")))
    print("ready", flush=True)
    sys.stdin.readline()
    names = [f"scene{first + number}" for number in range(5)]
    buys = (buyer.buy(name, first + seed) for seed, name in enumerate(names))
    won = await asyncio.gather(*buys, return_exceptions=True)
    strange = [each for each in won if isinstance(each, BaseException) and not isinstance(each, RejectedError)]
    await database.close()
    if strange:
        raise strange[0]

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


async def test_race_of_processes(buyer: Buyer, url: str, tmp_path: Path) -> None:
    """Two workers that buy at once cannot overshoot together."""
    owner = await project(buyer.database, 4 * PRICE)
    names = [f"scene{number}" for number in range(10)]
    for name in names:
        await stored_scene(buyer.database, name, project_id=owner)
    workers = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", BUY, url, str(tmp_path), str(first)),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for first in (0, 5)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert await worker.stdout.readline() == b"ready\n"
    ends = await asyncio.gather(*(worker.communicate(b"go\n") for worker in workers))
    assert [worker.returncode for worker in workers] == [0, 0], ends
    assert len(await buyer.rows(*names)) == 4
