"""What things cost, asked for by the names that people know."""

from datetime import timedelta

import pytest

from domain.budgets import Budget
from domain.ledger import Costs
from domain.rejections import RejectedError
from models.enums import FailureCode, JobState, Provider, Step
from models.tables import now
from runtime.catalog.costs import CostQuery, CostReport, costs_of, money_of_scenes
from runtime.catalog.identities import add_identity
from runtime.catalog.projects import add_project, delete_project, get_project, list_projects, patch_project
from runtime.catalog.scenes import add_scene, delete_scene, patch_scene
from runtime.catalog.settings import put_setting
from runtime.settings import Settings
from store.database import Database
from tests.store.catalog.drafts import identity, project, scene
from tests.support.ledger import book, bought, reused

S = JobState


@pytest.fixture
async def ids(database: Database) -> dict[str, str]:
    """The ids by name of Deven and of two scenes in a project, on which something is booked at every vendor."""
    deven = await add_identity(database, identity())
    launch = await add_project(database, project())
    scenes = [
        await add_scene(database, None, scene(name, project="launch", identity="deven")) for name in ("one", "two")
    ]
    whose = {"project_id": launch.id, "identity_id": deven.id}
    speech = bought(S.STORED, 7, scenes[0].id, provider=Provider.ELEVENLABS, step=Step.SPEECH, **whose)
    await book(
        database,
        speech,
        bought(S.ACCEPTED, None, scenes[0].id, **whose),
        bought(S.UNKNOWN, None, scenes[1].id, provider=Provider.SYNC, step=Step.LIPSYNC, **whose),
        bought(S.STORED, 1, f"test-{deven.id}", step=Step.IMAGE, identity_id=deven.id),
        bought(S.STORED, 50, "elsewhere", intent_at=now() - timedelta(days=60)),
        reused(speech, scenes[1].id, **whose),
    )
    return {"deven": deven.id, "launch": launch.id} | {each.name: each.id for each in scenes}


def shares(report: CostReport) -> list[tuple[str | None, Costs]]:
    return [(part.name, part.costs) for part in report.scenes or []]


async def test_everything(database: Database, settings: Settings, ids: dict[str, str]) -> None:
    """Without a filter everything counts, by vendor and step in their order, and what may be lost is named."""
    report = await costs_of(database, settings, CostQuery())
    assert report.total == Costs(58, 100, 100, 100, 1)
    assert list(report.providers.items()) == [
        (Provider.ELEVENLABS, Costs(7, saved_micros=100)),
        (Provider.FAL, Costs(51, 100)),
        (Provider.SYNC, Costs(0, 0, 100, 0, 1)),
    ]
    assert list(report.steps.items()) == [
        (Step.SPEECH, Costs(7, saved_micros=100)),
        (Step.IMAGE, Costs(1)),
        (Step.VIDEO, Costs(50, 100)),
        (Step.LIPSYNC, Costs(0, 0, 100, 0, 1)),
    ]
    assert [job.scene_id for job in report.unknown] == [ids["two"]]
    assert (report.scenes, report.month) == (None, None)


async def test_filters(database: Database, settings: Settings, ids: dict[str, str]) -> None:
    """Names and ids are the same, filters go together, and scenes come dearest first."""
    one, two = ("one", Costs(7, 100)), ("two", Costs(0, 0, 100, 100, 1))
    expected: dict[CostQuery, list[tuple[str | None, Costs]]] = {
        CostQuery(scene="one"): [one],
        CostQuery(scene=ids["one"]): [one],
        CostQuery(project="launch"): [one, two],
        CostQuery(project=ids["launch"], provider=Provider.SYNC): [("two", Costs(0, 0, 100, 0, 1))],
        CostQuery(identity="deven"): [one, two, (None, Costs(1))],
        CostQuery(identity="deven", project="launch", since="7d"): [one, two],
        CostQuery(identity="deven", since=f"{now() + timedelta(hours=1):%Y-%m-%dT%H:%M}"): [],
    }
    for query, parts in expected.items():
        assert shares(await costs_of(database, settings, query)) == parts
    assert (await costs_of(database, settings, CostQuery(since="30d"))).total.spent_micros == 8


async def test_what_is_gone(database: Database, settings: Settings, ids: dict[str, str]) -> None:
    """Costs of what was deleted stay, without names, and are found by its id."""
    await delete_scene(database, "one")
    before = await costs_of(database, settings, CostQuery(project="launch"))
    await delete_project(database, "launch", with_scenes=True)
    after = await costs_of(database, settings, CostQuery(project=ids["launch"]))
    assert before.total == after.total == Costs(7, 100, 100, 100, 1)
    assert [name for name, _ in shares(before)] == [None, "two"]
    assert [name for name, _ in shares(after)] == [None, None]
    assert (await costs_of(database, settings, CostQuery(scene=ids["one"]))).total == Costs(7, 100)


@pytest.mark.parametrize("query", [CostQuery(scene="no"), CostQuery(project="one"), CostQuery(identity="\x00")])
async def test_nothing_of_the_kind(
    database: Database, settings: Settings, ids: dict[str, str], query: CostQuery
) -> None:
    """What neither exists nor ever cost anything is not found."""
    with pytest.raises(RejectedError) as caught:
        await costs_of(database, settings, query)
    assert caught.value.code is FailureCode.NOT_FOUND


@pytest.mark.parametrize("since", ["", "soon"])
async def test_no_moment(database: Database, settings: Settings, since: str) -> None:
    """A moment that is none is refused, not taken for everything."""
    with pytest.raises(RejectedError, match="since"):
        await costs_of(database, settings, CostQuery(since=since))


async def test_month(database: Database, settings: Settings, ids: dict[str, str]) -> None:
    """The month's budget is over everything that was ordered in it, whatever was asked for."""
    await put_setting(database, settings, "monthly_budget_usd", "0.001")
    report = await costs_of(database, settings, CostQuery(scene="two"))
    assert report.month == Budget(1000, 208)


async def test_budgets_of_scenes(database: Database, settings: Settings, ids: dict[str, str]) -> None:
    """A scene's budget is its own, else the settings'; what is left may be less than nothing."""
    await put_setting(database, settings, "scene_budget_usd", "0.0001")
    two = await patch_scene(database, None, "two", {"budget_usd": "1"})
    async with database.transaction() as tx:
        one = await tx.scenes.get(ids["one"])
        assert one is not None
        mine, his = await money_of_scenes(tx, settings, [one, two])
    assert (mine.costs, mine.budget) == (Costs(7, 100), Budget(100, 107))
    assert mine.budget is not None
    assert mine.budget.left_micros == -7
    assert his.budget == Budget(1_000_000, 100)


async def test_budget_of_a_project(database: Database, settings: Settings, ids: dict[str, str]) -> None:
    """A project shows what its scenes cost; its budget is edited like every field, counted, and can be taken back."""
    edited = await patch_project(database, "launch", {"budget_usd": "0.1"}, expected_version=1)
    found = await get_project(database, "launch")
    assert (edited.version, edited.budget_micros) == (2, 100_000)
    assert (found.costs, found.budget) == (Costs(7, 100, 100, 100, 1), Budget(100_000, 207))
    assert (await list_projects(database)).items == [found]
    assert (await patch_project(database, "launch", {"budget_usd": 0.1})).version == 2
    await patch_project(database, "launch", {"budget_usd": "none"})
    assert (await get_project(database, "launch")).budget is None
