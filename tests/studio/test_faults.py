"""Each planned fault, at each vendor, in the vendor's own form."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.studio.vendors import POLL_S, vendors
from tests.support.studio import Studio

PROVIDERS = ("fal", "elevenlabs", "sync", "kling")


def code_of(provider: str, answer: httpx.Response) -> object:
    """What a client of the vendor would branch on."""
    body = answer.json()
    match provider:
        case "fal":
            return body.get("error_type") or body["detail"].partition(".")[0]
        case "elevenlabs":
            return body["detail"]["code"]
        case "sync":
            return body["errorCode"]
        case _:
            return body["code"]


@pytest.mark.parametrize(
    ("provider", "fault", "status", "code"),
    [
        ("fal", "rate_limited", 429, "rate_limit"),
        ("fal", "server_error", 500, "internal_error"),
        ("fal", "account_locked", 403, "User is locked"),
        ("fal", "unauthorized", 401, "No user found for Key ID and Secret"),
        ("elevenlabs", "rate_limited", 429, "rate_limit_exceeded"),
        ("elevenlabs", "concurrency_limit", 429, "concurrent_limit_exceeded"),
        ("elevenlabs", "server_error", 500, "internal_server_error"),
        ("elevenlabs", "quota_exceeded", 401, "quota_exceeded"),
        ("elevenlabs", "unauthorized", 401, "invalid_api_key"),
        ("elevenlabs", "content_refused", 403, "content_against_policy"),
        ("sync", "rate_limited", 429, "rate_limit_exceeded"),
        ("sync", "concurrency_limit", 429, "concurrency_limit_reached"),
        ("sync", "server_error", 500, "internal_error"),
        ("sync", "arrears", 402, "account_payment_required"),
        ("sync", "account_locked", 403, "account_on_hold"),
        ("sync", "idempotency_outcome_unknown", 409, "IDEMPOTENCY_OUTCOME_UNKNOWN"),
        ("kling", "rate_limited", 429, 1302),
        ("kling", "concurrency_limit", 429, 1303),
        ("kling", "server_error", 500, 5000),
        ("kling", "account_locked", 429, 1100),
        ("kling", "arrears", 429, 1101),
        ("kling", "quota_exceeded", 429, 1102),
    ],
)
async def test_a_refusal_has_the_vendors_form_and_buys_nothing(
    studio: Studio, http: httpx.AsyncClient, provider: str, fault: str, status: int, code: object
) -> None:
    """Status and code are the vendor's; the next call is good again."""
    studio.fault(provider, fault)
    vendor = vendors()[provider]
    answer = await vendor.submit(studio, http)
    assert (answer.status_code, code_of(provider, answer)) == (status, code)
    assert studio.bill() == []
    assert (await vendor.submit(studio, http)).is_success


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_retry_after_is_sent_only_when_asked_for(studio: Studio, http: httpx.AsyncClient, provider: str) -> None:
    """A rate limit comes with and without a time to wait."""
    studio.fault(provider, "rate_limited", parameters={"retry_after": 7})
    studio.fault(provider, "rate_limited")
    vendor = vendors()[provider]
    answers = [await vendor.submit(studio, http) for _ in range(2)]
    assert [answer.headers.get("retry-after") for answer in answers] == ["7", None]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_accept_then_drop_buys_and_says_nothing(studio: Studio, http: httpx.AsyncClient, provider: str) -> None:
    """The connection closes without an answer, and the job stands on the bill; `drop` buys nothing."""
    vendor = vendors()[provider]
    for fault, lines in (("drop", 0), ("accept_then_drop", 1)):
        studio.fault(provider, fault)
        with pytest.raises(httpx.RemoteProtocolError):
            await vendor.submit(studio, http)
        assert len(studio.bill(provider)) == lines
    assert [request["status"] for request in studio.requests(provider)] == [None, None]


