"""`/api/scenes/{reference}/approval|approve|reject|redraw`."""

from typing import Any

import httpx
import pytest

from models.enums import ApiScope, SceneStatus
from models.tables import Scene
from runtime.catalog.scenes import get_scene
from tests.api.conftest import Api, Live

TOKEN = {"token": "f" * 64}


async def test_redraw_then_approve(live: Live) -> None:
    """The picture by a link, the price and the token; another picture; then the film. Each answer is taken once."""
    scene, row = await waiting(live)
    handle = await live.stack.start(row)
    first = await live.stack.until_asked(row)
    before = (await live.ask("GET", f"/scenes/{scene}/approval")).json()
    shown = (await live.ask("GET", f"/scenes/{scene}")).json()
    status = (await live.ask("GET", f"/scenes/{scene}/status")).json()
    picture = await live.http.get(before["waiting"]["pictureUrl"])
    redrawn = await live.ask("POST", f"/scenes/{scene}/redraw", json={"token": first, "prompt": "with a hat"})
    second = await live.stack.until_asked(row, first)
    stale = await live.ask("POST", f"/scenes/{scene}/approve", json={"token": first})
    approved = await live.ask("POST", f"/scenes/{scene}/approve", json={"token": second})
    await handle.result()
    late = await live.ask("POST", f"/scenes/{scene}/reject", json={"token": second, "reason": "no"})
    after = (await live.ask("GET", f"/scenes/{scene}/approval")).json()

    assert picture.status_code == 200
    assert (before["waiting"]["token"], before["waiting"]["priceMicros"] > 0, before["past"]) == (first, True, [])
    assert before["waiting"]["expiresAt"] > before["waiting"]["askedAt"]
    assert (shown["waitsForApproval"], shown["approval"], status["waitsForApproval"]) == (True, True, True)
    assert redrawn.json() == {"sceneId": scene, "token": first, "decision": "redrawn", "decidedBy": "local"}
    assert approved.status_code == 200
    assert refusal(stale) == (409, "conflict", "that picture was redrawn by local already")
    assert refusal(late)[:2] == (409, "conflict")
    assert after["waiting"] is None
    assert [(each["decision"], each["decidedBy"]) for each in after["past"]] == [
        ("redrawn", "local"),
        ("approved", "local"),
    ]
    assert (await live.ask("GET", f"/scenes/{scene}")).json()["prompt"] == "with a hat"


async def test_reject(live: Live) -> None:
    """The scene ends with the reason, and nothing waits any more."""
    scene, row = await waiting(live)
    await live.stack.start(row)
    token = await live.stack.until_asked(row)
    answer = await live.ask("POST", f"/scenes/{scene}/reject", json={"token": token, "reason": "the hands"})
    again = await live.ask("POST", f"/scenes/{scene}/approve", json={"token": token})
    found = (await live.ask("GET", f"/scenes/{scene}/approval")).json()

    assert (answer.status_code, again.status_code) == (200, 409)
    assert (found["waiting"], found["past"][0]["reason"]) == (None, "the hands")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("nothing/approve", TOKEN, 404),
        ("welcome/approve", {}, 422),
        ("welcome/reject", TOKEN, 422),
        ("welcome/redraw", TOKEN | {"seed": -1}, 422),
        ("welcome/approve", TOKEN | {"by": "somebody else"}, 422),
        ("welcome/approve", TOKEN, 503),
    ],
)
async def test_refused(sqlite_api: Api, path: str, body: dict[str, Any], status: int) -> None:
    """A scene that is not there, an answer that lacks something or says too much, and no Temporal to take it."""
    await sqlite_api.make("scenes", name="welcome")
    assert (await sqlite_api.ask("POST", f"/scenes/{path}", json=body)).status_code == status


async def test_nothing_waits(sqlite_api: Api) -> None:
    """That is an answer too, also while Temporal is away."""
    scene = await sqlite_api.make("scenes", name="welcome")
    found = (await sqlite_api.ask("GET", "/scenes/welcome/approval")).json()
    assert found == {"sceneId": scene["id"], "waiting": None, "past": []}
    assert scene["waitsForApproval"] is False


async def test_scope(sqlite_api: Api) -> None:
    """Who may generate may answer; who may read may look."""
    await sqlite_api.make("scenes", name="welcome")
    for scope, looked, answered in (
        (ApiScope.READ, 200, 403),
        (ApiScope.WRITE, 403, 403),
        (ApiScope.GENERATE, 403, 503),
    ):
        headers = {"Authorization": f"Bearer {await sqlite_api.key(scope)}"}
        look = await sqlite_api.ask("GET", "/scenes/welcome/approval", headers=headers)
        answer = await sqlite_api.ask("POST", "/scenes/welcome/approve", headers=headers, json=TOKEN)
        assert (look.status_code, answer.status_code) == (looked, answered)


async def waiting(live: Live) -> tuple[str, Scene]:
    """A scene that will ask, and its row."""
    identity = await live.stack.identity(lora_url=None)
    scene = await live.scene("May I?", identity=identity.name, approval=True)
    row = await get_scene(live.services.database, scene)
    assert row.status == SceneStatus.DRAFT
    return scene, row


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, code and reason."""
    problem = answer.json()["errors"][0]["problem"].removeprefix("the answer is not taken: ")
    return answer.status_code, answer.json()["code"], problem
