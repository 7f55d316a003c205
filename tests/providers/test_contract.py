"""The contract of `providers.ports`, the same for every adapter, against the studio."""

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from domain.failures import is_retryable
from models.enums import FailureCode, Provider
from providers.errors import Delivery, ProviderError
from providers.guard import guarded_client
from providers.lora import SafetensorsLoraInspector
from providers.ports import Waiting
from tests.providers.adapters import ADAPTERS, FAL_IMAGE, FAL_VIDEO, KLING, SYNC, Adapter
from tests.providers.conftest import SPEECH, Bench
from tests.support.studio import Studio

KEY = "scene-1-step-1"
MEDIA_TYPES = {FAL_IMAGE: "image/png", FAL_VIDEO: "video/mp4", KLING: "video/mp4", SYNC: "video/mp4"}
INVALID_KEYS = {
    "fal_key": SecretStr("made-up:invalid"),
    "sync_key": SecretStr("invalid"),
    "kling_secret_key": SecretStr("another-secret-key-of-32-characters"),
}
F, LOST, NOTHING, ENDED = FailureCode, Delivery.ANSWER_LOST, Delivery.NOTHING_BOUGHT, Delivery.JOB_ENDED

every_adapter = pytest.mark.parametrize("adapter", ADAPTERS, ids=str)


async def failure(call: Awaitable[object]) -> ProviderError:
    """The error that a call raises."""
    with pytest.raises(ProviderError) as caught:
        await call
    assert caught.value.__cause__ is None
    return caught.value


@every_adapter
async def test_a_job_from_submit_to_file(adapter: Adapter, bench: Bench, tmp_path: Path) -> None:
    """One POST, one line on the bill, one GET a poll, and a file of the right kind at the end."""
    request_id = await bench.submit(adapter, KEY)
    finished = await bench.finish(adapter, request_id)
    file = await bench.download(finished.url, tmp_path / "output")
    assert file.media_type == MEDIA_TYPES[adapter]
    assert [line["request_id"] for line in bench.studio.bill()] == [request_id]
    assert len(bench.posts(adapter)) == 1
    assert finished.seed == (bench.request(adapter).seed if adapter is FAL_IMAGE else None)


@pytest.mark.parametrize("callback", ["https://devatar.example/callbacks/fal?job=a%2Fb&key=c+d", None])
@every_adapter
async def test_where_to_announce_the_end(adapter: Adapter, callback: str | None, bench: Bench) -> None:
    """Vendors that sign what they send are told where to; without an address nothing of it is sent."""
    provider, request = bench.provider(adapter), bench.request(adapter)
    await provider.submit(request, key=KEY, url_of=bench.url_of, callback_url=callback)
    (job,) = bench.studio.jobs()
    assert job["callback"] == (None if adapter is KLING else callback)
    (post,) = bench.posts(adapter)
    sent = callback is not None and adapter is not KLING
    assert ("fal_webhook" in post["query"]) is (sent and adapter.provider is Provider.FAL)
    assert ("webhookUrl" in post["json"]) is (sent and adapter is SYNC)
    assert "callback_url" not in post["json"]


@every_adapter
async def test_check_is_free_and_proves_the_key(adapter: Adapter, bench: Bench) -> None:
    """A good key gives a line for people, a bad one `unauthorized`; neither is billed."""
    assert (await bench.provider(adapter).check()).startswith(f"{adapter.provider}: ")
    error = await failure(bench.provider(adapter, keys=INVALID_KEYS).check())
    assert error.code is F.UNAUTHORIZED
    assert bench.studio.bill() == []


# fault, its parameters, code, delivery, the vendor's delay, lines on the bill
SUBMIT_FAULTS: list[tuple[str, dict[str, object], FailureCode, Delivery, float | None, int]] = [
    ("accept_then_drop", {}, F.OUTCOME_UNKNOWN, LOST, None, 1),
    ("invalid_json", {}, F.OUTCOME_UNKNOWN, LOST, None, 1),
    ("hang", {"accepted": True}, F.OUTCOME_UNKNOWN, LOST, None, 1),
    ("hang", {}, F.OUTCOME_UNKNOWN, LOST, None, 0),
    ("drop", {}, F.OUTCOME_UNKNOWN, LOST, None, 0),
    ("gateway_html", {}, F.OUTCOME_UNKNOWN, LOST, None, 0),
    ("rate_limited", {}, F.RATE_LIMITED, NOTHING, None, 0),
    ("rate_limited", {"retry_after": 7}, F.RATE_LIMITED, NOTHING, 7.0, 0),
    ("server_error", {}, F.PROVIDER_UNAVAILABLE, NOTHING, None, 0),
    ("server_error", {"status": 503}, F.PROVIDER_UNAVAILABLE, NOTHING, None, 0),
    ("unauthorized", {}, F.UNAUTHORIZED, NOTHING, None, 0),
    ("account_locked", {}, F.OUT_OF_CREDIT, NOTHING, None, 0),
    ("quota_exceeded", {}, F.OUT_OF_CREDIT, NOTHING, None, 0),
    ("arrears", {}, F.OUT_OF_CREDIT, NOTHING, None, 0),
]
RETRIED = {F.RATE_LIMITED, F.PROVIDER_UNAVAILABLE, F.TIMED_OUT, F.UNKNOWN}


