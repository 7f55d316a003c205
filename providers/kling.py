"""Clips by Kling's own API: plain HTTP with a JWT minted per request."""

import re
import time

import httpx
import jwt
from pydantic import BaseModel, SecretStr

from domain.prices import kling_cost
from domain.video_models import VIDEO_MODELS
from models.enums import FailureCode, Provider
from models.requests import VideoRequest
from providers.errors import Delivery, ProviderError
from providers.http_errors import answer_lost, calling, gone, parse, redact, refusal, unreadable
from providers.ports import Finished, UrlOf, Waiting

VENDOR = Provider.KLING.value

_JOBS = "/v1/videos/image2video"
_TOKEN_LIFE_S = 1800
_CLOCK_SKEW_S = 5

# Kling's service codes; they decide, not the HTTP status (running out of money is a 429).
_CODES = {
    1000: FailureCode.UNAUTHORIZED,
    1001: FailureCode.UNAUTHORIZED,
    1002: FailureCode.UNAUTHORIZED,
    1003: FailureCode.PROVIDER_UNAVAILABLE,  # token not yet valid: a fresh one is minted for the next request
    1004: FailureCode.PROVIDER_UNAVAILABLE,  # token expired: likewise
    1100: FailureCode.OUT_OF_CREDIT,
    1101: FailureCode.OUT_OF_CREDIT,
    1102: FailureCode.OUT_OF_CREDIT,
    1103: FailureCode.UNAUTHORIZED,
    1200: FailureCode.INVALID_REQUEST,
    1201: FailureCode.INVALID_REQUEST,
    1202: FailureCode.INVALID_REQUEST,
    1203: FailureCode.NOT_FOUND,
    1300: FailureCode.CONTENT_REFUSED,
    1301: FailureCode.CONTENT_REFUSED,
    1302: FailureCode.RATE_LIMITED,
    1303: FailureCode.RATE_LIMITED,
    1304: FailureCode.UNAUTHORIZED,
    5000: FailureCode.PROVIDER_UNAVAILABLE,
    5001: FailureCode.PROVIDER_UNAVAILABLE,
    5002: FailureCode.PROVIDER_UNAVAILABLE,
}
_INVALID_PARAMETERS = "1201"  # also the answer to an external id that is taken
_NO_TASK = "1203"


class _Video(BaseModel):
    url: str


class _TaskResult(BaseModel):
    videos: list[_Video] = []


class _Task(BaseModel):
    task_id: str
    task_status: str
    task_status_msg: str | None = None
    task_result: _TaskResult | None = None
    final_unit_deduction: str | float | None = None

    def actual_cost_micros(self) -> int | None:
        """What Kling says that it deducted for the task; None when it does not say."""
        units = str(self.final_unit_deduction)
        return kling_cost(float(units)) if re.fullmatch(r"\d+(\.\d+)?", units) else None


class _Envelope(BaseModel):
    code: int
    message: str = ""


class _TaskEnvelope(_Envelope):
    data: _Task


