"""What each adapter makes of a job's state."""

from typing import Any

import pytest

from models.enums import FailureCode
from providers.clients import vendor_client
from providers.errors import Delivery, ProviderError
from providers.ports import Finished, Waiting
from tests.providers.adapters import FAL_IMAGE, FAL_VIDEO, KLING, SYNC, Adapter, Endpoint
from tests.providers.test_submit import always
from tests.providers.wire import DROP, HANG, Handler, Received, reply, serving

F, ENDED, NOTHING = FailureCode, Delivery.JOB_ENDED, Delivery.NOTHING_BOUGHT


async def poll(adapter: Adapter, handler: Handler) -> tuple[Any, list[str]]:
    """What one poll gives or raises, and the paths that it asked for."""
    async with serving(handler) as wire, vendor_client() as http:
        try:
            got: Any = await adapter.make(http, Endpoint(wire.url), 0.4).poll(adapter.request, "job-1")
        except ProviderError as error:
            got = error
    return got, [f"{request.method} {request.target}" for request in wire.received]


def fal(status: object, result: bytes = HANG, *, code: int = 200) -> Handler:
    """fal's queue with one answer to the status and one to the result."""

    def handler(request: Received) -> bytes:
        assert request.headers["authorization"] == "Key made-up-id:made-up-fal-secret"
        return reply(code, status) if "/status" in request.target else result

    return handler


COMPLETED: dict[str, object] = {"status": "COMPLETED", "logs": None, "metrics": {}}
IMAGES: dict[str, object] = {"images": [{"url": "https://v3.fal.media/a.png"}], "seed": 123456789012345678}
STATUS_PATH = "GET /fal-ai/flux-lora/requests/job-1/status?logs=false"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"status": "IN_QUEUE", "queue_position": 3}, "queue position 3"),
        ({"status": "IN_PROGRESS", "logs": None}, "in progress"),
    ],
)
async def test_fal_is_not_done(status: dict[str, object], reason: str) -> None:
    """One GET, and words for people."""
    got, asked = await poll(FAL_IMAGE, fal(status, code=202))
    assert got == Waiting(reason)
    assert asked == [STATUS_PATH]


async def test_fal_has_a_picture() -> None:
    """One GET of the status and one of the result; the seed stays a whole number."""
    got, asked = await poll(FAL_IMAGE, fal(COMPLETED, reply(200, IMAGES | {"has_nsfw_concepts": [False]})))
    assert got == Finished("https://v3.fal.media/a.png", seed=123456789012345678)
    assert asked == [STATUS_PATH, "GET /fal-ai/flux-lora/requests/job-1"]


async def test_fal_has_a_clip() -> None:
    """Status and result are asked for by owner and alias, without the rest of the endpoint's path."""
    got, asked = await poll(FAL_VIDEO, fal(COMPLETED, reply(200, {"video": {"url": "https://v3.fal.media/a.mp4"}})))
    assert got == Finished("https://v3.fal.media/a.mp4")
    assert asked == [
        "GET /fal-ai/kling-video/requests/job-1/status?logs=false",
        "GET /fal-ai/kling-video/requests/job-1",
    ]


def failed(kind: str | None) -> dict[str, object]:
    """A completed status with an error."""
    return COMPLETED | {"error": "it failed", "error_type": kind}


def model_error(kind: str) -> dict[str, object]:
    """fal's list form."""
    return {"detail": [{"loc": ["body", "prompt"], "msg": "no", "type": kind}]}