@pytest.mark.parametrize(("fault", "parameters", "code", "delivery", "delay", "billed"), SUBMIT_FAULTS)
@every_adapter
async def test_a_fault_on_submit(
    adapter: Adapter,
    fault: str,
    parameters: dict[str, object],
    code: FailureCode,
    delivery: Delivery,
    delay: float | None,
    billed: int,
    bench: Bench,
) -> None:
    """Each fault has its code, says what is known of the purchase, and costs exactly one POST."""
    bench.studio.fault(adapter.provider, fault, parameters=parameters)
    timeout_s = 1.0 if fault == "hang" else 30.0
    error = await failure(bench.submit(adapter, KEY, timeout_s=timeout_s))
    assert (error.code, error.delivery, error.retry_after_s) == (code, delivery, delay)
    assert is_retryable(code) is (code in RETRIED)
    assert len(bench.posts(adapter)) == 1
    assert len(bench.studio.bill()) == billed
    assert "s1gned" not in error.detail


@pytest.mark.parametrize("adapter", [KLING, SYNC], ids=str)
async def test_a_lost_job_is_found_and_never_bought_twice(adapter: Adapter, bench: Bench) -> None:
    """Where the vendor honours a key, the lost job is found by it, and a repeated submit leads to the same job."""
    bench.studio.fault(adapter.provider, "accept_then_drop")
    await failure(bench.submit(adapter, KEY))
    provider, request = bench.provider(adapter), bench.request(adapter)
    found = await provider.recover(request, key=KEY, url_of=bench.url_of)
    again = await provider.submit(request, key=KEY, url_of=lambda artifact: bench.url_of(artifact) + "&attempt=2")
    (line,) = bench.studio.bill()
    assert found == again == line["request_id"]


@pytest.mark.parametrize("adapter", [KLING, SYNC], ids=str)
async def test_a_job_that_was_never_made_is_not_found(adapter: Adapter, bench: Bench) -> None:
    """The vendor is sure: None, also when it has other jobs."""
    await bench.submit(adapter, "another-key")
    assert await bench.provider(adapter).recover(bench.request(adapter), key=KEY, url_of=bench.url_of) is None


@pytest.mark.parametrize("adapter", [FAL_IMAGE, FAL_VIDEO], ids=str)
async def test_fal_cannot_tell(adapter: Adapter, bench: Bench) -> None:
    """fal knows jobs by its own id alone: the outcome stays unknown, without asking."""
    error = await failure(bench.provider(adapter).recover(bench.request(adapter), key=KEY, url_of=bench.url_of))
    assert (error.code, error.delivery) == (F.OUTCOME_UNKNOWN, LOST)
    assert bench.studio.requests(adapter.provider) == []


# by vendor: a fault of a job, its parameters, then the code and whether buying again may help
JOB_FAULTS: list[tuple[Adapter, str, dict[str, object], FailureCode, bool]] = [
    (FAL_IMAGE, "content_refused", {}, F.CONTENT_REFUSED, False),
    (FAL_VIDEO, "content_refused", {}, F.CONTENT_REFUSED, False),
    (KLING, "content_refused", {}, F.UNKNOWN, False),
    (SYNC, "content_refused", {}, F.CONTENT_REFUSED, False),
    (FAL_IMAGE, "completed_with_error", {}, F.PROVIDER_UNAVAILABLE, True),
    (FAL_VIDEO, "completed_with_error", {}, F.PROVIDER_UNAVAILABLE, True),
    (KLING, "completed_with_error", {}, F.UNKNOWN, False),
    (SYNC, "completed_with_error", {}, F.PROVIDER_UNAVAILABLE, True),
    (FAL_VIDEO, "completed_with_error", {"status": 504}, F.TIMED_OUT, True),
    (FAL_IMAGE, "completed_with_error", {"status": 422}, F.MEDIA_INVALID, False),
    (SYNC, "completed_with_error", {"type": "generation_input_video_inaccessible"}, F.NOT_FOUND, True),
]


