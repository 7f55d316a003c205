from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pydantic import SecretStr

from models.enums import FailureCode
from providers.clients import vendor_client
from providers.errors import Delivery, ProviderError
from providers.http_errors import calling, code_of_status, delivery_of_answer, redact, retry_after_s
from tests.providers.wire import DROP, HANG, Received, reply, serving


@pytest.mark.parametrize(
    ("status", "vendor_error", "delivery"),
    [
        (302, False, Delivery.NOTHING_BOUGHT),
        (400, False, Delivery.NOTHING_BOUGHT),
        (403, True, Delivery.NOTHING_BOUGHT),
        (429, False, Delivery.NOTHING_BOUGHT),
        (500, True, Delivery.NOTHING_BOUGHT),
        (504, True, Delivery.NOTHING_BOUGHT),
        (500, False, Delivery.ANSWER_LOST),
        (502, False, Delivery.ANSWER_LOST),
        (200, False, Delivery.ANSWER_LOST),
        (200, True, Delivery.ANSWER_LOST),
    ],
)
def test_what_an_answer_proves_of_a_paid_post(status: int, vendor_error: bool, delivery: Delivery) -> None:
    """A refusal proves that nothing was bought; a gateway's word on a 5xx proves nothing."""
    assert delivery_of_answer(status, vendor_error=vendor_error) is delivery


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (302, FailureCode.INVALID_REQUEST),
        (400, FailureCode.INVALID_REQUEST),
        (401, FailureCode.UNAUTHORIZED),
        (402, FailureCode.OUT_OF_CREDIT),
        (404, FailureCode.NOT_FOUND),
        (408, FailureCode.PROVIDER_UNAVAILABLE),
        (422, FailureCode.INVALID_REQUEST),
        (429, FailureCode.RATE_LIMITED),
        (500, FailureCode.PROVIDER_UNAVAILABLE),
        (599, FailureCode.PROVIDER_UNAVAILABLE),
        (204, FailureCode.UNKNOWN),
    ],
)
def test_the_code_of_a_bare_status(status: int, code: FailureCode) -> None:
    """Without a vendor code the HTTP status decides."""
    assert code_of_status(status) is code


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), (" 0 ", 0.0), ("1.5", 1.5), ("9" * 400, 86_400.0), ("", None), ("soon", None), ("-3", None)],
)
def test_retry_after_in_seconds(value: str, seconds: float | None) -> None:
    """Seconds are read; what cannot be read is no wish."""
    assert retry_after_s({"Retry-After": value}) == seconds


def test_retry_after_as_a_date() -> None:
    """An HTTP date becomes the seconds until then, never less than zero; no header is no wish."""
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert retry_after_s({"retry-after": later}) == pytest.approx(90, abs=5)
    assert retry_after_s({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0
    assert retry_after_s({}) is None


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("GET https://a.b/c.mp4?X-Sig=1&k=2 failed", "GET https://a.b/c.mp4 failed"),
        ('{"url":"https://a.b/c?t=1"}', '{"url":"https://a.b/c"}'),
        ("see https://user:word@a.b/c#frag", "see https://a.b/c"),
        ("Authorization: Key 1234-5678:abcdef refused", "Authorization: Key *** refused"),
        ("Bearer eyJhbGciOi.J9.sig", "Bearer ***"),
        ("bad s3cret-value here", "bad *** here"),
        ("two\n  lines", "two lines"),
        ("x" * 400, "x" * 299 + "…"),
    ],
)
def test_words_for_operators_hold_no_secret(text: str, clean: str) -> None:
    """Query strings, URL credentials, keys and tokens go; the rest is cut to one line of 300 characters."""
    assert redact(text, SecretStr("s3cret-value"), SecretStr("")) == clean


async def _call(url: str, *, paid: bool, timeout_s: float = 0.3) -> ProviderError:
    async with vendor_client(connect_timeout_s=0.2) as http:
        with pytest.raises(ProviderError) as caught:
            async with calling("vendor", paid=paid, timeout_s=timeout_s):
                await http.post(url)
    assert caught.value.__cause__ is None
    return caught.value


@pytest.mark.parametrize("raw", [DROP, HANG, b"nonsense\r\n\r\n"])
async def test_a_paid_request_that_may_have_arrived_is_lost(raw: bytes) -> None:
    """A dropped connection, silence and a garbled answer leave the purchase in doubt; a free call is just repeated."""

    def handler(_: Received) -> bytes:
        return raw

    async with serving(handler) as wire:
        paid = await _call(wire.url, paid=True)
        free = await _call(wire.url, paid=False)
    assert (paid.code, paid.delivery) == (FailureCode.OUTCOME_UNKNOWN, Delivery.ANSWER_LOST)
    assert (free.code, free.delivery) == (FailureCode.PROVIDER_UNAVAILABLE, Delivery.NOTHING_BOUGHT)
    assert len(wire.received) == 2


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://no-such-host.invalid/", "https://127.0.0.1:1/", "ftp://127.0.0.1/"]
)
async def test_a_paid_request_that_never_left_bought_nothing(url: str) -> None:
    """Refused connections, unknown names and impossible URLs are safe to try again."""
    error = await _call(url, paid=True, timeout_s=5)
    assert (error.code, error.delivery) == (FailureCode.PROVIDER_UNAVAILABLE, Delivery.NOTHING_BOUGHT)


async def test_a_failed_tls_handshake_bought_nothing() -> None:
    """No request goes out before the handshake is done."""

    def handler(_: Received) -> bytes:
        return reply(200)

    async with serving(handler) as wire:
        error = await _call(wire.url.replace("http:", "https:"), paid=True, timeout_s=5)
    assert (error.code, error.delivery) == (FailureCode.PROVIDER_UNAVAILABLE, Delivery.NOTHING_BOUGHT)
    assert wire.received == []
