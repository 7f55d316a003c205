"""`GET /api/scenes/{reference}/plan`."""

import pytest

from models.enums import ApiScope
from runtime.catalog.scenes import get_scene
from tests.api.conftest import Api, Live


async def test_before_and_after_a_film(live: Live) -> None:
    """Before, what it would cost and take; after, everything is reused; with a fresh step, what follows is bought."""
    scene = await live.scene("How much is this?", generation_mode="digital-twin", budget_usd="5")
    bill = await live.stack.bill()
    before = (await live.ask("GET", f"/scenes/{scene}/plan")).json()
    assert await live.stack.bill() == bill
    await live.stack.film(await get_scene(live.services.database, scene))
    after = (await live.ask("GET", f"/scenes/{scene}/plan")).json()
    fresh = (await live.ask("GET", f"/scenes/{scene}/plan?fresh=video")).json()

    assert (before["feasible"], before["exact"], before["speechS"] > 0) == (True, False, True)
    assert before["costMicros"] == sum(step["costMicros"] for step in before["steps"])
    assert before["mode"]["mode"] == "digital-twin"
    assert before["budgets"][0]["budget"] == {"limitMicros": 5_000_000, "committedMicros": 0, "leftMicros": 5_000_000}
    assert {step["verdict"] for step in before["steps"] if step["step"] in ("speech", "lipsync")} == {"buy"}
    assert [step["verdict"] for step in after["steps"]] == ["reuse"] * 4
    assert (after["costMicros"], after["seconds"], after["obstacles"]) == (0, 0, [])
    assert [step["verdict"] for step in fresh["steps"]] == ["reuse", "reuse", "buy", "buy"]
    assert fresh["fresh"] == ["video"]


async def test_in_the_way(api: Api) -> None:
    """Without keys nothing can be filmed: that is an answer, not an error."""
    await api.make("scenes", name="welcome")
    answer = await api.ask("GET", "/scenes/welcome/plan")
    plan = answer.json()
    assert (answer.status_code, plan["feasible"], plan["steps"], plan["mode"]) == (200, False, [], None)
    assert [each["code"] for each in plan["obstacles"]] == ["invalid_request"]
    assert plan["obstacles"][0]["problem"].startswith("voice_id: ")


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [("nothing/plan", 404, "scene"), ("welcome/plan?fresh=everything", 422, "fresh.0")],
)
async def test_refused(sqlite_api: Api, path: str, status: int, field: str) -> None:
    """A scene that is not there, and a step that is none."""
    await sqlite_api.make("scenes", name="welcome")
    answer = await sqlite_api.ask("GET", f"/scenes/{path}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field)


async def test_scope(sqlite_api: Api) -> None:
    """A key that may read may ask for the price; one that may not, may not."""
    await sqlite_api.make("scenes", name="welcome")
    answers: dict[ApiScope, int] = {}
    for scope in ApiScope:
        token = await sqlite_api.key(scope)
        headers = {"Authorization": f"Bearer {token}"}
        answers[scope] = (await sqlite_api.ask("GET", "/scenes/welcome/plan", headers=headers)).status_code
    assert answers == {ApiScope.READ: 200, ApiScope.WRITE: 403, ApiScope.GENERATE: 403}