@pytest.mark.parametrize(("adapter", "fault", "parameters", "code", "resubmit"), JOB_FAULTS, ids=str)
async def test_a_job_that_ends_badly(
    adapter: Adapter, fault: str, parameters: dict[str, object], code: FailureCode, resubmit: bool, bench: Bench
) -> None:
    """The job's end is told by its vendor's code; whether to buy again follows the vendor's own classes."""
    bench.studio.fault(adapter.provider, fault, parameters=parameters)
    error = await failure(bench.finish(adapter, await bench.submit(adapter, KEY)))
    assert (error.code, error.delivery, error.resubmit) == (code, ENDED, resubmit)
    assert len(bench.posts(adapter)) == 1


async def test_a_flagged_picture_is_no_picture(bench: Bench) -> None:
    """fal answers 200 with a black picture: its flag ends the job."""
    bench.studio.fault("fal", "nsfw")
    error = await failure(bench.finish(FAL_IMAGE, await bench.submit(FAL_IMAGE, KEY)))
    assert (error.code, error.delivery, error.resubmit) == (F.CONTENT_REFUSED, ENDED, False)


@every_adapter
async def test_a_stuck_job_waits_and_can_be_canceled(adapter: Adapter, bench: Bench) -> None:
    """A job that does not move is waiting, not failed; cancel never raises, where there is one it ends the job."""
    bench.studio.fault(adapter.provider, "stuck")
    provider, request = bench.provider(adapter), bench.request(adapter)
    request_id = await bench.submit(adapter, KEY)
    assert isinstance(await provider.poll(request, request_id), Waiting)
    await provider.cancel(request, request_id)
    await provider.cancel(request, request_id)
    if adapter.provider is Provider.FAL:
        error = await failure(provider.poll(request, request_id))
        assert (error.code, error.delivery) == (F.CANCELED, ENDED)


@pytest.mark.parametrize(
    ("fault", "parameters", "code"),
    [
        ("server_error", {}, F.PROVIDER_UNAVAILABLE),
        ("rate_limited", {"retry_after": 3}, F.RATE_LIMITED),
        ("drop", {}, F.PROVIDER_UNAVAILABLE),
        ("gateway_html", {}, F.PROVIDER_UNAVAILABLE),
        ("invalid_json", {}, F.PROVIDER_UNAVAILABLE),
    ],
)
@every_adapter
async def test_a_fault_while_polling_does_not_end_the_job(
    adapter: Adapter, fault: str, parameters: dict[str, object], code: FailureCode, bench: Bench
) -> None:
    """Trouble on the way is retried and the job is as it was."""
    bench.studio.fault(adapter.provider, "stuck")
    request_id = await bench.submit(adapter, KEY)
    bench.studio.fault(adapter.provider, fault, operation="status", parameters=parameters)
    provider, request = bench.provider(adapter), bench.request(adapter)
    error = await failure(provider.poll(request, request_id))
    assert (error.code, error.delivery) == (code, NOTHING)
    assert is_retryable(error.code)
    assert isinstance(await provider.poll(request, request_id), Waiting)


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


OUTPUT_FAULTS: list[tuple[str, dict[str, object], FailureCode]] = [
    ("output_expired", {"status": 403}, F.NOT_FOUND),
    ("output_expired", {"status": 404}, F.NOT_FOUND),
    ("output_truncated", {"cut": True}, F.PROVIDER_UNAVAILABLE),
    ("output_html", {}, F.MEDIA_INVALID),
]


@every_adapter
async def test_an_output_that_is_none(adapter: Adapter, bench: Bench, tmp_path: Path) -> None:
    """Expired, truncated and replaced outputs never become files, and do not spoil the next attempt."""
    finished = await bench.finish(adapter, await bench.submit(adapter, KEY))
    for fault, parameters, code in OUTPUT_FAULTS:
        bench.studio.fault(adapter.provider, fault, operation="download", parameters=parameters)
        error = await failure(bench.download(finished.url, tmp_path / "output"))
        assert (error.code, _names(tmp_path)) == (code, [])
    assert (await bench.download(finished.url, tmp_path / "output")).size > 0


# speech is made while the caller waits: nothing is accepted before it hangs
@pytest.mark.parametrize(
    ("fault", "parameters", "code", "delivery", "delay", "billed"),
    [row for row in SUBMIT_FAULTS if row[1] != {"accepted": True}],
)
async def test_a_fault_of_the_speech(
    fault: str,
    parameters: dict[str, object],
    code: FailureCode,
    delivery: Delivery,
    delay: float | None,
    billed: int,
    bench: Bench,
) -> None:
    """Speech follows the same table; a locked account is ElevenLabs' "unusual activity", which no top-up mends."""
    bench.studio.fault("elevenlabs", fault, parameters=parameters)
    error = await failure(bench.speech(timeout_s=1.0 if fault == "hang" else 30).synthesize(SPEECH))
    expected = F.UNAUTHORIZED if fault == "account_locked" else code
    assert (error.code, error.delivery, error.retry_after_s) == (expected, delivery, delay)
    assert len([request for request in bench.studio.requests("elevenlabs") if request["method"] == "POST"]) == 1
    assert len(bench.studio.bill()) == billed