async def lines_of(studio: Studio, provider: str, count: int) -> int:
    """The number of bill lines, once there are `count` of them or five seconds have passed."""
    for _ in range(100):
        if len(studio.bill(provider)) >= count:
            break
        await asyncio.sleep(0.05)
    return len(studio.bill(provider))


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_hanging_and_slow_answers(studio: Studio, http: httpx.AsyncClient, provider: str) -> None:
    """A hang ends with the client's patience and buys nothing; a slow answer comes too late, but is bought."""
    vendor = vendors()[provider]
    for fault, lines in (("hang", 0), ("slow", 1)):
        studio.fault(provider, fault, parameters={"seconds": 2.0})
        with pytest.raises(httpx.ReadTimeout):
            await vendor.submit(studio, http, timeout_s=0.3)
        assert await lines_of(studio, provider, lines) == lines


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_broken_json_and_a_gateways_page(studio: Studio, http: httpx.AsyncClient, provider: str) -> None:
    """200 with half a body, and 502 with HTML."""
    vendor = vendors()[provider]
    studio.fault(provider, "invalid_json")
    studio.fault(provider, "gateway_html")
    garbled = await vendor.submit(studio, http)
    assert garbled.is_success
    with pytest.raises(ValueError, match=r"\w"):
        garbled.json()
    page = await vendor.submit(studio, http)
    assert (page.status_code, "nginx" in page.text, page.headers["x-studio"]) == (502, True, "1")


async def outcome(studio: Studio, http: httpx.AsyncClient, provider: str, answer: httpx.Response) -> dict[str, Any]:
    """The vendor's last word on a job, as its clients see it."""
    vendor, body = vendors()[provider], answer.json()
    while True:
        match provider:
            case "fal":
                status = await http.get(body["status_url"], headers=vendor.headers)
                if status.status_code == 200:
                    result = await http.get(body["response_url"], headers=vendor.headers)
                    return {"code": result.status_code, "type": status.json().get("error_type")}
            case "sync":
                poll = await http.get(f"{studio.url}/sync/v2/generate/{body['id']}", headers=vendor.headers)
                if poll.json()["status"] not in {"PENDING", "PROCESSING"}:
                    return {"code": poll.json()["status"], "type": poll.json()["errorCode"]}
            case _:
                url = f"{studio.url}{vendor.submit_path}/{body['data']['task_id']}"
                data = (await http.get(url, headers=vendor.headers)).json()["data"]
                if data["task_status"] in {"succeed", "failed"}:
                    return {"code": data["task_status"], "type": data["task_status_msg"]}
        await asyncio.sleep(POLL_S)


@pytest.mark.parametrize(
    ("provider", "fault", "parameters", "code", "kind", "billed"),
    [
        ("fal", "content_refused", {}, 422, "content_policy_violation", True),
        ("fal", "completed_with_error", {}, 500, "internal_error", False),
        ("fal", "completed_with_error", {"status": 504}, 504, "request_timeout", False),
        ("fal", "completed_with_error", {"status": 422}, 422, "no_media_generated", True),
        ("sync", "content_refused", {}, "REJECTED", "generation_input_validation_failed", False),
        ("sync", "completed_with_error", {}, "FAILED", "generation_pipeline_failed", False),
        ("sync", "completed_with_error", {"type": "generation_timeout"}, "FAILED", "generation_timeout", False),
        ("kling", "content_refused", {}, "failed", "Failure to pass the risk control system", False),
        ("kling", "completed_with_error", {}, "failed", "Internal error, please retry", False),
    ],
)
async def test_a_job_can_end_badly(
    studio: Studio,
    http: httpx.AsyncClient,
    provider: str,
    fault: str,
    parameters: dict[str, Any],
    code: object,
    kind: str,
    billed: bool,
) -> None:
    """The submission is good; the job ends in the vendor's form of failure and is billed as the vendor says."""
    studio.fault(provider, fault, parameters=parameters)
    answer = await vendors()[provider].submit(studio, http)
    assert await outcome(studio, http, provider, answer) == {"code": code, "type": kind}
    (line,) = studio.bill(provider)
    assert (line["price_usd_micros"] > 0, line["state"] == "charged") == (billed, billed)


