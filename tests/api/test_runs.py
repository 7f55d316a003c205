"""Filming over HTTP, against a running worker: start, watch, stop, have the film."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import httpx

from models.enums import JobState, Step
from models.tables import Scene
from tests.api.conftest import Live
from tests.api.test_catalog import code_of

STUCK = {"provider": "fal", "fault": "stuck"}


@asynccontextmanager
async def stuck_vendor(live: Live) -> AsyncGenerator[None]:
    """fal's queue does not move for the length of a block."""
    await live.stack.control("POST", "/control/faults", json=STUCK)
    try:
        yield
    finally:
        await live.stack.control("DELETE", "/control/faults")


async def until_over(live: Live, scene: str, pause_s: float = 0.2) -> dict[str, Any]:
    """The last status of a scene's run, which has a minute to end."""
    status: dict[str, Any] = {}
    for _ in range(round(60 / pause_s)):
        status = (await live.ask("GET", f"/scenes/{scene}/status")).json()
        if status["over"]:
            return status
        await asyncio.sleep(pause_s)
    raise AssertionError(f"the run does not end: {status}")


async def listen(live: Live, scene: str, last_id: str | None = None) -> list[dict[str, Any]]:
    """All events until the server ends the stream."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    found: list[dict[str, Any]] = []
    async with live.http.stream("GET", f"/api/scenes/{scene}/events", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        event: dict[str, Any] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if line and name:
                event[name] = value
            elif event:
                found.append(event)
                event = {}
    return found


async def test_a_scene_becomes_a_film(live: Live) -> None:
    """Created, generated, watched to the end, logged, paid, and its film and captions can be fetched."""
    identity = await live.stack.identity()
    number = live.stack.unique()
    body = {"name": f"api-{number}", "dialogue": "Hello from the web.", "identity": identity.name}
    scene = (await live.ask("POST", "/scenes", json=body | {"generationMode": "digital-twin"})).json()["id"]
    started = await live.ask("POST", f"/scenes/{scene}/generate")
    events = await listen(live, scene)
    status = await until_over(live, scene)
    film = await live.ask("GET", f"/scenes/{scene}/video", follow_redirects=True)
    captions = await live.ask("GET", f"/scenes/{scene}/captions?format=vtt", follow_redirects=True)
    logs = (await live.ask("GET", f"/scenes/{scene}/logs?limit=2")).json()
    jobs = (await live.ask("GET", f"/jobs?scene={scene}")).json()
    states = [json.loads(event["data"]) for event in events]

    assert started.status_code == 202
    assert started.json()["workflowId"] == f"scene-{scene}"
    assert started.json()["temporalUrl"].endswith(f"/workflows/scene-{scene}/{started.json()['runId']}")
    assert started.json()["joined"] is False
    assert [event["event"] for event in events][-1:] == ["end"]
    assert {event["event"] for event in events[:-1]} == {"progress"}
    assert not [event for event, following in pairwise(events) if event["id"] == following["id"]]
    assert len(events) > 1
    assert {step["state"] for step in states[-1]["steps"]} <= {"done", "reused", "skipped"}
    assert (status["status"], status["mode"]["mode"]) == ("completed", "digital-twin")
    assert (film.headers["content-type"], film.content[4:8]) == ("video/mp4", b"ftyp")
    assert captions.text.startswith("WEBVTT")
    assert len(logs["items"]) == 2
    assert logs["nextAfter"] == logs["items"][-1]["id"]
    assert jobs["costs"]["spentMicros"] > 0
    assert {job["state"] for job in jobs["items"]} == {"stored"}


async def test_events_resume_without_repeating(live: Live) -> None:
    """Who has seen the end is told so; who has seen an earlier state gets what came after."""
    scene = await live.scene("Come back later.")
    await live.ask("POST", f"/scenes/{scene}/generate")
    events = await listen(live, scene)
    again = await listen(live, scene, events[0]["id"])
    done = await live.ask("GET", f"/scenes/{scene}/events", headers={"Last-Event-ID": events[-1]["id"]})

    assert [event["id"] for event in again] == [events[-1]["id"]]
    assert done.status_code == 204


async def test_a_listener_that_leaves_frees_everything(live: Live) -> None:
    """After a disconnect the stream is closed on our side too."""
    scene = await live.scene("Nobody listens.")
    async with stuck_vendor(live):
        await live.ask("POST", f"/scenes/{scene}/generate")
        async with live.http.stream("GET", f"/api/scenes/{scene}/events") as answer:
            await anext(answer.aiter_lines())
            listening = live.services.streams
        async with asyncio.timeout(10):
            while live.services.streams:  # noqa: ASYNC110 - nothing tells when a count changes
                await asyncio.sleep(0.05)
        await live.ask("POST", f"/scenes/{scene}/cancel")

        await until_over(live, scene)

    assert listening == 1


async def test_generating_twice_joins_the_run(live: Live) -> None:
    """A scene never runs twice at once; the answer says that it joined."""
    scene = await live.scene("Once is enough.")
    async with stuck_vendor(live):
        answers = [(await live.ask("POST", f"/scenes/{scene}/generate")).json() for _ in range(2)]
        await live.stack.until(
            await live.stack.reload(Scene(id=scene, name="", dialogue="")), Step.IMAGE, JobState.ACCEPTED
        )
        await live.ask("POST", f"/scenes/{scene}/cancel")
        await until_over(live, scene)

    assert [answer["joined"] for answer in answers] == [False, True]
    assert answers[0]["runId"] == answers[1]["runId"]


async def test_an_idempotency_key_replays_its_answer(live: Live) -> None:
    """Same key and body: the first answer, also when the run is over; another body or scene is refused."""
    scene, other = await live.scene("Only once."), await live.scene("Another.")
    key = {"Idempotency-Key": f"key-{live.stack.unique()}"}
    first = await live.ask("POST", f"/scenes/{scene}/generate", headers=key)
    await until_over(live, scene)
    again = await live.ask("POST", f"/scenes/{scene}/generate", headers=key)
    other_body = await live.ask("POST", f"/scenes/{scene}/generate", headers=key, json={})
    other_scene = await live.ask("POST", f"/scenes/{other}/generate", headers=key)

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert code_of(other_body)[0] == code_of(other_scene)[0] == 422
    assert (await live.ask("GET", f"/scenes/{other}")).json()["status"] == "draft"


async def test_one_key_at_the_same_time_starts_one_run(live: Live) -> None:
    """Ten requests at once: every accepted answer is the same run, the others are told to ask again."""
    scene = await live.scene("All at once.")
    key = {"Idempotency-Key": f"key-{live.stack.unique()}"}
    answers = await asyncio.gather(*(live.ask("POST", f"/scenes/{scene}/generate", headers=key) for _ in range(10)))
    await until_over(live, scene)

    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["runId"] for answer in answers if answer.status_code == 202}) == 1


async def test_a_cancel_reaches_the_vendor(live: Live) -> None:
    """The run ends as canceled and the vendor's job with it; then there is nothing more to cancel, and no film."""
    scene = await live.scene("Stop this.")
    async with stuck_vendor(live):
        await live.ask("POST", f"/scenes/{scene}/generate")
        async with live.services.database.transaction() as tx:
            row = await tx.scenes.get(scene)
        assert row
        await live.stack.until(row, Step.IMAGE, JobState.ACCEPTED)
        refused = await live.ask("DELETE", f"/scenes/{scene}", headers={"If-Match": "*"})
        no_film = await live.ask("GET", f"/scenes/{scene}/video")
        canceled = await live.ask("POST", f"/scenes/{scene}/cancel")
        status = await until_over(live, scene)
    jobs = (await live.ask("GET", f"/jobs?scene={scene}")).json()["items"]

    assert canceled.status_code == 202
    assert (status["status"], status["failure"]["code"]) == ("canceled", "canceled")
    assert "canceled" in {job["state"] for job in jobs}
    assert code_of(refused) == code_of(no_film) == (409, "conflict")
    assert code_of(await live.ask("POST", f"/scenes/{scene}/cancel")) == (409, "conflict")


