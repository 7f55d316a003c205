"""Costs and budgets over HTTP, on both databases."""

import pytest

from models.enums import JobState, Provider, Step
from tests.api.conftest import Api
from tests.support.ledger import book, bought, reused

NOTHING = {"spentMicros": 0, "inFlightMicros": 0, "unknownMicros": 0, "savedMicros": 0, "unknownCount": 0}


async def stock(api: Api) -> dict[str, str]:
    """A scene in a project with something booked on it, and something else; their ids."""
    project = (await api.make("projects"))["id"]
    scene = (await api.make("scenes", project=project))["id"]
    job = bought(JobState.STORED, 7, scene, project_id=project)
    lost = bought(JobState.UNKNOWN, None, scene, project_id=project, provider=Provider.SYNC, step=Step.LIPSYNC)
    await book(api.services.database, job, lost, reused(job, scene, project_id=project))
    await book(api.services.database, bought(JobState.SENT, scene_id="elsewhere"))
    return {"project": project, "scene": scene, "lost": lost.idempotency_key}


async def test_costs(api: Api) -> None:
    """The sums as a whole, by vendor, by step and by scene, and what a person could look up."""
    ids = await stock(api)
    everything = (await api.ask("GET", "/costs")).json()
    some = (await api.ask("GET", "/costs?project=spring&since=7d")).json()
    both = NOTHING | {"spentMicros": 7, "unknownMicros": 100, "savedMicros": 100, "unknownCount": 1}
    assert everything["total"] == both | {"inFlightMicros": 100}
    assert (everything["scenes"], everything["month"], everything["since"]) == (None, None, None)
    assert (some["total"], some["projectId"], some["sceneId"]) == (both, ids["project"], None)
    assert some["providers"] == {
        "fal": NOTHING | {"spentMicros": 7, "savedMicros": 100},
        "sync": NOTHING | {"unknownMicros": 100, "unknownCount": 1},
    }
    assert list(some["steps"]) == ["video", "lipsync"]
    assert some["scenes"] == [{"sceneId": ids["scene"], "name": "welcome", "costs": both}]
    assert [(job["idempotencyKey"], job["state"]) for job in some["unknown"]] == [(ids["lost"], "unknown")]
    assert "request" not in some["unknown"][0]


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("scene=nothing", 404, "scene"),
        ("project=nothing", 404, "project"),
        ("identity=nothing", 404, "identity"),
        ("since=soon", 422, "since"),
        ("provider=someone", 422, "provider"),
    ],
)
async def test_bad_filters(sqlite_api: Api, query: str, status: int, field: str) -> None:
    """A filter that fits nothing, or cannot be read, is named."""
    answer = await sqlite_api.ask("GET", f"/costs?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field)


async def test_views(api: Api) -> None:
    """Scenes, projects and purchases show what they cost."""
    await stock(api)
    costs = NOTHING | {"spentMicros": 7, "unknownMicros": 100, "savedMicros": 100, "unknownCount": 1}
    scene = (await api.ask("GET", "/scenes/welcome")).json()
    project = (await api.ask("GET", "/projects/spring")).json()
    assert [each["costs"] for each in (scene, project)] == [costs, costs]
    assert [each["budget"] for each in (scene, project)] == [None, None]
    assert (await api.ask("GET", "/scenes")).json()["items"] == [scene]
    assert (await api.ask("GET", "/projects")).json()["items"] == [project]
    jobs = (await api.ask("GET", "/jobs?scene=welcome")).json()
    assert jobs["costs"] == costs
    assert [(job["state"], job["booking"]) for job in jobs["items"]] == [("stored", "settled"), ("unknown", "unknown")]


@pytest.mark.parametrize(("what", "name"), [("scenes", "welcome"), ("projects", "spring")])
async def test_budgets(api: Api, what: str, name: str) -> None:
    """A budget is written in US dollars, read exactly, counted as an edit, shown with what is left, and taken back."""
    await stock(api)
    path = f"/{what}/{name}"
    put = await api.ask("PATCH", path, json={"budgetUsd": 0.1}, headers={"If-Match": '"1"'})
    same = await api.ask("PATCH", path, json={"budgetUsd": "0.10"}, headers={"If-Match": '"2"'})
    stale = await api.ask("PATCH", path, json={"budgetUsd": 1}, headers={"If-Match": '"1"'})
    bad = await api.ask("PATCH", path, json={"budgetUsd": "0.0000001"}, headers={"If-Match": "*"})
    gone = await api.ask("PATCH", path, json={"budgetUsd": None}, headers={"If-Match": "*"})
    assert put.json()["budgetUsd"] == "0.10"
    assert put.json()["budget"] == {"limitMicros": 100_000, "committedMicros": 107, "leftMicros": 99_893}
    assert (put.headers["etag"], same.headers["etag"]) == ('"2"', '"2"')
    assert (stale.status_code, bad.status_code, bad.json()["errors"][0]["field"]) == (412, 422, "budgetUsd")
    assert (gone.json()["budgetUsd"], gone.json()["budget"], gone.headers["etag"]) == (None, None, '"3"')


async def test_settings(api: Api) -> None:
    """The settings' budgets apply to every scene without one of its own, and to the month as a whole."""
    await stock(api)
    for key, value in (("scene_budget_usd", 0.0002), ("monthly_budget_usd", "5")):
        answer = await api.ask("PUT", f"/settings/{key}", json={"value": value}, headers={"If-Match": "*"})
        assert (answer.status_code, answer.json()["value"]) == (200, str(value))
    scene = (await api.ask("GET", "/scenes/welcome")).json()
    assert (scene["budgetUsd"], scene["budget"]["limitMicros"], scene["budget"]["leftMicros"]) == (None, 200, 93)
    month = (await api.ask("GET", "/costs?scene=welcome")).json()["month"]
    assert month == {"limitMicros": 5_000_000, "committedMicros": 207, "leftMicros": 4_999_793}
