"""What each adapter sends to buy, and what it makes of every bad answer."""

import re
from typing import Any

import jwt
import pytest

from domain.video_models import VIDEO_MODELS
from models.enums import AspectRatio, FailureCode, Provider
from providers.clients import vendor_client
from providers.errors import Delivery, ProviderError
from providers.kling_fal import ENDPOINTS
from tests.providers.adapters import (
    ADAPTERS,
    FAL_IMAGE,
    FAL_VIDEO,
    KLING,
    KLING_SECRET_KEY,
    SYNC,
    Adapter,
    Endpoint,
)
from tests.providers.wire import DROP, HANG, Handler, Received, reply, serving

KEY = "scene-1-video-1"
PAGE = b"<html><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>"

ACCEPTED = {
    Provider.FAL: {
        "status": "IN_QUEUE",
        "request_id": "job-1",
        "response_url": "https://queue.fal.run/x",
        "status_url": "https://queue.fal.run/x/status",
        "cancel_url": "https://queue.fal.run/x/cancel",
    },
    Provider.KLING: {"code": 0, "message": "SUCCEED", "data": {"task_id": "job-1", "task_status": "submitted"}},
    Provider.SYNC: {"id": "job-1", "status": "PENDING"},
}


async def submit(adapter: Adapter, handler: Handler, request: Any = None, key: str = KEY) -> tuple[Any, list[Received]]:
    """The request id or the error of one submit, and all that went over the wire."""
    async with serving(handler) as wire, vendor_client() as http:
        provider = adapter.make(http, Endpoint(wire.url), 0.4)
        try:
            got: Any = await provider.submit(request or adapter.request, key=key, url_of=adapter.url_of)
        except ProviderError as error:
            got = error
    return got, wire.received


def always(raw: bytes) -> Handler:
    """The same answer to every request."""

    def handler(_: Received) -> bytes:
        return raw

    return handler


async def sent_by(adapter: Adapter, request: Any = None, key: str = KEY) -> Received:
    """The one request that a good submit sends."""
    got, received = await submit(adapter, always(reply(200, ACCEPTED[adapter.provider])), request, key)
    assert got == "job-1"
    assert len(received) == 1
    return received[0]


async def test_a_picture_with_a_lora() -> None:
    """All parameters reach fal; a scale of 0 and a seed beyond 2^53 stay what they are."""
    sent = await sent_by(FAL_IMAGE)
    assert (sent.method, sent.target) == ("POST", "/fal-ai/flux-lora")
    assert sent.headers["authorization"] == "Key made-up-id:made-up-fal-secret"
    assert sent.json == {
        "prompt": "DEVEN man at a desk",
        "image_size": "landscape_16_9",
        "num_inference_steps": 28,
        "guidance_scale": 3.5,
        "num_images": 1,
        "output_format": "png",
        "enable_safety_checker": True,
        "seed": 123456789012345678,
        "loras": [{"path": "https://media.example/deven.safetensors", "scale": 0.0}],
    }


@pytest.mark.parametrize(
    ("ratio", "size"),
    [
        (AspectRatio.LANDSCAPE, "landscape_16_9"),
        (AspectRatio.PORTRAIT, "portrait_16_9"),
        (AspectRatio.SQUARE, "square_hd"),
    ],
)
async def test_a_picture_without_a_lora(ratio: AspectRatio, size: str) -> None:
    """Neither LoRA nor seed is sent when there is none."""
    changes = {"model": "fal-ai/flux/dev", "lora": None, "seed": None, "aspect_ratio": ratio, "safety_checker": False}
    sent = await sent_by(FAL_IMAGE, FAL_IMAGE.request.model_copy(update=changes))
    assert sent.target == "/fal-ai/flux/dev"
    assert sent.json == {
        "prompt": "DEVEN man at a desk",
        "image_size": size,
        "num_inference_steps": 28,
        "guidance_scale": 3.5,
        "num_images": 1,
        "output_format": "png",
        "enable_safety_checker": False,
    }


