"""fal's contract, through fal's own client."""

import asyncio
from typing import Any

import fal_client
import httpx
import pytest

from studio.makers import media_facts, picture_facts
from tests.support.studio import FAL_KEY, Studio

KLING = "fal-ai/kling-video"


async def test_a_lora_decides_the_face_and_the_same_request_gives_the_same_bytes(
    studio: Studio, fal: fal_client.AsyncClient, http: httpx.AsyncClient, portrait: dict[str, Any]
) -> None:
    """Same LoRA, prompt and seed: same picture; another content behind the LoRA's address: another picture."""
    body = portrait | {"seed": 7, "output_format": "png", "loras": [{"path": studio.lora_url(), "scale": 0.9}]}
    pictures: list[bytes] = []
    for version in (1, 1, 2):
        studio.lora_version(version)
        result = await fal.subscribe("fal-ai/flux-lora", body)
        image = result["images"][0]
        pictures.append((await http.get(image["url"])).content)
        facts = picture_facts(pictures[-1])
        assert (image["width"], image["height"], image["content_type"]) == (facts.width, facts.height, "image/png")
    assert pictures[0] == pictures[1] != pictures[2]


async def test_a_result_has_every_documented_field(fal: fal_client.AsyncClient, portrait: dict[str, Any]) -> None:
    """Seeds are whole numbers beyond 2**53 when none was given, and equal for equal requests."""
    results = [await fal.subscribe("fal-ai/flux/schnell", portrait | {"num_images": 2}) for _ in range(2)]
    assert [set(result) for result in results] == [{"images", "seed", "has_nsfw_concepts", "prompt", "timings"}] * 2
    assert results[0]["seed"] == results[1]["seed"] > 2**53
    assert results[0]["has_nsfw_concepts"] == [False, False]
    assert results[0]["prompt"] == portrait["prompt"]


@pytest.mark.parametrize(
    ("app", "start", "end", "more", "sound", "usd_micros"),
    [
        ("v1/standard", "image_url", "tail_image_url", {"cfg_scale": 0.4}, False, 225_000),
        ("v2.1/standard", "image_url", None, {}, False, 280_000),
        ("v2.5-turbo/pro", "image_url", "tail_image_url", {}, False, 350_000),
        ("v2.6/pro", "start_image_url", "end_image_url", {"generate_audio": False}, False, 350_000),
        ("v2.6/pro", "start_image_url", None, {}, True, 700_000),
        ("v3/pro", "start_image_url", "end_image_url", {"duration": "3", "generate_audio": False}, False, 336_000),
        ("v3/turbo/standard", "image_url", None, {"generate_audio": False}, False, 560_000),
        ("v4", "start_image_url", None, {"generate_audio": False}, False, 785_000),
    ],
)
async def test_each_kling_version_takes_its_own_fields(
    studio: Studio,
    fal: fal_client.AsyncClient,
    http: httpx.AsyncClient,
    app: str,
    start: str,
    end: str | None,
    more: dict[str, Any],
    sound: bool,
    usd_micros: int,
) -> None:
    """A clip is exactly as long as asked, carries sound only where the vendor adds it, and costs the listed price."""
    url = studio.picture_url()
    body = {"prompt": "talks", "duration": "5", start: url, **({end: url} if end else {}), **more}
    result = await fal.subscribe(f"{KLING}/{app}/image-to-video", body)
    facts = media_facts((await http.get(result["video"]["url"])).content)
    assert facts.video_s == pytest.approx(float(body["duration"]), abs=0.001)
    assert (facts.audio_s is not None) is sound
    assert [line["price_usd_micros"] for line in studio.bill("fal")] == [usd_micros]


V1, V26 = f"{KLING}/v1/standard/image-to-video", f"{KLING}/v2.6/pro/image-to-video"
CLIP = {"prompt": "x", "start_image_url": "u"}
FILM = {"video_url": "u", "audio_url": "u"}


@pytest.mark.parametrize(
    ("app", "body", "field", "kind"),
    [
        ("fal-ai/flux-lora", {}, "prompt", "missing"),
        ("fal-ai/flux-lora", {"prompt": "x", "num_images": 5}, "num_images", "less_than_equal"),
        ("fal-ai/flux-lora", {"prompt": "x", "guidance_scale": 36}, "guidance_scale", "less_than_equal"),
        ("fal-ai/flux-lora", {"prompt": "x", "seed": 1.5}, "seed", "int_type"),
        ("fal-ai/flux-lora", {"prompt": "x", "trigger": "y"}, "trigger", "extra_forbidden"),
        ("fal-ai/flux/dev", {"prompt": "x", "loras": []}, "loras", "extra_forbidden"),
        (V26, CLIP | {"duration": 5}, "duration", "literal_error"),
        (V26, CLIP | {"duration": "6"}, "duration", "literal_error"),
        (V26, CLIP | {"cfg_scale": 0.5}, "cfg_scale", "extra_forbidden"),
        (V26, {"prompt": "x", "image_url": "u"}, "start_image_url", "missing"),
        (V1, {"prompt": "x" * 2501, "image_url": "u"}, "prompt", "string_too_long"),
        ("fal-ai/sync-lipsync/v2", FILM | {"sync_mode": "stretch"}, "sync_mode", "literal_error"),
    ],
)
async def test_a_wrong_field_is_refused_before_anything_is_bought(
    studio: Studio, fal: fal_client.AsyncClient, app: str, body: dict[str, Any], field: str, kind: str
) -> None:
    """The answer is 422 with the list form of fal's models."""
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        await fal.submit(app, body)
    assert caught.value.status_code == 422
    assert (["body", field], kind) in [(item["loc"], item["type"]) for item in caught.value.response.json()["detail"]]
    assert studio.bill() == []


