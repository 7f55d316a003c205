"""What a job cost, as each adapter tells it: what the studio bills, whatever happened to the job."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.prices import estimate_cost, speech_cost
from providers.errors import Delivery, ProviderError
from providers.ports import Finished
from tests.providers.adapters import ADAPTERS, FAL_IMAGE, FAL_VIDEO, KLING, SYNC, Adapter
from tests.providers.conftest import SPEECH, Bench
from tests.providers.test_poll import COMPLETED, IMAGES, failed, fal, generation, model_error, poll, task
from tests.providers.test_submit import always
from tests.providers.wire import reply

KEY = "scene-1-step-1"


def booked(adapter: Adapter, error: ProviderError) -> int | None:
    """What the ledger keeps of an ended job: the vendor's figure, else all or nothing of the estimate, else unknown."""
    if error.delivery is not Delivery.JOB_ENDED:
        raise error
    if error.actual_cost_micros is not None or error.charged is None:
        return error.actual_cost_micros
    return estimate_cost(adapter.provider, adapter.request) if error.charged else 0


async def cost_of(bench: Bench, adapter: Adapter, request_id: str) -> int | None:
    """What the job turned out to cost, by its result or its end."""
    try:
        return (await bench.finish(adapter, request_id)).actual_cost_micros
    except ProviderError as error:
        return booked(adapter, error)


def billed(bench: Bench) -> int:
    """The price of the one job on the studio's bill."""
    (line,) = bench.studio.bill()
    return line["price_usd_micros"]


FREE, CHARGED = False, True
ENDS: list[tuple[Adapter, str, dict[str, object], bool]] = [
    *[(adapter, fault, {}, CHARGED) for adapter in ADAPTERS for fault in ("output_expired", "output_html")],
    *[(adapter, "completed_with_error", {}, FREE) for adapter in ADAPTERS],
    (FAL_IMAGE, "completed_with_error", {"status": 503}, FREE),
    (FAL_IMAGE, "completed_with_error", {"status": 504}, FREE),
    (FAL_IMAGE, "completed_with_error", {"status": 422}, CHARGED),
    (FAL_IMAGE, "completed_with_error", {"status": 422, "billed": False}, FREE),
    (FAL_VIDEO, "completed_with_error", {"status": 422}, CHARGED),
    (SYNC, "completed_with_error", {"type": "generation_timeout"}, FREE),
    (FAL_IMAGE, "content_refused", {}, CHARGED),
    (FAL_VIDEO, "content_refused", {}, CHARGED),
    (FAL_IMAGE, "content_refused", {"billed": False}, FREE),
    (KLING, "content_refused", {}, FREE),
    (SYNC, "content_refused", {}, FREE),
    (FAL_IMAGE, "nsfw", {}, CHARGED),
    (FAL_IMAGE, "output_truncated", {}, CHARGED),
    (FAL_IMAGE, "duplicate_webhook", {}, CHARGED),
]


def name(value: object) -> str:
    """The same in every process: a function would be told by its address."""
    return "answer" if callable(value) else str(value)


@pytest.mark.parametrize(("adapter", "fault", "parameters", "charged"), ENDS, ids=str)
async def test_the_ledger_is_the_bill(
    adapter: Adapter, fault: str, parameters: dict[str, object], charged: bool, bench: Bench
) -> None:
    """Whether it ends well, badly or refused, a job costs in the ledger what stands on the bill."""
    bench.studio.fault(adapter.provider, fault, parameters=parameters)
    cost = await cost_of(bench, adapter, await bench.submit(adapter, KEY))
    assert cost == billed(bench)
    assert bool(cost) is charged


@pytest.mark.parametrize("adapter", [FAL_VIDEO, KLING, SYNC], ids=str)
async def test_an_input_that_cannot_be_fetched_costs_nothing(adapter: Adapter, bench: Bench) -> None:
    """The vendor took the job and never worked on it."""
    bench.studio.fault(adapter.provider, "output_expired", operation="fetch", times=-1)
    assert await cost_of(bench, adapter, await bench.submit(adapter, KEY)) == billed(bench) == 0


@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("adapter", [FAL_IMAGE, FAL_VIDEO], ids=str)
async def test_a_canceled_job_costs_what_was_charged(adapter: Adapter, started: bool, bench: Bench) -> None:
    """Taken out of the queue, or stopped at work."""
    bench.studio.fault(adapter.provider, "stuck")
    bench.studio.latency(adapter.provider, queue_s=0 if started else 60)
    request_id = await bench.submit(adapter, KEY)
    await bench.provider(adapter).cancel(bench.request(adapter), request_id)
    assert await cost_of(bench, adapter, request_id) == billed(bench) == 0


@pytest.mark.parametrize("fault", [None, "accept_then_drop", "output_html", "invalid_json"])
async def test_speech_costs_what_is_billed(fault: str | None, bench: Bench) -> None:
    """By the answer's own figure, or by the history's when the answer was lost."""
    speech = bench.speech()
    if fault:
        bench.studio.fault("elevenlabs", fault)
        with pytest.raises(ProviderError):
            await speech.synthesize(SPEECH)
        spoken = await speech.recover(SPEECH, since=datetime.now(UTC) - timedelta(seconds=30))
    else:
        spoken = await speech.synthesize(SPEECH)
    assert spoken
    assert spoken.character_cost
    assert speech_cost(spoken.character_cost) == billed(bench)