@pytest.mark.parametrize("model", ENDPOINTS)
async def test_a_clip_on_fal(model: str) -> None:
    """Each endpoint has its own field names; the length is a string; sound is off where there is any."""
    sent = await sent_by(FAL_VIDEO, FAL_VIDEO.request.model_copy(update={"model": model}))
    assert sent.target == f"/{model}"
    endpoint, image = ENDPOINTS[model], "https://media.example/pictures/anchor.png?sig=s1gned"
    end = {endpoint.end_image_field: image} if endpoint.end_image_field else {}
    sound = {"generate_audio": False} if endpoint.has_audio else {}
    assert sent.json == {
        "prompt": "he speaks to the camera",
        "negative_prompt": "blur",
        "duration": "5",
        endpoint.image_field: image,
        **end,
        **sound,
    }


def test_the_field_table_agrees_with_the_planning_table() -> None:
    """Planning knows exactly the endpoints that can be asked, and which of them take an end frame."""
    planned = {model: facts for (provider, model), facts in VIDEO_MODELS.items() if provider is Provider.FAL}
    assert {model: facts.takes_end_frame for model, facts in planned.items()} == {
        model: endpoint.end_image_field is not None for model, endpoint in ENDPOINTS.items()
    }


async def test_a_clip_by_kling() -> None:
    """The key travels as external id, the token is a fresh JWT."""
    sent = await sent_by(KLING)
    assert (sent.method, sent.target) == ("POST", "/v1/videos/image2video")
    token = sent.headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, KLING_SECRET_KEY.get_secret_value(), algorithms=["HS256"])
    assert (claims["iss"], claims["exp"] - claims["nbf"]) == ("made-up-access-key", 1805)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    assert sent.json == {
        "model_name": "kling-v2-6",
        "image": "https://media.example/pictures/anchor.png?sig=s1gned",
        "image_tail": "https://media.example/pictures/anchor.png?sig=s1gned",
        "prompt": "he speaks to the camera",
        "negative_prompt": "blur",
        "mode": "pro",
        "sound": "off",
        "duration": "5",
        "external_task_id": KEY,
    }


@pytest.mark.parametrize(("key", "name"), [(KEY, KEY), ("a/b c", None), ("x" * 129, None)])
async def test_a_lipsync(key: str, name: str | None) -> None:
    """The key travels as idempotency key and file name; one that sync.so would not take is hashed."""
    sent = await sent_by(SYNC, key=key)
    assert (sent.method, sent.target) == ("POST", "/v2/generate")
    assert sent.headers["x-api-key"] == "made-up-sync-key"
    sent_name = sent.headers["idempotency-key"]
    assert sent_name == name if name else re.fullmatch(r"[0-9a-f]{64}", sent_name)
    assert sent.json == {
        "model": "lipsync-2",
        "input": [
            {"type": "video", "url": "https://media.example/clips/clip.mp4?sig=s1gned"},
            {"type": "audio", "url": "https://media.example/speech/line.mp3?sig=s1gned"},
        ],
        "options": {"sync_mode": "loop"},
        "outputFileName": sent_name,
    }


@pytest.mark.parametrize(
    ("adapter", "changes"),
    [
        (FAL_IMAGE, {"model": "fal-ai/flux-pro"}),
        (FAL_IMAGE, {"model": "fal-ai/flux/dev"}),
        (FAL_VIDEO, {"model": "fal-ai/kling-video/v9/image-to-video"}),
        (FAL_VIDEO, {"seconds": 6}),
        (KLING, {"seconds": 6}),
    ],
    ids=str,
)
async def test_what_cannot_be_asked_is_not_sent(adapter: Adapter, changes: dict[str, object]) -> None:
    """Unknown models, a LoRA that would be left out and lengths not on sale are refused before any request."""
    error, received = await submit(adapter, always(HANG), adapter.request.model_copy(update=changes))
    assert (error.code, error.delivery) == (FailureCode.INVALID_REQUEST, Delivery.NOTHING_BOUGHT)
    assert received == []


LOST = [
    DROP,
    HANG,
    b"nonsense\r\n\r\n",
    reply(200, b"{"),
    reply(200, PAGE),
    reply(200, {}),
    reply(200, []),
    reply(500),
    reply(502, PAGE),
    reply(504, PAGE),
    reply(504, {"message": "Endpoint request timed out"}),
]


@pytest.mark.parametrize("raw", LOST, ids=lambda raw: repr(raw[:20] + raw[-20:]))
@pytest.mark.parametrize("adapter", ADAPTERS, ids=str)
async def test_an_answer_that_proves_nothing_is_lost(adapter: Adapter, raw: bytes) -> None:
    """Silence, drops, pages and unreadable successes leave the purchase in doubt, after exactly one request."""
    error, received = await submit(adapter, always(raw))
    assert (error.code, error.delivery) == (FailureCode.OUTCOME_UNKNOWN, Delivery.ANSWER_LOST)
    assert len(received) == 1


