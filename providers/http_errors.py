"""What all adapters share: bounding one call, what its failure proves, and words fit for operators."""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from models.enums import FailureCode
from providers.errors import Delivery, ProviderError

ModelT = TypeVar("ModelT", bound=BaseModel)

DETAIL_CHARACTERS = 300
_DAY_S = 86_400.0

# Raised before a byte of the request has left. A write that failed is not here: the vendor may have all it needs.
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)

_CODES = {
    401: FailureCode.UNAUTHORIZED,
    402: FailureCode.OUT_OF_CREDIT,
    403: FailureCode.UNAUTHORIZED,
    404: FailureCode.NOT_FOUND,
    408: FailureCode.PROVIDER_UNAVAILABLE,
    410: FailureCode.NOT_FOUND,
    429: FailureCode.RATE_LIMITED,
}


def code_of_status(status: int) -> FailureCode:
    """What an HTTP status says when the vendor gives no code of its own."""
    if status in _CODES:
        return _CODES[status]
    if 300 <= status < 500:  # a redirect too: the base URL is wrong, and a paid POST is never sent on
        return FailureCode.INVALID_REQUEST
    return FailureCode.PROVIDER_UNAVAILABLE if status >= 500 else FailureCode.UNKNOWN


def delivery_of_answer(status: int, *, vendor_error: bool) -> Delivery:
    """What an answer other than success proves of a paid POST.

    - 3xx and 4xx: refused, by the vendor or by a gateway before it; no vendor creates a job and answers so.
    - 5xx with the vendor's documented JSON error (`vendor_error`): refused, the vendor's own code says it failed.
    - 5xx with anything else (a proxy's page, nothing): the gateway gave up on a vendor that may still have created
      the job. Likewise a 2xx that cannot be read.
    """
    if 300 <= status < 500 or (status >= 500 and vendor_error):
        return Delivery.NOTHING_BOUGHT
    return Delivery.ANSWER_LOST


def refusal(
    vendor: str,
    status: int,
    message: str,
    *,
    code: FailureCode | None = None,
    paid: bool,
    vendor_error: bool,
    vendor_code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> ProviderError:
    """The error of an answer other than success; `code` is what the vendor's own code means, where it is known.

    A 2xx given here is one that could not be read.
    """
    if 200 <= status < 300:
        return unreadable(vendor, paid=paid, status=status)
    delivery = delivery_of_answer(status, vendor_error=vendor_error) if paid else Delivery.NOTHING_BOUGHT
    if delivery is Delivery.ANSWER_LOST:
        return answer_lost(vendor, f"HTTP {status}: {message}", status=status)
    return ProviderError(
        code or code_of_status(status),
        redact(f"{vendor}: HTTP {status}: {message}"),
        delivery=delivery,
        retry_after_s=retry_after_s(headers or {}),
        status=status,
        vendor_code=vendor_code,
    )


def answer_lost(vendor: str, why: str, *, status: int | None = None) -> ProviderError:
    """The paid request may have left and no readable answer came back."""
    return ProviderError(
        FailureCode.OUTCOME_UNKNOWN, redact(f"{vendor}: {why}"), delivery=Delivery.ANSWER_LOST, status=status
    )


def unreadable(vendor: str, *, paid: bool, status: int) -> ProviderError:
    """A success whose body is not what the vendor documents: a lost answer when paid for, else worth asking again."""
    why = f"HTTP {status} with a body that cannot be read"
    if paid:
        return answer_lost(vendor, why, status=status)
    return ProviderError(FailureCode.PROVIDER_UNAVAILABLE, f"{vendor}: {why}", status=status)


def gone(error: ProviderError, code: FailureCode | None = None) -> ProviderError:
    """`error` as the end of the job that was asked about: no result will ever come of it.

    Unless it is such an end already, nobody can say whether the job was charged.
    """
    return ProviderError(
        code or error.code,
        error.detail,
        delivery=Delivery.JOB_ENDED,
        status=error.status,
        vendor_code=error.vendor_code,
        resubmit=error.resubmit,
        charged=error.charged if error.delivery is Delivery.JOB_ENDED else None,
        actual_cost_micros=error.actual_cost_micros,
    )


@asynccontextmanager
async def calling(vendor: str, *, paid: bool, timeout_s: float) -> AsyncGenerator[None]:
    """Bound one vendor call to `timeout_s` seconds in all and turn what httpx raises into a `ProviderError`."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
        why = f"{type(error).__name__} {error}".strip()
        if paid and not isinstance(error, _NEVER_SENT):
            raise answer_lost(vendor, why) from None
        raise ProviderError(FailureCode.PROVIDER_UNAVAILABLE, redact(f"{vendor}: {why}")) from None


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds of a `Retry-After` header, given as seconds or as an HTTP date, at most a day; None when unreadable."""
    value = httpx.Headers(headers).get("retry-after", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return min(float(value), _DAY_S)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    seconds = (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(0.0, seconds), _DAY_S)


def redact(text: str, *secrets: SecretStr) -> str:
    """Cut `text` to one line of 300 characters without query strings, URL credentials, keys or tokens."""
    for secret in secrets:
        if secret.get_secret_value():
            text = text.replace(secret.get_secret_value(), "***")
    text = re.sub(r"(?i)\b(https?://)[^\s/@\"'<>]+@", r"\1", text)
    text = re.sub(r"(?i)\b(https?://[^\s?#\"'<>]+)[?#][^\s\"'<>]*", r"\1", text)
    text = re.sub(r"(?i)\b(key|bearer|basic)\s+[\w.:~+/=-]{8,}", r"\1 ***", text)
    text = " ".join(text.split())
    return text if len(text) <= DETAIL_CHARACTERS else text[: DETAIL_CHARACTERS - 1] + "…"


def parse(model: type[ModelT], content: bytes) -> ModelT | None:
    """Read JSON as `model`; None when it is not JSON or not of that shape."""
    try:
        return model.model_validate_json(content)
    except ValidationError:
        return None
