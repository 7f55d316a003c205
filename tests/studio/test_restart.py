"""What survives when the studio ends, politely or not."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.studio.vendors import NOWHERE, POLL_S, vendors
from tests.support.studio import Studio


@pytest.fixture
def own_studio(tmp_path: Path) -> Iterator[Studio]:
    """A studio of the test's own."""
    with Studio.start(tmp_path / "data") as studio:
        yield studio


async def fal_result(http: httpx.AsyncClient, job: dict[str, Any]) -> dict[str, Any]:
    """The result of a job once it has ended."""
    headers = vendors()["fal"].headers
    for _ in range(500):
        if (await http.get(job["status_url"], headers=headers)).status_code == 200:
            break
        await asyncio.sleep(POLL_S)
    return (await http.get(job["response_url"], headers=headers)).json()


async def test_state_survives_a_kill_and_unfinished_jobs_are_run_again(
    own_studio: Studio, http: httpx.AsyncClient
) -> None:
    """After SIGKILL: the same bill, keys, history and files; a job in progress ends with the bytes of its equal."""
    fal, elevenlabs, sync, kling = vendors().values()
    spoken = await elevenlabs.submit(own_studio, http)
    item = spoken.headers["history-item-id"]
    keyed = sync.headers | {"Idempotency-Key": "scene-1"}
    generated = await http.post(own_studio.url + sync.submit_path, json=sync.body, headers=keyed)
    await kling.submit(own_studio, http, external_task_id="scene-1")
    finished = await fal_result(http, (await fal.submit(own_studio, http)).json())
    picture = (await http.get(finished["images"][0]["url"])).content
    own_studio.latency("fal", processing_s=1)
    job = (await fal.submit(own_studio, http)).json()
    await asyncio.sleep(0.2)
    before = own_studio.bill()
    assert [entry["state"] for entry in own_studio.jobs("fal")] == ["succeeded", "running"]

    own_studio.kill()
    own_studio.restart()

    assert [line["request_id"] for line in own_studio.bill()] == [line["request_id"] for line in before]
    again = await http.post(own_studio.url + sync.submit_path, json=sync.body, headers=keyed)
    assert again.json()["id"] == generated.json()["id"]
    assert (await kling.submit(own_studio, http, external_task_id="scene-1")).json()["code"] == 1201
    history = f"{own_studio.url}/elevenlabs/v1/history/{item}/audio"
    assert (await http.get(history, headers=elevenlabs.headers)).content == spoken.content
    assert (await http.get(finished["images"][0]["url"])).content == picture
    resumed = await fal_result(http, job)
    assert (await http.get(resumed["images"][0]["url"])).content == picture
    assert len(own_studio.bill("fal")) == 2


async def test_a_reset_forgets(own_studio: Studio, http: httpx.AsyncClient) -> None:
    """Jobs, bill, requests, faults and settings are gone."""
    own_studio.fault("fal", "server_error")
    own_studio.latency("sync", queue_s=60)
    await vendors()["sync"].submit(own_studio, http, webhookUrl=NOWHERE)
    own_studio.reset()
    assert (own_studio.bill(), own_studio.requests(), own_studio.jobs()) == ([], [], [])
    assert (await vendors()["fal"].submit(own_studio, http)).is_success