@pytest.mark.parametrize("adapter", ADAPTERS, ids=str)
async def test_a_vendor_that_cannot_be_reached_sold_nothing(adapter: Adapter) -> None:
    """A refused connection is safe to try again."""
    async with vendor_client() as http:
        provider = adapter.make(http, Endpoint("http://127.0.0.1:1"), 2.0)
        with pytest.raises(ProviderError) as caught:
            await provider.submit(adapter.request, key=KEY, url_of=adapter.url_of)
    assert (caught.value.code, caught.value.delivery) == (FailureCode.PROVIDER_UNAVAILABLE, Delivery.NOTHING_BOUGHT)


def _fal(kind: str) -> dict[str, object]:
    return {"detail": [{"loc": ["body", "prompt"], "msg": "made-up-fal-secret no", "type": kind, "url": "https://d.e"}]}


def _kling(code: int) -> dict[str, object]:
    return {"code": code, "message": "no", "request_id": "1"}


def _sync(status: int, code: str | None = None, **more: object) -> dict[str, object]:
    return {"statusCode": status, "message": "no", **({"errorCode": code} if code else {}), **more}


F = FailureCode
AFTER_9 = {"Retry-After": "9"}
REFUSALS: list[tuple[Adapter, int, dict[str, object], F, str | None]] = [
    (FAL_IMAGE, 401, {"detail": "No user found"}, F.UNAUTHORIZED, None),
    (FAL_IMAGE, 403, {"detail": "User is locked. Reason: Exhausted balance."}, F.OUT_OF_CREDIT, None),
    (FAL_IMAGE, 404, {"detail": "Application not found"}, F.NOT_FOUND, None),
    (FAL_IMAGE, 422, _fal("content_policy_violation"), F.CONTENT_REFUSED, "content_policy_violation"),
    (FAL_VIDEO, 422, _fal("image_load_error"), F.MEDIA_INVALID, "image_load_error"),
    (FAL_VIDEO, 422, _fal("missing"), F.INVALID_REQUEST, "missing"),
    (FAL_IMAGE, 429, {"detail": "Too many"}, F.RATE_LIMITED, None),
    (FAL_IMAGE, 409, {"detail": "Conflict"}, F.INVALID_REQUEST, None),
    (FAL_IMAGE, 500, {"detail": "x", "error_type": "internal_error"}, F.PROVIDER_UNAVAILABLE, "internal_error"),
    (FAL_IMAGE, 504, {"detail": "x", "error_type": "request_timeout"}, F.TIMED_OUT, "request_timeout"),
    (FAL_IMAGE, 302, {}, F.INVALID_REQUEST, None),
    (KLING, 401, _kling(1000), F.UNAUTHORIZED, "1000"),
    (KLING, 401, _kling(1004), F.PROVIDER_UNAVAILABLE, "1004"),
    (KLING, 429, _kling(1100), F.OUT_OF_CREDIT, "1100"),
    (KLING, 429, _kling(1101), F.OUT_OF_CREDIT, "1101"),
    (KLING, 429, _kling(1102), F.OUT_OF_CREDIT, "1102"),
    (KLING, 403, _kling(1103), F.UNAUTHORIZED, "1103"),
    (KLING, 400, _kling(1200), F.INVALID_REQUEST, "1200"),
    (KLING, 404, _kling(1203), F.NOT_FOUND, "1203"),
    (KLING, 400, _kling(1301), F.CONTENT_REFUSED, "1301"),
    (KLING, 429, _kling(1302), F.RATE_LIMITED, "1302"),
    (KLING, 429, _kling(1303), F.RATE_LIMITED, "1303"),
    (KLING, 429, _kling(1304), F.UNAUTHORIZED, "1304"),
    (KLING, 500, _kling(5000), F.PROVIDER_UNAVAILABLE, "5000"),
    (KLING, 503, _kling(5001), F.PROVIDER_UNAVAILABLE, "5001"),
    (KLING, 200, _kling(1302), F.RATE_LIMITED, "1302"),
    (SYNC, 400, _sync(400, "generation_unsupported_model"), F.INVALID_REQUEST, "generation_unsupported_model"),
    (SYNC, 400, _sync(400) | {"message": ["a", "b"]}, F.INVALID_REQUEST, None),
    (SYNC, 401, _sync(401), F.UNAUTHORIZED, None),
    (SYNC, 402, _sync(402), F.OUT_OF_CREDIT, None),
    (SYNC, 403, _sync(403, "account_on_hold"), F.OUT_OF_CREDIT, "account_on_hold"),
    (SYNC, 429, _sync(429, "rate_limit_exceeded"), F.RATE_LIMITED, "rate_limit_exceeded"),
    (SYNC, 500, _sync(500, "internal_error"), F.PROVIDER_UNAVAILABLE, "internal_error"),
    (SYNC, 503, _sync(503), F.PROVIDER_UNAVAILABLE, None),
    (SYNC, 504, {"message": "x", "error_code": "controller_timeout"}, F.TIMED_OUT, "controller_timeout"),
]