class KlingVideoProvider:
    """Kling's image-to-video in mode `pro` without sound. `timeout_s` bounds each call in seconds.

    The key is sent as `external_task_id`, unique per account: a job whose answer was lost is found by it.
    """

    provider = Provider.KLING

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        base_url: str,
        access_key: SecretStr,
        secret_key: SecretStr,
        timeout_s: float = 60.0,
    ) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._access_key = access_key
        self._secret_key = secret_key
        self._timeout_s = timeout_s

    async def submit(self, request: VideoRequest, *, key: str, url_of: UrlOf, callback_url: str | None = None) -> str:
        """Buy one clip and return its task id; that of the earlier job when `key` is taken.

        `callback_url` is not sent: Kling's callbacks are unsigned.
        """
        try:
            response = await self._call("POST", _JOBS, paid=True, body=_body(request, key, url_of))
        except ProviderError as error:
            if error.vendor_code == _INVALID_PARAMETERS and (earlier := await self._find(key)):
                return earlier
            raise
        envelope = parse(_TaskEnvelope, response.content)
        if envelope is None:
            raise unreadable(VENDOR, paid=True, status=response.status_code)
        return envelope.data.task_id

    async def recover(self, request: VideoRequest, *, key: str, url_of: UrlOf) -> str | None:
        """Find the task by its external id; None only when Kling says that there is none.

        Raises `outcome_unknown` when Kling refuses the question itself. None is safe even while the vendor is still at
        work on the lost request: the next submit bears the same id, which can be used but once.
        """
        try:
            return await self._find(key)
        except ProviderError as error:
            if error.vendor_code == _INVALID_PARAMETERS:
                raise answer_lost(VENDOR, f"cannot tell whether the task was created: {error.detail}") from None
            raise

    async def poll(self, request: VideoRequest, request_id: str) -> Waiting | Finished:
        """Ask once. A failed task carries no code, only a message: the job ended as `unknown`."""
        try:
            task = await self._task(request_id)
        except ProviderError as error:
            if error.vendor_code == _NO_TASK:
                raise gone(error) from None
            raise
        cost = task.actual_cost_micros()
        if task.task_status == "failed":
            words = task.task_status_msg or "the task failed without a message"
            raise self._ended(FailureCode.UNKNOWN, words, cost, charged=None if cost is None else cost > 0)
        if task.task_status != "succeed":
            return Waiting(task.task_status)
        if not task.task_result or not task.task_result.videos:
            raise self._ended(FailureCode.MEDIA_INVALID, "the task succeeded without a video", cost, charged=True)
        return Finished(task.task_result.videos[0].url, actual_cost_micros=cost)

    async def cancel(self, request: VideoRequest, request_id: str) -> None:
        """Kling has no cancel: nothing is done."""

    async def check(self) -> str:
        """List one task: free, and proves address and keys."""
        await self._call("GET", f"{_JOBS}?pageNum=1&pageSize=1", paid=False)
        return "kling: the API answers and accepts the keys"

    async def _find(self, key: str) -> str | None:
        try:
            return (await self._task(key)).task_id
        except ProviderError as error:
            if error.vendor_code == _NO_TASK:
                return None
            raise

    async def _task(self, task_or_external_id: str) -> _Task:
        response = await self._call("GET", f"{_JOBS}/{task_or_external_id}", paid=False)
        envelope = parse(_TaskEnvelope, response.content)
        if envelope is None:
            raise unreadable(VENDOR, paid=False, status=response.status_code)
        return envelope.data

    async def _call(
        self, method: str, path: str, *, paid: bool, body: dict[str, object] | None = None
    ) -> httpx.Response:
        async with calling(VENDOR, paid=paid, timeout_s=self._timeout_s):
            response = await self._http.request(
                method,
                self._base_url + path,
                json=body,
                headers={"Authorization": f"Bearer {self._token()}"},
                timeout=self._timeout_s,
                follow_redirects=False,
            )
        envelope = parse(_Envelope, response.content)
        if response.is_success and envelope is None:
            raise unreadable(VENDOR, paid=paid, status=response.status_code)
        if response.is_success and envelope and envelope.code == 0:
            return response
        raise refusal(
            VENDOR,
            # a refusal that travels as HTTP 200 is one all the same
            400 if response.is_success else response.status_code,
            redact(envelope.message if envelope else response.text, self._access_key, self._secret_key),
            code=_CODES.get(envelope.code) if envelope else None,
            paid=paid,
            vendor_error=envelope is not None,
            vendor_code=str(envelope.code) if envelope else None,
            headers=response.headers,
        )

    def _token(self) -> str:
        now = int(time.time())
        claims = {"iss": self._access_key.get_secret_value(), "exp": now + _TOKEN_LIFE_S, "nbf": now - _CLOCK_SKEW_S}
        return jwt.encode(claims, self._secret_key.get_secret_value(), algorithm="HS256")

    def _ended(self, code: FailureCode, detail: str, cost: int | None, *, charged: bool | None) -> ProviderError:
        words = redact(f"{VENDOR}: {detail}", self._access_key, self._secret_key)
        return ProviderError(code, words, delivery=Delivery.JOB_ENDED, charged=charged, actual_cost_micros=cost)


def check_length(provider: Provider, request: VideoRequest) -> None:
    """Raises `invalid_request` for a clip length that the model does not make: vendors say so only after queueing."""
    model = VIDEO_MODELS.get((provider, request.model))
    if model and request.seconds not in model.durations:
        allowed = ", ".join(map(str, model.durations))
        raise ProviderError(
            FailureCode.INVALID_REQUEST,
            f"{provider}: {request.model} makes clips of {allowed} s, not {request.seconds} s",
        )


def _body(request: VideoRequest, key: str, url_of: UrlOf) -> dict[str, object]:
    check_length(Provider.KLING, request)
    body: dict[str, object] = {
        "model_name": request.model,
        "image": url_of(request.start_image),
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "mode": "pro",
        "sound": "off",
        "duration": str(request.seconds),
        "external_task_id": key,
    }
    if request.end_image:
        body["image_tail"] = url_of(request.end_image)
    return body
