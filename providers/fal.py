"""fal.ai's queue: submit, status, result and cancel, each as exactly one HTTP request."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import fal_client.client
import httpx
from asyncstdlib import cached_property
from pydantic import BaseModel, SecretStr

from domain.prices import fal_cost
from models.enums import FailureCode, Provider
from providers.errors import Delivery, ProviderError
from providers.http_errors import answer_lost, calling, code_of_status, gone, parse, redact, refusal, unreadable
from providers.ports import Waiting

# The SDK would send a paid POST up to ten times (on timeouts and dropped connections too): Temporal alone retries.
fal_client.client.MAX_ATTEMPTS = 1

VENDOR = Provider.FAL.value

# HTTP statuses that mean something of fal's own. 403 says "User is locked" (balance exhausted, admin lock) without
# any code, and a bad key is always 401: so every 403 is a locked account.
_STATUS_CODES = {403: FailureCode.OUT_OF_CREDIT}

# error_type of platform errors and `type` of model errors (docs.fal.ai/errors).
_TYPE_CODES = {
    "content_policy_violation": FailureCode.CONTENT_REFUSED,
    "file_download_error": FailureCode.NOT_FOUND,
    "no_media_generated": FailureCode.MEDIA_INVALID,
    "image_load_error": FailureCode.MEDIA_INVALID,
    "image_too_small": FailureCode.MEDIA_INVALID,
    "image_too_large": FailureCode.MEDIA_INVALID,
    "file_too_large": FailureCode.MEDIA_INVALID,
    "face_detection_error": FailureCode.MEDIA_INVALID,
    "unsupported_image_format": FailureCode.MEDIA_INVALID,
    "unsupported_audio_format": FailureCode.MEDIA_INVALID,
    "unsupported_video_format": FailureCode.MEDIA_INVALID,
    "generation_timeout": FailureCode.TIMED_OUT,
    "request_timeout": FailureCode.TIMED_OUT,
    "startup_timeout": FailureCode.TIMED_OUT,
    "client_disconnected": FailureCode.CANCELED,
    "client_cancelled": FailureCode.CANCELED,
    "bad_request": FailureCode.INVALID_REQUEST,
    "downstream_service_error": FailureCode.PROVIDER_UNAVAILABLE,
    "downstream_service_unavailable": FailureCode.PROVIDER_UNAVAILABLE,
    "internal_server_error": FailureCode.PROVIDER_UNAVAILABLE,
    "internal_error": FailureCode.PROVIDER_UNAVAILABLE,
    "runner_server_error": FailureCode.PROVIDER_UNAVAILABLE,
    "runner_incomplete_response": FailureCode.PROVIDER_UNAVAILABLE,
    "runner_scheduling_failure": FailureCode.PROVIDER_UNAVAILABLE,
    "runner_connection_timeout": FailureCode.PROVIDER_UNAVAILABLE,
    "runner_disconnected": FailureCode.PROVIDER_UNAVAILABLE,
    "runner_connection_refused": FailureCode.PROVIDER_UNAVAILABLE,
    "runner_connection_error": FailureCode.PROVIDER_UNAVAILABLE,
}
_CLIENT_LEFT = 499
_TRANSIENT = (FailureCode.PROVIDER_UNAVAILABLE, FailureCode.TIMED_OUT)

# A request id that no one has: asking for it proves address and key, and costs nothing.
_NO_SUCH_REQUEST = "00000000-0000-4000-8000-000000000000"


class _Issue(BaseModel):
    msg: str = ""
    type: str = ""
    loc: list[str | int] = []


class _ErrorBody(BaseModel):
    detail: str | list[_Issue]
    error_type: str | None = None


@dataclass(frozen=True)
class FalResult:
    """A job's output as the model answered it, and what fal charged for it, when it tells."""

    content: bytes
    actual_cost_micros: int | None