@pytest.mark.parametrize(
    ("status", "result", "code", "delivery", "resubmit"),
    [
        (COMPLETED, reply(200, IMAGES | {"has_nsfw_concepts": [True]}), F.CONTENT_REFUSED, ENDED, False),
        (COMPLETED, reply(200, {"images": []}), F.MEDIA_INVALID, ENDED, False),
        (COMPLETED, reply(422, model_error("content_policy_violation")), F.CONTENT_REFUSED, ENDED, False),
        (failed(None), reply(422, model_error("content_policy_violation")), F.CONTENT_REFUSED, ENDED, False),
        (failed(None), reply(422, model_error("file_download_error")), F.LORA_NOT_FOUND, ENDED, False),
        (failed(None), reply(422, model_error("feature_not_supported")), F.INVALID_REQUEST, ENDED, False),
        (failed(None), reply(504, model_error("generation_timeout")), F.TIMED_OUT, ENDED, True),
        (
            failed(None),
            reply(500, model_error("downstream_service_error"), {"X-Fal-Retryable": "false"}),
            F.PROVIDER_UNAVAILABLE,
            ENDED,
            False,
        ),
        (
            failed(None),
            reply(422, model_error("no_media_generated"), {"X-Fal-Retryable": "true"}),
            F.MEDIA_INVALID,
            ENDED,
            True,
        ),
        (failed("runner_disconnected"), reply(503, {"detail": "x"}), F.PROVIDER_UNAVAILABLE, ENDED, True),
        (failed("startup_timeout"), reply(502, b"<html>nginx"), F.TIMED_OUT, ENDED, True),
        (failed("content_policy_violation"), reply(200, {}), F.CONTENT_REFUSED, ENDED, False),
        (
            failed("client_cancelled"),
            reply(499, {"detail": "x", "error_type": "client_cancelled"}),
            F.CANCELED,
            ENDED,
            False,
        ),
        (COMPLETED, reply(404, {"detail": "Request not found"}), F.NOT_FOUND, ENDED, False),
        (COMPLETED, reply(502, b"<html>nginx"), F.PROVIDER_UNAVAILABLE, NOTHING, False),
        (COMPLETED, reply(429, {"detail": "slow down"}), F.RATE_LIMITED, NOTHING, False),
        (COMPLETED, reply(401, {"detail": "who?"}), F.UNAUTHORIZED, NOTHING, False),
        (COMPLETED, reply(200, b"{"), F.PROVIDER_UNAVAILABLE, NOTHING, False),
        (COMPLETED, DROP, F.PROVIDER_UNAVAILABLE, NOTHING, False),
        (COMPLETED, HANG, F.PROVIDER_UNAVAILABLE, NOTHING, False),
        ({"status": "LOST"}, HANG, F.PROVIDER_UNAVAILABLE, NOTHING, False),
        ({"status": "IN_QUEUE"}, HANG, F.PROVIDER_UNAVAILABLE, NOTHING, False),
    ],
)
async def test_fal_has_no_picture(
    status: dict[str, object], result: bytes, code: FailureCode, delivery: Delivery, resubmit: bool
) -> None:
    """An ended job says why and whether buying again may help; trouble on the way does not end the job."""
    error, _ = await poll(FAL_IMAGE, fal(status, result))
    assert (error.code, error.delivery, error.resubmit) == (code, delivery, resubmit)


@pytest.mark.parametrize(
    ("adapter", "raw", "code", "delivery"),
    [
        (FAL_IMAGE, reply(404, {"detail": "Request not found"}), F.NOT_FOUND, ENDED),
        (FAL_IMAGE, reply(404, b"<html>"), F.NOT_FOUND, NOTHING),
        (FAL_IMAGE, reply(500, {"detail": "x"}), F.PROVIDER_UNAVAILABLE, NOTHING),
        (KLING, reply(404, {"code": 1203, "message": "no task"}), F.NOT_FOUND, ENDED),
        (KLING, reply(404, b"<html>"), F.NOT_FOUND, NOTHING),
        (KLING, reply(429, {"code": 1302, "message": "slow"}), F.RATE_LIMITED, NOTHING),
        (KLING, reply(200, b"{"), F.PROVIDER_UNAVAILABLE, NOTHING),
        (KLING, reply(502, b"<html>"), F.PROVIDER_UNAVAILABLE, NOTHING),
        (SYNC, reply(404, {"message": "no", "errorCode": "generation_not_found"}), F.NOT_FOUND, ENDED),
        (SYNC, reply(404, b"<html>"), F.NOT_FOUND, NOTHING),
        (SYNC, reply(429, {"message": "slow", "errorCode": "rate_limit_exceeded"}), F.RATE_LIMITED, NOTHING),
        (SYNC, reply(200, b"{"), F.PROVIDER_UNAVAILABLE, NOTHING),
        (SYNC, HANG, F.PROVIDER_UNAVAILABLE, NOTHING),
        (KLING, DROP, F.PROVIDER_UNAVAILABLE, NOTHING),
    ],
    ids=str,
)
async def test_a_state_that_cannot_be_had(adapter: Adapter, raw: bytes, code: FailureCode, delivery: Delivery) -> None:
    """Only the vendor's own word that there is no such job ends it; one GET is sent."""
    error, asked = await poll(adapter, always(raw))
    assert (error.code, error.delivery) == (code, delivery)
    assert len(asked) == 1