async def test_speech_bought_once_is_found_after_a_lost_answer(bench: Bench) -> None:
    """The lost audio comes back from the history, equal to what a second purchase would bring, and but once."""
    since = datetime.now(UTC) - timedelta(seconds=100)
    speech = bench.speech(timeout_s=30.0)
    assert await speech.recover(SPEECH, since=since) is None
    bench.studio.fault("elevenlabs", "accept_then_drop")
    await failure(speech.synthesize(SPEECH))
    found = await speech.recover(SPEECH, since=datetime.now(UTC))
    assert len(bench.studio.bill()) == 1
    bought = await speech.synthesize(SPEECH)
    assert found
    assert (found.audio, found.character_cost, found.alignment) == (
        bought.audio,
        bought.character_cost,
        bought.alignment,
    )
    assert bought.alignment
    assert "".join(bought.alignment.characters) == SPEECH.text
    again = await speech.recover(SPEECH, since=datetime.now(UTC), taken=frozenset({found.request_id}))
    assert again
    assert again.request_id == bought.request_id
    assert await speech.recover(SPEECH, since=since - timedelta(days=1)) is None


async def test_speech_that_may_still_be_spoken_is_not_given_up(bench: Bench) -> None:
    """Until the request's own time and a minute have passed, "not listed" is an answer to ask for again."""
    speech, now = bench.speech(timeout_s=30.0), datetime.now(UTC)
    for age_s, left_s in ((0, 90), (40, 50), (75, 15)):
        error = await failure(speech.recover(SPEECH, since=now - timedelta(seconds=age_s)))
        assert (error.code, error.delivery) == (F.PROVIDER_UNAVAILABLE, NOTHING)
        assert error.retry_after_s
        assert left_s - 15 < error.retry_after_s <= left_s
    assert await speech.recover(SPEECH, since=now - timedelta(seconds=91)) is None
    assert bench.studio.bill() == []


async def test_speech_check(bench: Bench) -> None:
    """The subscription proves the key; a bad one is `unauthorized`."""
    assert (await bench.speech().check()).startswith("elevenlabs: plan ")
    assert (await failure(bench.speech(key="invalid").check())).code is F.UNAUTHORIZED


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("deven", "diffusers"),
        ("kohya", "kohya"),
        ("no-length", "diffusers"),
        ("head-405", "diffusers"),
        ("missing", F.LORA_NOT_FOUND),
        ("expired", F.LORA_NOT_FOUND),
        ("page", F.LORA_INVALID),
        ("truncated", F.LORA_INVALID),
        ("sdxl", F.LORA_INVALID),
        ("tiny", F.LORA_TOO_SMALL),
    ],
)
async def test_the_loras_of_the_studio(name: str, expected: str | FailureCode, studio: Studio) -> None:
    """Each good and bad file is told for what it is, by at most two requests."""
    async with guarded_client(frozenset({studio.url})) as client:
        inspector = SafetensorsLoraInspector(client)
        if isinstance(expected, FailureCode):
            assert (await failure(inspector.inspect(studio.lora_url(name)))).code is expected
        else:
            report = await inspector.inspect(studio.lora_url(name))
            assert report.dialect == expected
    assert len(studio.requests("files")) <= 2


@pytest.mark.parametrize(("hops", "works"), [(1, True), (5, True), (6, False)])
async def test_a_lora_behind_redirects(hops: int, works: bool, studio: Studio) -> None:
    """Five redirects are followed."""
    url = f"{studio.url}/files/loras/redirect?n={hops}"
    async with guarded_client(frozenset({studio.url})) as client:
        inspector = SafetensorsLoraInspector(client)
        if works:
            straight = await inspector.inspect(studio.lora_url())
            assert await inspector.inspect(url) == straight
            assert round(straight.size / 1024 / 1024) == 256
        else:
            assert (await failure(inspector.inspect(url))).code is F.INVALID_REQUEST


async def test_another_content_at_the_same_address_is_another_lora(studio: Studio) -> None:
    """The fingerprint follows the content."""
    async with guarded_client(frozenset({studio.url})) as client:
        inspector = SafetensorsLoraInspector(client)
        before: Any = await inspector.inspect(studio.lora_url())
        studio.lora_version(2)
        after: Any = await inspector.inspect(studio.lora_url())
    assert (before.size, before.dialect) == (after.size, after.dialect)
    assert before.fingerprint != after.fingerprint