@pytest.mark.parametrize("provider", ["fal", "sync", "kling"])
async def test_a_stuck_job_stays_in_progress(studio: Studio, http: httpx.AsyncClient, provider: str) -> None:
    """It is running, and no amount of polling changes that."""
    studio.fault(provider, "stuck")
    await vendors()[provider].submit(studio, http)
    for _ in range(3):
        await asyncio.sleep(0.1)
        assert [job["state"] for job in studio.jobs(provider)] == ["running"]


async def test_a_flagged_picture_is_black_and_says_so(studio: Studio, http: httpx.AsyncClient) -> None:
    """200 with has_nsfw_concepts true, unless the safety checker is off."""
    vendor = vendors()["fal"]
    flags: list[list[bool]] = []
    pictures: list[bytes] = []
    for checker in (True, False):
        studio.fault("fal", "nsfw")
        run = vendor.submit_path.replace("fal-queue", "fal-run")
        body = vendor.body | {"enable_safety_checker": checker}
        result = (await http.post(studio.url + run, json=body, headers=vendor.headers)).json()
        flags.append(result["has_nsfw_concepts"])
        pictures.append((await http.get(result["images"][0]["url"])).content)
    assert flags == [[True], [False]]
    assert len(pictures[0]) < len(pictures[1]) / 2


@pytest.mark.parametrize("operation", ["submit", "download"])
async def test_outputs_expire_are_cut_short_or_turn_into_pages(
    studio: Studio, http: httpx.AsyncClient, operation: str
) -> None:
    """On `submit` the job's files stay so for good; on `download` only the next download is spoiled."""
    vendor = vendors()["fal"]
    run = vendor.submit_path.replace("fal-queue", "fal-run")
    for fault, parameters, expected in [
        ("output_expired", {}, (403, "application/xml")),
        ("output_expired", {"status": 404}, (404, "application/xml")),
        ("output_html", {}, (200, "text/html; charset=utf-8")),
        ("output_truncated", {}, (200, "image/jpeg")),
    ]:
        studio.fault("fal", fault, operation=operation, parameters=parameters)
        image = (await http.post(studio.url + run, json=vendor.body, headers=vendor.headers)).json()["images"][0]
        first, second = await http.get(image["url"]), await http.get(image["url"])
        assert (first.status_code, first.headers["content-type"]) == expected
        assert len(first.content) < image["file_size"]
        assert (len(second.content) == image["file_size"]) is (operation == "download")


async def test_a_cut_download_breaks_off(studio: Studio, http: httpx.AsyncClient) -> None:
    """The whole length is promised and the connection closes midway."""
    url = studio.picture_url()
    assert (await http.get(url)).is_success
    studio.fault("files", "output_truncated", operation="download", parameters={"cut": True})
    with pytest.raises(httpx.RemoteProtocolError):
        await http.get(url)


async def test_skip_times_model_and_operation_decide_where_a_fault_falls(
    studio: Studio, http: httpx.AsyncClient
) -> None:
    """The second and third submission of that model fail, nothing else does."""
    studio.fault("fal", "server_error", model="fal-ai/flux/schnell", skip=1, times=2)
    studio.fault("fal", "server_error", operation="status")
    vendor = vendors()["fal"]
    url = f"{studio.url}/fal-queue/fal-ai/flux/dev"
    other = await http.post(url, json=vendor.body, headers=vendor.headers)
    answers = [await vendor.submit(studio, http) for _ in range(4)]
    assert [answer.status_code for answer in (other, *answers)] == [200, 200, 500, 500, 200]
    statuses = [await http.get(other.json()["status_url"], headers=vendor.headers) for _ in range(2)]
    assert [status.status_code == 500 for status in statuses] == [True, False]


async def test_inputs_can_become_unreachable(studio: Studio, http: httpx.AsyncClient) -> None:
    """A fault on `fetch` makes the vendor fail to read what it was given."""
    studio.fault("kling", "output_expired", operation="fetch")
    answer = await vendors()["kling"].submit(studio, http, image=studio.picture_url())
    ended = await outcome(studio, http, "kling", answer)
    assert ended["code"] == "failed"
    assert "403" in ended["type"]