def task(status: str, **more: object) -> bytes:
    """Kling's answer to a query."""
    return reply(200, {"code": 0, "message": "SUCCEED", "data": {"task_id": "job-1", "task_status": status, **more}})


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (task("submitted"), Waiting("submitted")),
        (task("processing"), Waiting("processing")),
        (task("succeed", task_result={"videos": [{"id": "1", "url": "https://k/a.mp4", "duration": "5.1"}]}), None),
        (task("succeed", task_result={"videos": []}), F.MEDIA_INVALID),
        (task("failed", task_status_msg="Failure to pass the risk control system"), F.UNKNOWN),
    ],
)
async def test_kling_by_its_state(raw: bytes, expected: Waiting | FailureCode | None) -> None:
    """A failed task carries no code, only words: they are passed on and never read."""
    got, asked = await poll(KLING, always(raw))
    assert asked == ["GET /v1/videos/image2video/job-1"]
    if isinstance(expected, FailureCode):
        assert (got.code, got.delivery, got.resubmit) == (expected, ENDED, False)
        assert expected is not F.UNKNOWN or "risk control" in got.detail
    else:
        assert got == (expected or Finished("https://k/a.mp4"))


def generation(status: str, **more: object) -> bytes:
    """sync.so's answer to a query."""
    return reply(200, {"id": "job-1", "status": status, **more})


@pytest.mark.parametrize(
    ("raw", "expected", "resubmit"),
    [
        (generation("PENDING"), Waiting("pending"), False),
        (generation("PROCESSING"), Waiting("processing"), False),
        (generation("DREAMING"), Waiting("dreaming"), False),
        (generation("COMPLETED", outputUrl="https://s/a.mp4"), Finished("https://s/a.mp4"), False),
        (generation("COMPLETED", outputMediaUrl="https://s/a.mp4"), Finished("https://s/a.mp4"), False),
        (generation("COMPLETED", outputUrl=None), F.MEDIA_INVALID, False),
        (generation("FAILED"), F.UNKNOWN, False),
        (generation("FAILED", errorCode="generation_timeout"), F.TIMED_OUT, True),
        (generation("FAILED", error_code="generation_timeout"), F.TIMED_OUT, True),
        (generation("FAILED", errorCode="generation_pipeline_failed"), F.PROVIDER_UNAVAILABLE, True),
        (generation("FAILED", errorCode="generation_input_video_inaccessible"), F.NOT_FOUND, True),
        (generation("FAILED", errorCode="generation_input_audio_invalid"), F.MEDIA_INVALID, False),
        (generation("FAILED", errorCode="generation_audio_length_exceeded"), F.INVALID_REQUEST, False),
        (generation("FAILED", errorCode="account_on_hold"), F.OUT_OF_CREDIT, False),
        (generation("REJECTED"), F.CONTENT_REFUSED, False),
        (generation("REJECTED", errorCode="generation_input_validation_failed"), F.CONTENT_REFUSED, False),
        (generation("REJECTED", errorCode="plan_feature_unavailable"), F.OUT_OF_CREDIT, False),
        (generation("REJECTED", errorCode="generation_timeout"), F.TIMED_OUT, False),
    ],
)
async def test_sync_by_its_state(raw: bytes, expected: Waiting | Finished | FailureCode, resubmit: bool) -> None:
    """Both spellings of the error code are read; an unknown state is no end; REJECTED is never bought again."""
    got, asked = await poll(SYNC, always(raw))
    assert asked == ["GET /v2/generate/job-1"]
    if isinstance(expected, FailureCode):
        assert (got.code, got.delivery, got.resubmit) == (expected, ENDED, resubmit)
    else:
        assert got == expected


@pytest.mark.parametrize(("status", "fine"), [(200, True), (202, True), (400, True), (404, True), (500, False)])
async def test_cancel_at_fal(status: int, fine: bool) -> None:
    """A job that is over or gone counts as canceled; one PUT is sent."""
    async with serving(always(reply(status, {"detail": "x"}))) as wire, vendor_client() as http:
        provider = FAL_VIDEO.make(http, Endpoint(wire.url), 0.4)
        if fine:
            await provider.cancel(FAL_VIDEO.request, "job-1")
        else:
            with pytest.raises(ProviderError):
                await provider.cancel(FAL_VIDEO.request, "job-1")
    assert [f"{request.method} {request.target}" for request in wire.received] == [
        "PUT /fal-ai/kling-video/requests/job-1/cancel"
    ]


@pytest.mark.parametrize("adapter", [KLING, SYNC], ids=str)
async def test_cancel_elsewhere_does_nothing(adapter: Adapter) -> None:
    """Vendors without cancel are not asked."""
    async with serving(always(HANG)) as wire, vendor_client() as http:
        await adapter.make(http, Endpoint(wire.url), 0.4).cancel(adapter.request, "job-1")
    assert wire.received == []