class _QueueTransport(httpx.AsyncBaseTransport):
    """Sends what the SDK addresses to its fixed https host to `base_url`, through the shared client."""

    def __init__(self, http: httpx.AsyncClient, base_url: str) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/") + "/"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = str(request.url).removeprefix(fal_client.client.QUEUE_URL_FORMAT)
        url = httpx.URL(self._base_url + path)
        headers = request.headers.copy()
        headers["Host"] = url.netloc.decode("ascii")
        sent = httpx.Request(request.method, url, headers=headers, stream=request.stream, extensions=request.extensions)
        return await self._http.send(sent, stream=True, follow_redirects=False)


class FalQueue(fal_client.AsyncClient):
    """The SDK's client on our own connection pool and base URL, without retries, raising `ProviderError`.

    `timeout_s` bounds each single call in seconds.
    """

    def __init__(self, http: httpx.AsyncClient, *, base_url: str, key: SecretStr, timeout_s: float = 60.0) -> None:
        super().__init__(key=key.get_secret_value(), default_timeout=timeout_s)
        self._secrets = (key, SecretStr(key.get_secret_value().rpartition(":")[2]))
        self._http = httpx.AsyncClient(
            transport=_QueueTransport(http, base_url),
            headers={"Authorization": f"Key {key.get_secret_value()}"},
            trust_env=False,
        )

    @cached_property(asyncio.Lock)
    async def _client(self: fal_client.AsyncClient) -> httpx.AsyncClient:  # the base's type: the descriptor's invariant
        return cast(FalQueue, self)._http

    async def buy(self, application: str, arguments: Mapping[str, object], callback_url: str | None = None) -> str:
        """Submit one paid job and return its request id; fal announces its end at `callback_url`."""
        try:
            async with calling(VENDOR, paid=True, timeout_s=self.default_timeout):
                handle = await self.submit(application, dict(arguments), webhook_url=callback_url)
        except fal_client.FalClientHTTPError as error:
            raise self._refused(error.response, paid=True) from None
        except (KeyError, TypeError, ValueError):  # a 200 that is no submit body
            raise answer_lost(VENDOR, "the answer to the submit cannot be read") from None
        return handle.request_id

    async def fetch(self, application: str, request_id: str) -> Waiting | FalResult:
        """Ask for the status once and, when completed, for the result once.

        Raises `ProviderError` with `Delivery.JOB_ENDED` when the job ended without a result.
        """
        try:
            async with calling(VENDOR, paid=False, timeout_s=self.default_timeout):
                handle = await self.get_handle(application, request_id)
                status = await handle.status()
        except fal_client.FalClientHTTPError as error:
            raise self._refused_poll(error.response) from None
        except (KeyError, TypeError, ValueError):
            raise unreadable(VENDOR, paid=False, status=200) from None
        if isinstance(status, fal_client.Queued):
            return Waiting(f"queue position {status.position}")
        if not isinstance(status, fal_client.Completed):
            return Waiting("in progress")
        async with calling(VENDOR, paid=False, timeout_s=self.default_timeout):
            response = await self._http.get(handle.response_url, timeout=self.default_timeout)
        if response.is_success and not status.error:
            units = _billable_units(response)
            return FalResult(response.content, None if units is None else fal_cost(application, units))
        raise self._ended(application, response, status)

    async def stop(self, application: str, request_id: str) -> None:
        """Ask the queue to cancel; success when the job is already over (400) or gone (404)."""
        try:
            async with calling(VENDOR, paid=False, timeout_s=self.default_timeout):
                await self.cancel(application, request_id)
        except fal_client.FalClientHTTPError as error:
            if error.status_code not in (400, 404):
                raise self._refused(error.response, paid=False) from None

    async def check(self) -> str:
        """Ask for a request that does not exist: 404 proves address and key."""
        try:
            async with calling(VENDOR, paid=False, timeout_s=self.default_timeout):
                handle = await self.get_handle("fal-ai/flux", _NO_SUCH_REQUEST)
                await handle.status()
        except fal_client.FalClientHTTPError as error:
            if error.status_code != 404:
                raise self._refused(error.response, paid=False) from None
        except (KeyError, TypeError, ValueError):
            raise unreadable(VENDOR, paid=False, status=200) from None
        return "fal: the queue answers and accepts the key"

    def _refused(self, response: httpx.Response, *, paid: bool) -> ProviderError:
        body = parse(_ErrorBody, response.content)
        vendor_code = _type_of(response, body)
        return refusal(
            VENDOR,
            response.status_code,
            redact(_message_of(response, body), *self._secrets),
            code=_STATUS_CODES.get(response.status_code) or _TYPE_CODES.get(vendor_code or ""),
            paid=paid,
            vendor_error=body is not None,
            vendor_code=vendor_code,
            headers=response.headers,
        )

    def _refused_poll(self, response: httpx.Response) -> ProviderError:
        """A request id that the queue itself no longer knows has no result to wait for."""
        error = self._refused(response, paid=False)
        return gone(error) if error.status == 404 and parse(_ErrorBody, response.content) else error

    def _ended(self, application: str, response: httpx.Response, status: fal_client.Completed) -> ProviderError:
        """The error of a completed job without a result; the result's own status and body say why.

        Where the status names no error, a gateway's page, a 401, 403 or 429 speak of this request and not of the job:
        asking again is right.
        """
        body = parse(_ErrorBody, response.content)
        if not status.error and (body is None or response.status_code in (401, 403, 429)):
            return self._refused(response, paid=False)
        vendor_code = _type_of(response, body) or status.error_type
        failed = 500 if response.is_success else response.status_code
        code = _TYPE_CODES.get(vendor_code or "") or code_of_status(failed)
        words = _message_of(response, body) or status.error or "failed without a message"
        retryable = response.headers.get("x-fal-retryable", "").lower()
        units = _billable_units(response)
        return ProviderError(
            code,
            redact(f"{VENDOR}: HTTP {response.status_code}: {words}", *self._secrets),
            delivery=Delivery.JOB_ENDED,
            status=response.status_code,
            vendor_code=vendor_code,
            resubmit=retryable == "true" if retryable in ("true", "false") else code in _TRANSIENT,
            charged=_was_charged(response, body, code) if units is None else units > 0,
            actual_cost_micros=None if units is None else fal_cost(application, units),
        )


