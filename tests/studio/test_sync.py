"""sync.so's contract, through its own client."""

import asyncio
import hashlib
import hmac
from typing import Any

import fal_client
import httpx
import pytest
from sync import AsyncSync, Audio, GenerationOptions, Video
from sync.core.api_error import ApiError

from studio.makers import media_facts
from tests.support.studio import SYNC_KEY, VOICE, Studio
from tests.support.webhooks import Received, WebhookReceiver

HEADERS = {"x-api-key": SYNC_KEY}
NOWHERE = {"video": "http://127.0.0.1:9/film.mp4", "audio": "http://127.0.0.1:9/speech.mp3"}


@pytest.fixture(scope="module")
async def inputs(running_studio: Studio) -> dict[str, str]:
    """Addresses of a clip and a speech."""
    running_studio.reset()
    environment = running_studio.environment()
    still = running_studio.picture_url()
    clip_body = {"prompt": "talks", "start_image_url": still, "duration": "3", "generate_audio": False}
    speech_body = {"text": "A few words to say in the film."}
    async with httpx.AsyncClient(timeout=30) as http:
        clip = await http.post(
            f"{environment['FAL_RUN_URL']}/fal-ai/kling-video/v3/pro/image-to-video",
            json=clip_body,
            headers={"Authorization": f"Key {environment['FAL_KEY']}"},
        )
        speech = await http.post(
            f"{environment['ELEVENLABS_BASE_URL']}/v1/text-to-speech/{VOICE}",
            json=speech_body,
            headers={"xi-api-key": environment["ELEVENLABS_API_KEY"]},
        )
    audio = f"{running_studio.url}/files/out/{speech.headers['history-item-id']}.audio"
    return {"video": clip.json()["video"]["url"], "audio": audio}


async def finished(sync_so: AsyncSync, generation_id: str) -> Any:
    """The generation once it has ended."""
    while True:
        generation = await sync_so.generations.get(generation_id)
        if generation.status not in {"PENDING", "PROCESSING"}:
            return generation
        await asyncio.sleep(0.03)


def body_of(inputs: dict[str, str], **more: Any) -> dict[str, Any]:
    """The JSON of a generation."""
    items = [{"type": kind, "url": url} for kind, url in inputs.items()]
    return {"model": "lipsync-2", "input": items, "options": {"sync_mode": "bounce"}, **more}


async def test_a_film_as_long_as_the_speech(
    studio: Studio, sync_so: AsyncSync, http: httpx.AsyncClient, inputs: dict[str, str]
) -> None:
    """Created as PENDING, completed with a film the length of the sound, priced by the frame when it is done."""
    created = await sync_so.generations.create(
        model="lipsync-2",
        input=[Video(url=inputs["video"]), Audio(url=inputs["audio"])],
        options=GenerationOptions(sync_mode="bounce"),
        output_file_name="scene-1",
    )
    assert created.status == "PENDING"
    done = await finished(sync_so, created.id)
    assert done.status == "COMPLETED"
    film = media_facts((await http.get(done.output_url)).content)
    speech = media_facts((await http.get(inputs["audio"])).content)
    assert film.video_s == pytest.approx(speech.audio_s, abs=0.06)
    assert done.output_duration == pytest.approx(film.video_s, abs=0.001)
    (line,) = studio.bill("sync")
    assert line["price_usd_micros"] == round(line["units"] / 25 * 40_000)
    assert [found.id for found in await sync_so.generations.list(status=["COMPLETED", "FAILED"])] == [created.id]


async def test_files_can_be_sent_with_the_request(
    sync_so: AsyncSync, http: httpx.AsyncClient, inputs: dict[str, str]
) -> None:
    """The multipart form makes the same film as the addresses do."""
    video, audio = [(await http.get(inputs[kind])).content for kind in ("video", "audio")]
    created = await sync_so.generations.create_with_files(model="lipsync-2", video=video, audio=audio)
    done = await finished(sync_so, created.id)
    assert done.status == "COMPLETED"


async def test_an_idempotency_key_buys_once(studio: Studio, http: httpx.AsyncClient) -> None:
    """Same key and body: the first generation; another body: 409; a bad or doubled key: 400."""
    url = f"{studio.url}/sync/v2/generate"

    async def post(key: str, body: dict[str, Any]) -> httpx.Response:
        return await http.post(url, json=body, headers=HEADERS | {"Idempotency-Key": key})

    first, again = await post("scene-1", body_of(NOWHERE)), await post("scene-1", body_of(NOWHERE))
    other = await post("scene-1", body_of(NOWHERE, model="lipsync-2-pro"))
    bad = await post("scene 1", body_of(NOWHERE))
    assert [first.status_code, again.status_code, other.status_code, bad.status_code] == [201, 201, 409, 400]
    assert first.json()["id"] == again.json()["id"]
    assert (other.json()["errorCode"], bad.json()["errorCode"]) == ("IDEMPOTENCY_CONFLICT", "INVALID_IDEMPOTENCY_KEY")
    assert [line["key"] for line in studio.bill("sync")] == ["scene-1"]


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        ("video", "pictures/expired.png", "generation_input_video_inaccessible"),
        ("audio", "pictures/expired.png", "generation_input_audio_inaccessible"),
        ("video", "loras/page.safetensors", "generation_input_video_invalid"),
        ("audio", "loras/page.safetensors", "generation_input_audio_invalid"),
    ],
)
async def test_bad_media_fail_the_generation(
    studio: Studio, sync_so: AsyncSync, http: httpx.AsyncClient, inputs: dict[str, str], kind: str, name: str, code: str
) -> None:
    """FAILED, `errorCode` on the poll, nothing charged."""
    body = body_of(inputs | {kind: f"{studio.url}/files/{name}"})
    created = await http.post(f"{studio.url}/sync/v2/generate", json=body, headers=HEADERS)
    done = await finished(sync_so, created.json()["id"])
    assert (done.status, done.errorCode) == ("FAILED", code)
    assert [(line["price_usd_micros"], line["state"]) for line in studio.bill("sync")] == [(0, "waived")]


