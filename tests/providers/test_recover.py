"""What each adapter makes of a lost answer: found, surely not there, or not to be told (yet)."""

from typing import Any

import pytest

from models.enums import FailureCode
from providers.clients import vendor_client
from providers.errors import Delivery, ProviderError
from tests.providers.adapters import KLING, SYNC, Adapter, Endpoint
from tests.providers.conftest import Bench
from tests.providers.test_poll import task
from tests.providers.test_submit import KEY, always
from tests.providers.wire import DROP, HANG, Handler, Received, reply, serving

F, LOST, NOTHING = FailureCode, Delivery.ANSWER_LOST, Delivery.NOTHING_BOUGHT


async def recover(adapter: Adapter, handler: Handler) -> tuple[Any, list[str]]:
    """What one recovery gives or raises, and what it asked for."""
    async with serving(handler) as wire, vendor_client() as http:
        try:
            provider = adapter.make(http, Endpoint(wire.url), 0.4)
            got: Any = await provider.recover(adapter.request, key=KEY, url_of=adapter.url_of)
        except ProviderError as error:
            got = error
    return got, [f"{request.method} {request.target}" for request in wire.received]


def kling(status: int, code: int) -> bytes:
    """An answer of Kling's that is an error."""
    return reply(status, {"code": code, "message": "no", "request_id": "1"})


FOUND = reply(200, [{"id": "other", "outputFileName": "other.mp4"}, {"id": "job-1", "outputFileName": f"{KEY}.mp4"}])


@pytest.mark.parametrize(
    ("adapter", "raw", "found"),
    [
        (KLING, task("processing"), "job-1"),
        (KLING, task("failed"), "job-1"),
        (KLING, kling(404, 1203), None),
        (KLING, kling(200, 1203), None),
        (KLING, kling(400, 1201), (F.OUTCOME_UNKNOWN, LOST)),
        (KLING, kling(400, 1200), (F.INVALID_REQUEST, NOTHING)),
        (KLING, kling(401, 1004), (F.PROVIDER_UNAVAILABLE, NOTHING)),
        (KLING, kling(429, 1302), (F.RATE_LIMITED, NOTHING)),
        (KLING, kling(503, 5001), (F.PROVIDER_UNAVAILABLE, NOTHING)),
        (KLING, reply(404, b"<html>nginx"), (F.NOT_FOUND, NOTHING)),
        (KLING, reply(200, b"{"), (F.PROVIDER_UNAVAILABLE, NOTHING)),
        (KLING, DROP, (F.PROVIDER_UNAVAILABLE, NOTHING)),
        (KLING, HANG, (F.PROVIDER_UNAVAILABLE, NOTHING)),
        (SYNC, FOUND, "job-1"),
        (SYNC, reply(200, []), None),
        (SYNC, reply(404, {"message": "no", "statusCode": 404}), (F.NOT_FOUND, NOTHING)),
        (SYNC, reply(500, {"message": "x", "statusCode": 500}), (F.PROVIDER_UNAVAILABLE, NOTHING)),
        (SYNC, reply(200, {}), (F.PROVIDER_UNAVAILABLE, NOTHING)),
        (SYNC, DROP, (F.PROVIDER_UNAVAILABLE, NOTHING)),
        (SYNC, HANG, (F.PROVIDER_UNAVAILABLE, NOTHING)),
    ],
    ids=str,
)
async def test_only_the_vendors_word_means_none(adapter: Adapter, raw: bytes, found: Any) -> None:
    """By one free question; trouble while asking is never taken for "there is none"."""
    got, asked = await recover(adapter, always(raw))
    paths = {KLING: f"GET /v1/videos/image2video/{KEY}", SYNC: "GET /v2/generations"}
    assert asked == [paths[adapter]]
    assert ((got.code, got.delivery) if isinstance(got, ProviderError) else got) == found


@pytest.mark.parametrize("raw", [DROP, HANG, kling(503, 5001), reply(502, b"<html>nginx")], ids=repr)
async def test_a_taken_id_whose_task_cannot_be_asked_for_is_asked_for_again(raw: bytes) -> None:
    """Trouble after "already exists" is worth another attempt: it ends neither in a refusal nor in a second task."""

    def handler(request: Received) -> bytes:
        return kling(400, 1201) if request.method == "POST" else raw

    async with serving(handler) as wire, vendor_client() as http:
        provider = KLING.make(http, Endpoint(wire.url), 0.4)
        with pytest.raises(ProviderError) as caught:
            await provider.submit(KLING.request, key=KEY, url_of=KLING.url_of)
    assert (caught.value.code, caught.value.delivery) == (F.PROVIDER_UNAVAILABLE, NOTHING)
    assert [request.method for request in wire.received] == ["POST", "GET"]


@pytest.mark.parametrize("fault", ["drop", "server_error", "gateway_html", "invalid_json", "rate_limited"])
@pytest.mark.parametrize(("adapter", "operation"), [(KLING, "status"), (SYNC, "list")], ids=str)
async def test_a_job_is_found_however_often_the_answers_are_lost(
    adapter: Adapter, operation: str, fault: str, bench: Bench
) -> None:
    """The create's answer, then the question's, then that of a second create: one job, found in the end."""
    provider, request = bench.provider(adapter), bench.request(adapter)
    bench.studio.fault(adapter.provider, "accept_then_drop", times=2)
    bench.studio.fault(adapter.provider, fault, operation=operation)
    with pytest.raises(ProviderError):
        await bench.submit(adapter, KEY)
    with pytest.raises(ProviderError):
        await provider.recover(request, key=KEY, url_of=bench.url_of)
    with pytest.raises(ProviderError) as caught:
        await bench.submit(adapter, KEY)
    assert caught.value.delivery is LOST
    (line,) = bench.studio.bill()
    assert await provider.recover(request, key=KEY, url_of=bench.url_of) == line["request_id"]
    assert await bench.submit(adapter, KEY) == line["request_id"]
    assert len(bench.studio.bill()) == 1
