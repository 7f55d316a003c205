"""Lipsync by sync.so: plain HTTP, because its SDK hides response headers and error codes."""

import re
from hashlib import sha256

import httpx
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from domain.prices import lipsync_cost
from models.enums import FailureCode, Provider
from models.requests import LipsyncRequest
from providers.errors import Delivery, ProviderError
from providers.http_errors import answer_lost, calling, gone, parse, redact, refusal, unreadable
from providers.ports import Finished, UrlOf, Waiting

VENDOR = Provider.SYNC.value

_FAILURES = {
    FailureCode.RATE_LIMITED: "rate_limit_exceeded concurrency_limit_reached",
    FailureCode.TIMED_OUT: "generation_timeout generation_media_probe_timeout controller_timeout",
    FailureCode.PROVIDER_UNAVAILABLE: (
        "generation_infra_storage_error generation_infra_resource_exhausted generation_infra_service_unavailable "
        "generation_database_error generation_media_probe_unavailable controller_unavailable "
        "controller_dependency_error internal_error usage_dependency_unavailable elevenlabs_service_unavailable "
        "generation_pipeline_failed generation_unknown_error generation_unhandled_error"
    ),
    FailureCode.NOT_FOUND: (
        "generation_not_found generation_input_video_inaccessible generation_input_audio_inaccessible "
        "generation_input_image_inaccessible"
    ),
    FailureCode.MEDIA_INVALID: (
        "generation_input_video_invalid generation_input_audio_invalid generation_media_metadata_missing "
        "generation_input_resolution_unsupported generation_input_face_selection_invalid"
    ),
    FailureCode.OUT_OF_CREDIT: (
        "account_payment_required account_on_hold free_tier_generations_exhausted plan_feature_unavailable "
        "generation_plan_duration_exceeded"
    ),
    FailureCode.INVALID_REQUEST: (
        "generation_unsupported_model generation_input_validation_failed generation_input_segments_invalid "
        "generation_input_trim_invalid generation_input_too_many_visual generation_input_asset_type_mismatch "
        "generation_input_duration_greater_than_max_duration generation_model_duration_exceeded "
        "generation_audio_length_exceeded generation_text_length_exceeded generation_audio_missing "
        "generation_video_missing invalid_generation_id unsupported_generation_id_format generation_conflict "
        "INVALID_IDEMPOTENCY_KEY"
    ),
}
_CODES = {vendor_code: code for code, vendor_codes in _FAILURES.items() for vendor_code in vendor_codes.split()}

# Ended jobs that may well work when bought again: sync.so's transient class, and inputs that it could not fetch,
# because every purchase mints new URLs.
_RESUBMIT_CODES = (FailureCode.PROVIDER_UNAVAILABLE, FailureCode.TIMED_OUT, FailureCode.NOT_FOUND)

_Code = Field(default=None, validation_alias=AliasChoices("errorCode", "error_code"))


class _Error(BaseModel):
    message: str | list[str]
    status_code: int | None = Field(default=None, alias="statusCode")
    error_code: str | None = _Code
    generation_id: str | None = Field(default=None, alias="generationId")
    retry_after_s: float | None = Field(default=None, alias="retryAfterSeconds")