UNITS_0, UNITS_2 = {"x-fal-billable-units": "0"}, {"x-fal-billable-units": "2.0"}
FLAGGED: dict[str, object] = IMAGES | {"has_nsfw_concepts": [True]}
REFUSED = model_error("content_policy_violation")
PAGE = b"<html>nginx"

# what the vendor says, then whether it charged and how much
ENDED: list[tuple[Adapter, Any, bool | None, int | None]] = [
    (FAL_IMAGE, fal(COMPLETED, reply(422, REFUSED)), True, None),
    (FAL_IMAGE, fal(COMPLETED, reply(422, REFUSED, UNITS_0)), False, 0),
    (FAL_IMAGE, fal(COMPLETED, reply(422, REFUSED, UNITS_2)), True, 70_000),
    (FAL_IMAGE, fal(COMPLETED, reply(422, REFUSED, {"x-fal-billable-units": "some"})), True, None),
    (FAL_IMAGE, fal(COMPLETED, reply(422, model_error("file_download_error"), UNITS_0)), False, 0),
    (FAL_IMAGE, fal(COMPLETED, reply(500, {"detail": "x", "error_type": "internal_error"})), False, None),
    (FAL_IMAGE, fal(COMPLETED, reply(500, {"detail": "x"}, UNITS_2)), True, 70_000),
    (FAL_IMAGE, fal(COMPLETED, reply(499, {"detail": "x", "error_type": "client_cancelled"})), False, None),
    (FAL_IMAGE, fal(COMPLETED, reply(400, {"detail": "x", "error_type": "bad_request"})), False, None),
    (FAL_IMAGE, fal(COMPLETED, reply(404, {"detail": "Request not found"})), None, None),
    (FAL_IMAGE, fal(failed("startup_timeout"), reply(502, PAGE)), False, None),
    (FAL_IMAGE, fal(failed("content_policy_violation"), reply(502, PAGE)), None, None),
    (FAL_IMAGE, fal(failed("content_policy_violation"), reply(200, {})), None, None),
    (FAL_IMAGE, fal(COMPLETED, reply(200, FLAGGED)), True, None),
    (FAL_IMAGE, fal(COMPLETED, reply(200, FLAGGED, UNITS_2)), True, 70_000),
    (FAL_IMAGE, fal(COMPLETED, reply(200, {"images": []}, UNITS_2)), True, 70_000),
    (FAL_IMAGE, always(reply(404, {"detail": "Request not found"})), None, None),
    (KLING, always(task("failed")), None, None),
    (KLING, always(task("failed", final_unit_deduction="")), None, None),
    (KLING, always(task("failed", final_unit_deduction="0")), False, 0),
    (KLING, always(task("failed", final_unit_deduction="2.5")), True, 350_000),
    (KLING, always(task("succeed", final_unit_deduction=2.5)), True, 350_000),
    (KLING, always(task("succeed")), True, None),
    (KLING, always(reply(404, {"code": 1203, "message": "no task"})), None, None),
    (SYNC, always(generation("FAILED", outputDuration=None)), False, None),
    (SYNC, always(generation("REJECTED")), False, None),
    (SYNC, always(generation("COMPLETED", outputDuration=10.0)), True, 400_000),
    (SYNC, always(generation("COMPLETED")), True, None),
    (SYNC, always(reply(404, {"message": "no", "errorCode": "generation_not_found"})), None, None),
]


@pytest.mark.parametrize(("adapter", "says", "charged", "micros"), ENDED, ids=name)
async def test_an_ended_job_tells_whether_it_was_charged(
    adapter: Adapter, says: Any, charged: bool | None, micros: int | None
) -> None:
    """The vendor's own figure counts; without one its rules do, and where these are silent, nobody knows."""
    error, _ = await poll(adapter, says)
    assert (error.delivery, error.charged, error.actual_cost_micros) == (Delivery.JOB_ENDED, charged, micros)


CLIP: dict[str, object] = {"video": {"url": "https://f/a.mp4"}}
VIDEOS: dict[str, object] = {"videos": [{"url": "https://k/a.mp4"}]}


@pytest.mark.parametrize(
    ("adapter", "says", "micros"),
    [
        (FAL_IMAGE, fal(COMPLETED, reply(200, IMAGES, UNITS_2)), 70_000),
        (FAL_VIDEO, fal(COMPLETED, reply(200, CLIP, {"x-fal-billable-units": "5"})), 350_000),
        (FAL_VIDEO, fal(COMPLETED, reply(200, CLIP)), None),
        (KLING, always(task("succeed", task_result=VIDEOS, final_unit_deduction="2.5")), 350_000),
        (KLING, always(task("succeed", task_result=VIDEOS)), None),
        (SYNC, always(generation("COMPLETED", outputUrl="https://s/a.mp4", outputDuration=10.01)), 401_600),
    ],
    ids=name,
)
async def test_a_result_brings_its_price(adapter: Adapter, says: Any, micros: int | None) -> None:
    """In micro-dollars where the vendor tells what it charged."""
    finished, _ = await poll(adapter, says)
    assert isinstance(finished, Finished)
    assert finished.actual_cost_micros == micros