@pytest.mark.parametrize(
    ("app", "field", "name", "kind"),
    [
        ("fal-ai/flux-lora", "lora", "missing", "file_download_error"),
        ("fal-ai/flux-lora", "lora", "expired", "file_download_error"),
        ("fal-ai/flux-lora", "lora", "page", "file_download_error"),
        ("fal-ai/flux-lora", "lora", "truncated", "file_download_error"),
        ("fal-ai/flux-lora", "lora", "sdxl", "feature_not_supported"),
        (f"{KLING}/v2.1/standard/image-to-video", "image_url", "expired.png", "file_download_error"),
        (f"{KLING}/v2.1/standard/image-to-video", "image_url", "not-an-image.png", "image_load_error"),
        (f"{KLING}/v2.1/standard/image-to-video", "image_url", "truncated.png", "image_load_error"),
        (f"{KLING}/v2.1/standard/image-to-video", "image_url", "huge.png", "file_too_large"),
    ],
)
async def test_a_bad_input_file_ends_the_job_with_an_error(
    studio: Studio, fal: fal_client.AsyncClient, app: str, field: str, name: str, kind: str
) -> None:
    """The job is COMPLETED with `error_type`, its result is 422, and nothing is charged."""
    given = {"loras": [{"path": studio.lora_url(name)}]} if field == "lora" else {field: studio.picture_url(name)}
    handle = await fal.submit(app, {"prompt": "x", **given})
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        await handle.get()
    assert (caught.value.status_code, caught.value.response.json()["detail"][0]["type"]) == (422, kind)
    status = await handle.status()
    assert isinstance(status, fal_client.Completed)
    assert status.error_type == kind
    assert [(line["price_usd_micros"], line["state"]) for line in studio.bill()] == [(0, "waived")]


async def test_the_queue_tells_the_truth(
    studio: Studio, fal: fal_client.AsyncClient, http: httpx.AsyncClient, portrait: dict[str, Any]
) -> None:
    """IN_QUEUE with a position and IN_PROGRESS are 202, COMPLETED is 200; logs are null unless asked for."""
    studio.latency("fal", queue_s=0.4, processing_s=0.4)
    first, second = await fal.submit("fal-ai/flux/dev", portrait), await fal.submit("fal-ai/flux/dev", portrait)
    headers = {"Authorization": f"Key {FAL_KEY}"}
    seen: dict[str, tuple[int, Any, Any]] = {}
    while "COMPLETED" not in seen:
        answer = await http.get(second.status_url, headers=headers, params={"logs": "true"})
        body = answer.json()
        seen.setdefault(body["status"], (answer.status_code, body.get("queue_position"), body.get("logs")))
        await asyncio.sleep(0.02)
    assert {name: (code, position) for name, (code, position, _) in seen.items()} == {
        "IN_QUEUE": (202, 1),
        "IN_PROGRESS": (202, None),
        "COMPLETED": (200, None),
    }
    assert seen["IN_PROGRESS"][2][0]["level"] == "INFO"
    await first.get()
    assert (await http.get(first.status_url, headers=headers)).json()["logs"] is None


async def test_cancel_answers_by_where_the_job_stands(
    studio: Studio, fal: fal_client.AsyncClient, http: httpx.AsyncClient, portrait: dict[str, Any]
) -> None:
    """200 from the queue (and not charged), 202 in progress, 400 when it has ended, 404 when unknown."""
    headers = {"Authorization": f"Key {FAL_KEY}"}
    studio.latency("fal", queue_s=5)
    waiting = await fal.submit("fal-ai/flux/dev", portrait)
    answers = [await http.put(waiting.cancel_url, headers=headers)]
    answers.append(await http.put(waiting.cancel_url, headers=headers))
    studio.latency("fal", processing_s=1)
    running = await fal.submit("fal-ai/flux/dev", portrait)
    await asyncio.sleep(0.2)
    answers.append(await http.put(running.cancel_url, headers=headers))
    answers.append(await http.put(running.cancel_url.replace(running.request_id, "nobody"), headers=headers))
    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [
        (200, "OK"),
        (400, "ALREADY_COMPLETED"),
        (202, "CANCELLATION_REQUESTED"),
        (404, "NOT_FOUND"),
    ]
    assert (await http.get(waiting.response_url, headers=headers)).status_code == 499
    assert [line["state"] for line in studio.bill()] == ["waived", "charged"]


async def test_run_answers_with_the_result(
    studio: Studio, fal: fal_client.AsyncClient, portrait: dict[str, Any]
) -> None:
    """The synchronous host gives the same output and one bill line; `sync_mode` puts the picture into it."""
    result = await fal.run("fal-ai/flux/schnell", portrait | {"sync_mode": True})
    assert result["images"][0]["url"].startswith("data:image/jpeg;base64,")
    assert len(studio.bill("fal")) == 1


@pytest.mark.parametrize("key", [None, "Key no-colon", "Bearer a:b", "Key invalid:key"])
async def test_a_bad_key_is_refused(studio: Studio, http: httpx.AsyncClient, key: str | None) -> None:
    """Without a good key the answer is 401 with a string as detail."""
    headers = {"Authorization": key} if key is not None else {}
    answer = await http.post(f"{studio.url}/fal-queue/fal-ai/flux-lora", json={"prompt": "x"}, headers=headers)
    assert answer.status_code == 401
    assert isinstance(answer.json()["detail"], str)


async def test_an_unknown_app_is_404(fal: fal_client.AsyncClient) -> None:
    """An application that does not exist is not found."""
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        await fal.submit("fal-ai/nothing", {"prompt": "x"})
    assert caught.value.status_code == 404