class _Generation(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    id: str
    status: str = ""
    error: str | None = None
    error_code: str | None = _Code
    output_url: str | None = Field(default=None, validation_alias=AliasChoices("outputUrl", "outputMediaUrl"))
    output_file_name: str | None = Field(default=None, alias="outputFileName")
    output_duration: float | None = Field(default=None, alias="outputDuration")


_Generations = TypeAdapter(list[_Generation])


class SyncLipsyncProvider:
    """sync.so's generations. `timeout_s` bounds each call in seconds.

    The key travels as `Idempotency-Key` and as the output's file name. A repeated submit brings new URLs, so sync.so
    answers with a conflict and never with a second job; the file name then finds the first one.
    """

    provider = Provider.SYNC

    def __init__(self, http: httpx.AsyncClient, *, base_url: str, key: SecretStr, timeout_s: float = 60.0) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._key = key
        self._timeout_s = timeout_s

    async def submit(self, request: LipsyncRequest, *, key: str, url_of: UrlOf, callback_url: str | None = None) -> str:
        """Buy one lipsync and return its generation id; that of the earlier job when `key` was used before."""
        name = _name_of(key)
        body = _body(request, name, url_of) | ({"webhookUrl": callback_url} if callback_url else {})
        response = await self._send("POST", "/v2/generate", paid=True, key=name, body=body)
        error = parse(_Error, response.content)
        if error and (error.error_code or "").startswith("IDEMPOTENCY_"):
            earlier = error.generation_id or await self._find(name)
            if earlier is None:
                raise answer_lost(VENDOR, f"{error.error_code}: the key was used, its job is not listed")
            return earlier
        if not response.is_success:
            raise self._refused(response, paid=True)
        generation = parse(_Generation, response.content)
        if generation is None:
            raise unreadable(VENDOR, paid=True, status=response.status_code)
        return generation.id

    async def recover(self, request: LipsyncRequest, *, key: str, url_of: UrlOf) -> str | None:
        """Find the generation by its file name; None when none is listed.

        None is safe even while the vendor is still at work on the lost request: the next submit bears the same key.
        """
        return await self._find(_name_of(key))

    async def poll(self, request: LipsyncRequest, request_id: str) -> Waiting | Finished:
        """Ask once. A status that is not known yet counts as waiting."""
        response = await self._send("GET", f"/v2/generate/{request_id}", paid=False)
        if not response.is_success:
            raise self._refused_poll(response)
        generation = parse(_Generation, response.content)
        if generation is None:
            raise unreadable(VENDOR, paid=False, status=response.status_code)
        if generation.status in ("FAILED", "REJECTED"):
            raise self._ended(generation)
        if generation.status != "COMPLETED":
            return Waiting(generation.status.lower())
        cost = _cost(request.model, generation.output_duration)
        if not generation.output_url:
            raise ProviderError(
                FailureCode.MEDIA_INVALID,
                f"{VENDOR}: completed without an output",
                delivery=Delivery.JOB_ENDED,
                charged=True,
                actual_cost_micros=cost,
            )
        return Finished(generation.output_url, actual_cost_micros=cost)

    async def cancel(self, request: LipsyncRequest, request_id: str) -> None:
        """sync.so has no cancel: nothing is done."""

    async def check(self) -> str:
        """List the waiting generations: free, and proves address and key."""
        response = await self._send("GET", "/v2/generations?status=PENDING", paid=False)
        if not response.is_success:
            raise self._refused(response, paid=False)
        return "sync: the API answers and accepts the key"

    async def _find(self, name: str) -> str | None:
        response = await self._send("GET", "/v2/generations", paid=False)
        if not response.is_success:
            raise self._refused(response, paid=False)
        try:
            generations = _Generations.validate_json(response.content)
        except ValidationError:
            raise unreadable(VENDOR, paid=False, status=response.status_code) from None
        names = (name, f"{name}.mp4")
        return next((generation.id for generation in generations if generation.output_file_name in names), None)

    async def _send(
        self, method: str, path: str, *, paid: bool, key: str | None = None, body: dict[str, object] | None = None
    ) -> httpx.Response:
        headers = {"x-api-key": self._key.get_secret_value()} | ({"Idempotency-Key": key} if key else {})
        async with calling(VENDOR, paid=paid, timeout_s=self._timeout_s):
            return await self._http.request(
                method,
                self._base_url + path,
                json=body,
                headers=headers,
                timeout=self._timeout_s,
                follow_redirects=False,
            )

    def _refused(self, response: httpx.Response, *, paid: bool) -> ProviderError:
        body = parse(_Error, response.content)
        vendor_code = body.error_code if body else None
        words = body.message if body else response.text
        error = refusal(
            VENDOR,
            response.status_code,
            redact(words if isinstance(words, str) else "; ".join(words), self._key),
            code=_CODES.get(vendor_code or ""),
            paid=paid,
            # a bare message is what API gateways answer with; sync.so's own errors carry one of these
            vendor_error=body is not None and bool(body.status_code or body.error_code),
            vendor_code=vendor_code,
            headers=response.headers,
        )
        if body and error.retry_after_s is None:
            error.retry_after_s = body.retry_after_s
        return error

    def _refused_poll(self, response: httpx.Response) -> ProviderError:
        error = self._refused(response, paid=False)
        return gone(error) if error.vendor_code == "generation_not_found" else error

    def _ended(self, generation: _Generation) -> ProviderError:
        """REJECTED never ran: moderation, unless its code names another reason, and never worth buying again.

        sync.so bills frames of output: neither is charged.
        """
        rejected = generation.status == "REJECTED"
        code = _CODES.get(generation.error_code or "", FailureCode.UNKNOWN)
        if rejected and generation.error_code in (None, "generation_input_validation_failed"):
            code = FailureCode.CONTENT_REFUSED  # a malformed request is refused at once, with a 400
        return ProviderError(
            code,
            redact(f"{VENDOR}: {generation.status}: {generation.error or generation.error_code or ''}", self._key),
            delivery=Delivery.JOB_ENDED,
            vendor_code=generation.error_code,
            resubmit=not rejected and code in _RESUBMIT_CODES,
        )


def _cost(model: str, output_s: float | None) -> int | None:
    """What the output costs, which sync.so bills by its frames; None when it does not say how long it is."""
    return None if output_s is None else lipsync_cost(model, output_s)


def _name_of(key: str) -> str:
    """The key as sync.so accepts it both as a file name and as an idempotency key (128 of `[A-Za-z0-9_-]`)."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]{1,128}", key) else sha256(key.encode()).hexdigest()


def _body(request: LipsyncRequest, name: str, url_of: UrlOf) -> dict[str, object]:
    return {
        "model": request.model,
        "input": [
            {"type": "video", "url": url_of(request.video)},
            {"type": "audio", "url": url_of(request.audio)},
        ],
        "options": {"sync_mode": request.sync_mode.value},
        "outputFileName": name,
    }