@pytest.mark.parametrize(("adapter", "status", "body", "code", "vendor_code"), REFUSALS, ids=str)
async def test_a_refusal_sold_nothing(
    adapter: Adapter, status: int, body: dict[str, object], code: FailureCode, vendor_code: str | None
) -> None:
    """Status and vendor code decide; the vendor's wish for a delay is kept; one request is sent."""
    error, received = await submit(adapter, always(reply(status, body, AFTER_9)))
    assert (error.code, error.delivery) == (code, Delivery.NOTHING_BOUGHT)
    assert (error.vendor_code, error.retry_after_s) == (vendor_code, 9.0)
    assert "made-up-fal-secret" not in error.detail
    assert len(received) == 1


async def test_a_full_account_of_sync_says_when_to_come_back() -> None:
    """The concurrency limit's own field counts where there is no header."""
    body = _sync(429, "concurrency_limit_reached", retryAfterSeconds=30)
    error, _ = await submit(SYNC, always(reply(429, body)))
    assert (error.code, error.retry_after_s) == (FailureCode.RATE_LIMITED, 30.0)


@pytest.mark.parametrize("found", [True, False])
async def test_a_taken_external_id_of_kling_leads_to_its_task(found: bool) -> None:
    """A parameter error is looked into: it is either our own earlier task, or really an error."""

    def handler(request: Received) -> bytes:
        if request.method == "POST":
            return reply(400, _kling(1201))
        assert request.target == f"/v1/videos/image2video/{KEY}"
        return reply(200, ACCEPTED[Provider.KLING]) if found else reply(404, _kling(1203))

    got, received = await submit(KLING, handler)
    assert [request.method for request in received] == ["POST", "GET"]
    if found:
        assert got == "job-1"
    else:
        assert (got.code, got.delivery) == (FailureCode.INVALID_REQUEST, Delivery.NOTHING_BOUGHT)


@pytest.mark.parametrize(
    ("body", "listed", "outcome", "methods"),
    [
        ({"errorCode": "IDEMPOTENCY_OUTCOME_UNKNOWN", "generationId": "job-1"}, [], "job-1", ["POST"]),
        ({"errorCode": "IDEMPOTENCY_CONFLICT"}, [KEY], "job-1", ["POST", "GET"]),
        ({"error_code": "IDEMPOTENCY_CONFLICT"}, ["other", f"{KEY}.mp4"], "job-1", ["POST", "GET"]),
        ({"errorCode": "IDEMPOTENCY_CONFLICT"}, ["other"], None, ["POST", "GET"]),
    ],
)
async def test_a_used_key_of_sync_leads_to_its_generation(
    body: dict[str, object], listed: list[str], outcome: str | None, methods: list[str]
) -> None:
    """A conflict names the first job or its file name finds it; with neither the outcome stays unknown."""

    def handler(request: Received) -> bytes:
        if request.method == "POST":
            return reply(409, {"message": "conflict", "statusCode": 409} | body)
        return reply(200, [{"id": f"job-{len(listed) - n}", "outputFileName": name} for n, name in enumerate(listed)])

    got, received = await submit(SYNC, handler)
    assert [request.method for request in received] == methods
    if outcome:
        assert got == outcome
    else:
        assert (got.code, got.delivery) == (FailureCode.OUTCOME_UNKNOWN, Delivery.ANSWER_LOST)