def _billable_units(response: httpx.Response) -> float | None:
    """What fal charges for the job, in the unit that its model is priced in; None when it does not say."""
    value = response.headers.get("x-fal-billable-units", "").strip()
    return float(value) if re.fullmatch(r"\d+(\.\d+)?", value) else None


def _was_charged(response: httpx.Response, body: _ErrorBody | None, code: FailureCode) -> bool | None:
    """Whether a job that ended without a result was charged, where fal states no units; None when that is open.

    fal charges for no server error and no wait in the queue (docs.fal.ai, Pricing), but may for a model that refused
    only after its work.
    """
    status = response.status_code
    if body is None or response.is_success:  # the answer is not the model's: only the kind of the error is known
        return False if code in (*_TRANSIENT, FailureCode.CANCELED) else None
    if status in (400, _CLIENT_LEFT) or status >= 500:
        return False
    return True if status == 422 else None


def _type_of(response: httpx.Response, body: _ErrorBody | None) -> str | None:
    if body and isinstance(body.detail, list) and body.detail and body.detail[0].type:
        return body.detail[0].type
    return (body and body.error_type) or response.headers.get("x-fal-error-type")


def _message_of(response: httpx.Response, body: _ErrorBody | None) -> str:
    if body is None:
        return response.text
    if isinstance(body.detail, str):
        return body.detail
    return "; ".join(f"{'.'.join(map(str, issue.loc))}: {issue.msg}" for issue in body.detail)
