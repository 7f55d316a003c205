"""Kling's own contract, over plain HTTP (it has no official Python client)."""

import asyncio
import base64
import time
from typing import Any

import httpx
import jwt
import pytest

from studio.makers import media_facts
from tests.support.studio import KLING_ACCESS_KEY, KLING_SECRET_KEY, Studio
from tests.support.webhooks import WebhookReceiver

PATH = "/kling/v1/videos/image2video"


def token(*, issuer: str = KLING_ACCESS_KEY, secret: str = KLING_SECRET_KEY, starts: int = -5, ends: int = 1800) -> str:
    """A token as Kling's documents make it."""
    now = int(time.time())
    return jwt.encode({"iss": issuer, "exp": now + ends, "nbf": now + starts}, secret, algorithm="HS256")


def headers() -> dict[str, str]:
    """Good credentials."""
    return {"Authorization": f"Bearer {token()}"}


async def finished(studio: Studio, http: httpx.AsyncClient, name: str) -> dict[str, Any]:
    """The task once it has ended."""
    while True:
        data = (await http.get(f"{studio.url}{PATH}/{name}", headers=headers())).json()["data"]
        if data["task_status"] in {"succeed", "failed"}:
            return data
        await asyncio.sleep(0.03)


async def test_a_clip_from_a_base64_picture(studio: Studio, http: httpx.AsyncClient) -> None:
    """Found by either id; lengths and units are strings; the spelling is `succeed`."""
    picture = base64.b64encode((await http.get(studio.picture_url("headshot.jpg"))).content).decode()
    body = {"model_name": "kling-v2-6", "mode": "pro", "image": picture, "image_tail": picture, "duration": "5"}
    created = await http.post(studio.url + PATH, json=body | {"external_task_id": "scene-1"}, headers=headers())
    assert (created.status_code, created.json()["code"], created.json()["data"]["task_status"]) == (200, 0, "submitted")
    task_id = created.json()["data"]["task_id"]
    assert len(task_id) == 18
    data = await finished(studio, http, "scene-1")
    assert (data["task_id"], data["task_status"], data["final_unit_deduction"]) == (task_id, "succeed", "2.5")
    video = data["task_result"]["videos"][0]
    assert video["duration"] == "5.0"
    facts = media_facts((await http.get(video["url"])).content)
    assert (facts.video_s, facts.audio_s) == (pytest.approx(5, abs=0.001), None)
    assert [(line["key"], line["units"]) for line in studio.bill("kling")] == [("scene-1", 2.5)]
    listed = await http.get(studio.url + PATH, params={"pageNum": 1, "pageSize": 30}, headers=headers())
    assert [task["task_id"] for task in listed.json()["data"]] == [task_id]


async def test_an_external_id_is_used_once(studio: Studio, http: httpx.AsyncClient) -> None:
    """The second create with the same id is 400/1201 and buys nothing."""
    body = {"image": studio.picture_url(), "external_task_id": "scene-1"}
    answers = [await http.post(studio.url + PATH, json=body, headers=headers()) for _ in range(2)]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(200, 0), (400, 1201)]
    assert len(studio.bill("kling")) == 1


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, 1001),
        ("Basic abc", 1002),
        ("Bearer nonsense", 1002),
        (f"Bearer {token(issuer='nobody')}", 1000),
        (f"Bearer {token(secret='0123456789abcdef0123456789abcdef')}", 1002),
        (f"Bearer {token(starts=600)}", 1003),
        (f"Bearer {token(ends=-10)}", 1004),
    ],
)
async def test_tokens_are_checked(
    studio: Studio, http: httpx.AsyncClient, authorization: str | None, code: int
) -> None:
    """Each way of being wrong has its code, all under 401."""
    given = {"Authorization": authorization} if authorization is not None else {}
    answer = await http.get(f"{studio.url}{PATH}/1", headers=given)
    assert (answer.status_code, answer.json()["code"]) == (401, code)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"image": "data:image/png;base64,AAAA"},
        {"image": "bm8gcGljdHVyZQ=="},
        {"image": "http://x/y.png", "duration": 5},
        {"image": "http://x/y.png", "duration": "7"},
        {"image": "http://x/y.png", "model_name": "kling-v9"},
        {"image": "http://x/y.png", "model_name": "kling-v2-6", "cfg_scale": 0.5},
        {"image": "http://x/y.png", "model_name": "kling-v2-6", "image_tail": "http://x/z.png"},
        {"image": "http://x/y.png", "prompt": "x" * 2501},
        {"image": "http://x/y.png", "aspect_ratio": "16:9"},
    ],
)
async def test_wrong_requests_are_1201(studio: Studio, http: httpx.AsyncClient, body: dict[str, Any]) -> None:
    """400 with the envelope; nothing is bought."""
    answer = await http.post(studio.url + PATH, json=body, headers=headers())
    assert (answer.status_code, answer.json()["code"]) == (400, 1201)
    assert studio.bill() == []


async def test_a_bad_picture_address_fails_the_task(studio: Studio, http: httpx.AsyncClient) -> None:
    """The task is there (200, code 0) and failed, with the reason in its message only."""
    body = {"image": studio.picture_url("expired.png")}
    created = await http.post(studio.url + PATH, json=body, headers=headers())
    data = await finished(studio, http, created.json()["data"]["task_id"])
    assert (data["task_status"], data["final_unit_deduction"]) == ("failed", "0")
    assert data["task_status_msg"]


async def test_an_unknown_task_is_1203(studio: Studio, http: httpx.AsyncClient) -> None:
    """404 with the envelope."""
    answer = await http.get(f"{studio.url}{PATH}/nobody", headers=headers())
    assert (answer.status_code, answer.json()["code"]) == (404, 1203)


async def test_each_change_is_called_back(studio: Studio, http: httpx.AsyncClient, webhooks: WebhookReceiver) -> None:
    """processing, then succeed, without an envelope."""
    body = {"image": studio.picture_url(), "callback_url": webhooks.url}
    await http.post(studio.url + PATH, json=body, headers=headers())
    assert [(await webhooks.next()).json["task_status"] for _ in range(2)] == ["processing", "succeed"]