@pytest.mark.parametrize(
    "change",
    [
        {"model": "lipsync-9"},
        {"input": []},
        {"input": [{"type": "video", "url": "u"}]},
        {"options": {"sync_mode": "stretch"}},
        {"options": {"temperature": 2}},
        {"outputFileName": "a b"},
        {"unknown": 1},
    ],
)
async def test_wrong_requests_are_400(studio: Studio, http: httpx.AsyncClient, change: dict[str, Any]) -> None:
    """A list of messages and the status in the body."""
    answer = await http.post(f"{studio.url}/sync/v2/generate", json=body_of(NOWHERE) | change, headers=HEADERS)
    assert (answer.status_code, answer.json()["statusCode"]) == (400, 400)
    assert isinstance(answer.json()["message"], list)
    assert studio.bill("sync") == []


async def test_cost_models_and_errors(
    sync_so: AsyncSync, studio: Studio, http: httpx.AsyncClient, inputs: dict[str, str]
) -> None:
    """The estimate agrees with the table; the catalogue of errors needs no key."""
    (estimate,) = await sync_so.generations.estimate_cost(
        model="lipsync-2", input=[Video(url=inputs["video"]), Audio(url=inputs["audio"])]
    )
    assert estimate.estimated_generation_cost == pytest.approx(estimate.estimated_frame_count / 25 * 0.04, abs=0.002)
    assert "lipsync-2" in [model.name for model in await sync_so.models.list()]
    assert (await http.get(f"{studio.url}/sync/v2/errors")).status_code == 200
    assert (await http.get(f"{studio.url}/sync/v2/models")).json()["statusCode"] == 401
    with pytest.raises(ApiError) as caught:
        await sync_so.generations.get("00000000-0000-0000-0000-000000000000")
    assert caught.value.status_code == 404


async def test_the_webhook_is_signed_and_sent_once(
    studio: Studio, http: httpx.AsyncClient, webhooks: WebhookReceiver, inputs: dict[str, str]
) -> None:
    """HMAC over time and body with the organisation's secret; the error code is `error_code` there."""
    secret = (await http.get(f"{studio.url}/sync/v2/organizations/webhook/secret", headers=HEADERS)).json()["secret"]
    webhooks.answers = [500]
    await http.post(f"{studio.url}/sync/v2/generate", json=body_of(inputs, webhookUrl=webhooks.url), headers=HEADERS)
    received: Received = await webhooks.next()
    stamp, _, digest = received.headers["sync-signature"].removeprefix("t=").partition(",v1=")
    assert digest == hmac.new(secret.encode(), stamp.encode() + b"." + received.body, hashlib.sha256).hexdigest()
    assert (received.json["status"], received.json["error_code"]) == ("COMPLETED", None)
    await asyncio.sleep(0.4)
    assert webhooks.pending == 0


async def test_a_refused_generation_is_seen_by_polling_only(
    studio: Studio, http: httpx.AsyncClient, webhooks: WebhookReceiver
) -> None:
    """REJECTED never ran and sends no webhook."""
    studio.fault("sync", "content_refused")
    body = body_of(NOWHERE, webhookUrl=webhooks.url)
    created = (await http.post(f"{studio.url}/sync/v2/generate", json=body, headers=HEADERS)).json()
    url = f"{studio.url}/sync/v2/generate/{created['id']}"
    assert (await http.get(url, params={"wait": "true"}, headers=HEADERS)).json()["status"] == "REJECTED"
    await asyncio.sleep(0.2)
    assert webhooks.pending == 0


async def test_the_same_models_through_fal(
    studio: Studio, fal: fal_client.AsyncClient, http: httpx.AsyncClient, inputs: dict[str, str]
) -> None:
    """fal's endpoint takes the same files under its own names and is priced by the length of the film."""
    body = {"video_url": inputs["video"], "audio_url": inputs["audio"], "sync_mode": "cut_off"}
    result = await fal.subscribe("fal-ai/sync-lipsync/v2", body)
    film = media_facts((await http.get(result["video"]["url"])).content)
    (line,) = studio.bill("fal")
    assert line["price_usd_micros"] == pytest.approx((film.video_s or 0) * 50_000, abs=2_100)
    assert line["state"] == "charged"