async def test_a_failure_says_what_the_user_should_read(live: Live) -> None:
    """The message of the one table, in status and scene."""
    identity = await live.stack.identity(lora_url=live.stack.lora("missing.safetensors"))
    scene = await live.scene("No face.", identity=identity.name, generation_mode="digital-twin")
    await live.ask("POST", f"/scenes/{scene}/generate")
    status = await until_over(live, scene)
    shown = (await live.ask("GET", f"/scenes/{scene}")).json()

    assert (status["failure"]["code"], status["failure"]["message"]) == ("lora_not_found", "LoRA file not found")
    assert shown["failure"] == status["failure"]


async def test_an_identity_is_tested(live: Live) -> None:
    """LoRA, voice and picture each have a verdict; the picture can be seen and its cost is booked."""
    identity = await live.stack.identity()
    free = (await live.ask("POST", f"/identities/{identity.id}/test")).json()
    paid = (await live.ask("POST", f"/identities/{identity.id}/test", json={"testGeneration": True})).json()
    broken = await live.stack.identity(lora_url=live.stack.lora("missing.safetensors"))
    partial = (await live.ask("POST", f"/identities/{broken.id}/test")).json()
    async with httpx.AsyncClient(trust_env=False) as http:
        picture = await http.get(paid["pictureUrl"])

    assert (free["overall"], free["picture"]["outcome"], free["costMicros"]) == ("success", "skipped", 0)
    assert (paid["overall"], paid["picture"]["outcome"]) == ("success", "passed")
    assert picture.headers["content-type"].startswith("image/")
    assert (partial["overall"], partial["lora"]["message"]) == ("partial", "LoRA file not found")


async def test_everything_is_ready(live: Live) -> None:
    """Database, Temporal and object store answer."""
    ready = await live.ask("GET", "/ready")

    assert (ready.status_code, ready.json()) == (
        200,
        {"ready": True, "checks": {"database": "ok", "temporal": "ok", "objectStore": "ok"}},
    )


async def test_twenty_scenes_at_once_all_become_films(live: Live) -> None:
    """Started together through the API: each completes, with its log to the end, and nothing is bought again."""
    place = {"environment": "a crowded room", "identity": (await live.stack.identity()).name}
    first, *others = [await live.scene("Hello to everyone.", **place) for _ in range(21)]
    await live.ask("POST", f"/scenes/{first}/generate")
    await until_over(live, first)
    started = await asyncio.gather(*(live.ask("POST", f"/scenes/{scene}/generate") for scene in others))
    statuses = await asyncio.gather(*(until_over(live, scene, pause_s=2) for scene in others))
    logs = [(await live.ask("GET", f"/scenes/{scene}/logs?limit=500")).json()["items"] for scene in others]
    jobs = [(await live.ask("GET", f"/jobs?scene={scene}")).json()["items"] for scene in others]

    assert {answer.status_code for answer in started} == {202}
    assert {status["status"] for status in statuses} == {"completed"}
    assert {log[-1]["step"] for log in logs} == {"UPLOAD"}
    assert not [job for each in jobs for job in each]
