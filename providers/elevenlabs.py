"""Speech by ElevenLabs, through its SDK with retries off."""

import base64
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from math import ceil, isclose

import httpx
from elevenlabs import AsyncElevenLabs, SpeechHistoryItemResponse, VoiceSettings
from elevenlabs.core.api_error import ApiError
from elevenlabs.core.parse_error import ParsingError
from elevenlabs.core.request_options import RequestOptions
from elevenlabs.text_to_speech.client import OMIT
from elevenlabs.types import (
    AudioWithTimestampsResponse,
    CharacterAlignmentResponseModel,
    HistoryAlignmentResponseModel,
)
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from domain.media_types import SNIFF_BYTES, sniff_media_type
from domain.prices import speech_cost
from models.artifacts import Alignment
from models.enums import FailureCode, Provider
from models.requests import SpeechRequest
from providers.errors import Delivery, ProviderError
from providers.http_errors import answer_lost, calling, redact, refusal, unreadable
from providers.ports import SpeechAudio

VENDOR = Provider.ELEVENLABS.value

# `detail.code`, or its older twin `detail.status`. quota_exceeded may come as 401 or 402.
_CODES = {
    "quota_exceeded": FailureCode.OUT_OF_CREDIT,
    "invalid_api_key": FailureCode.UNAUTHORIZED,
    "missing_permissions": FailureCode.UNAUTHORIZED,
    "detected_unusual_activity": FailureCode.UNAUTHORIZED,
    "voice_not_found": FailureCode.NOT_FOUND,
    "max_character_limit_exceeded": FailureCode.INVALID_REQUEST,
    "text_too_long": FailureCode.INVALID_REQUEST,
    "invalid_parameters": FailureCode.INVALID_REQUEST,
    "content_against_policy": FailureCode.CONTENT_REFUSED,
    "rate_limit_exceeded": FailureCode.RATE_LIMITED,
    "system_busy": FailureCode.RATE_LIMITED,
    "concurrent_limit_exceeded": FailureCode.RATE_LIMITED,
    "too_many_concurrent_requests": FailureCode.RATE_LIMITED,
}

_ONCE: RequestOptions = {"max_retries": 0}  # the SDK would send a paid POST up to three times
_HISTORY_PAGE = 1000  # the most that the API gives at once
_HISTORY_PAGES = 10
_CLOCK_SKEW = timedelta(seconds=5)
# The vendor may go on with a request for a while after its sender has gone, and lists speech only when it is spoken.
_SETTLING_TIME = timedelta(seconds=60)


class _Detail(BaseModel):
    code: str | None = None
    status: str | None = None
    message: str = ""


class _Issue(BaseModel):
    loc: list[str | int] = []
    msg: str = ""


class _ErrorBody(BaseModel):
    detail: _Detail | list[_Issue] | str


_ErrorBodies = TypeAdapter(_ErrorBody)


class ElevenLabsSpeechProvider:
    """Text to speech with timestamps. `timeout_s` bounds each call in seconds; long texts take minutes."""

    provider = Provider.ELEVENLABS

    def __init__(self, http: httpx.AsyncClient, *, base_url: str, key: SecretStr, timeout_s: float = 240.0) -> None:
        self._key = key
        self._timeout_s = timeout_s
        self._client = AsyncElevenLabs(
            base_url=base_url, api_key=key.get_secret_value(), timeout=timeout_s, httpx_client=http
        )

    async def synthesize(self, request: SpeechRequest) -> SpeechAudio:
        """Buy the speech: one POST."""
        voice = request.voice
        async with self._calling(paid=True):
            response = await self._client.text_to_speech.with_raw_response.convert_with_timestamps(
                voice.voice_id,
                text=request.text,
                model_id=voice.model,
                voice_settings=VoiceSettings(
                    stability=voice.stability,
                    similarity_boost=voice.similarity,
                    style=voice.style,
                    use_speaker_boost=voice.speaker_boost,
                    speed=voice.speed,
                ),
                seed=OMIT if request.seed is None else request.seed,
                output_format=request.output_format,
                request_options=_ONCE,
            )
            return _speech(response.data, response.headers)

    async def recover(
        self, request: SpeechRequest, *, since: datetime, taken: frozenset[str] = frozenset()
    ) -> SpeechAudio | None:
        """Find audio of the same text, voice, model and settings in the account's history, with what that knows of it.

        Raises `provider_unavailable` when none is listed and the request may still be at work: until the longest that
        `synthesize` would have waited, and a minute more, have passed since then.
        """
        until = since + timedelta(seconds=self._timeout_s) + _SETTLING_TIME
        remaining_s = (until - datetime.now(UTC)).total_seconds()  # taken before the vendor is asked
        item = await self._find(request, since, until, taken)
        if item is not None:
            return await self._adopted(item)
        if remaining_s > 0:
            raise ProviderError(
                FailureCode.PROVIDER_UNAVAILABLE,
                f"{VENDOR}: the speech is not in the history yet",
                retry_after_s=remaining_s,
            )
        return None

    async def check(self) -> str:
        """Ask for the subscription: free, and proves address and key."""
        async with self._calling(paid=False):
            plan = await self._client.user.subscription.get(request_options=_ONCE)
            return f"elevenlabs: plan {plan.tier}, {plan.character_count:,} of {plan.character_limit:,} credits used"

    async def check_voice(self, voice_id: str, model: str) -> str:
        """Ask for the voice; a professional clone speaks only with the models that it was fine-tuned for."""
        async with self._calling(paid=False):
            voice = await self._client.voices.get(voice_id, request_options=_ONCE)
            states = (voice.fine_tuning.state if voice.fine_tuning else None) or {}
            name, category = voice.name or voice_id, voice.category or "unknown"
        if category == "professional" and states.get(model) != "fine_tuned":
            state = states.get(model, "not_started")
            problem = f"{VENDOR}: the professional clone {name!r} is not tuned for {model}: {state}"
            raise ProviderError(FailureCode.INVALID_REQUEST, problem)
        return f"{name} ({category})"

    async def _adopted(self, item: SpeechHistoryItemResponse) -> SpeechAudio:
        async with self._calling(paid=False):
            chunks = [
                chunk async for chunk in self._client.history.get_audio(item.history_item_id, request_options=_ONCE)
            ]
            audio = b"".join(chunks)
            if sniff_media_type(audio[:SNIFF_BYTES]) is None:
                raise unreadable(VENDOR, paid=False, status=200)
            credit_count = item.character_count_change_to - item.character_count_change_from
            return SpeechAudio(
                audio=audio,
                alignment=_alignment(item.alignments.alignment if item.alignments else None),
                request_id=item.request_id or item.history_item_id,
                character_cost=credit_count if credit_count >= 0 else None,  # the count starts anew every month
            )

    async def _find(
        self, request: SpeechRequest, since: datetime, until: datetime, taken: frozenset[str]
    ) -> SpeechHistoryItemResponse | None:
        """Oldest match: where several answers were lost, the later ones are left to the later requests.

        The history comes newest first. Its own text search is not used: how it treats long texts is not documented.
        """
        found: SpeechHistoryItemResponse | None = None
        after: str | None = None
        for _ in range(_HISTORY_PAGES):
            async with self._calling(paid=False):
                page = await self._client.history.list(
                    page_size=_HISTORY_PAGE,
                    start_after_history_item_id=after,
                    voice_id=request.voice.voice_id,
                    model_id=request.voice.model,
                    date_after_unix=int((since - _CLOCK_SKEW).timestamp()),
                    date_before_unix=ceil((until + _CLOCK_SKEW).timestamp()),
                    request_options=_ONCE,
                )
                free = [item for item in page.history if not taken & {item.request_id, item.history_item_id}]
                found = next((item for item in reversed(free) if _is_of(item, request)), found)
                after = page.last_history_item_id
                if not page.has_more or after is None:
                    return found
        raise answer_lost(VENDOR, "the history since the request is too long to search")

    @asynccontextmanager
    async def _calling(self, *, paid: bool) -> AsyncGenerator[None]:
        """`calling`, and what the SDK raises: it builds its models without checking, so that odd JSON breaks later."""
        try:
            async with calling(VENDOR, paid=paid, timeout_s=self._timeout_s):
                yield
        except ApiError as error:
            raise self._refused(error, paid=paid) from None
        except (ParsingError, AttributeError, TypeError, ValueError):
            raise unreadable(VENDOR, paid=paid, status=200) from None

    def _refused(self, error: ApiError, *, paid: bool) -> ProviderError:
        status = error.status_code or 0
        try:
            detail = _ErrorBodies.validate_python(error.body).detail
        except ValidationError:
            detail = None
        vendor_code = (detail.code or detail.status) if isinstance(detail, _Detail) else None
        return refusal(
            VENDOR,
            status,
            redact(_words(detail, error.body), self._key),
            code=_CODES.get(vendor_code or ""),
            paid=paid,
            vendor_error=detail is not None,
            vendor_code=vendor_code,
            headers=error.headers,
        )


def _speech(answer: AudioWithTimestampsResponse, headers: Mapping[str, str]) -> SpeechAudio:
    audio = base64.b64decode(answer.audio_base_64, validate=True)
    credit_count = headers.get("character-cost", "")
    cost = int(credit_count) if credit_count.isdecimal() else None
    if not audio:
        raise ProviderError(
            FailureCode.MEDIA_INVALID,
            f"{VENDOR}: answered without audio",
            delivery=Delivery.JOB_ENDED,
            charged=True,
            actual_cost_micros=None if cost is None else speech_cost(cost),
        )
    return SpeechAudio(
        audio=audio,
        alignment=_alignment(answer.alignment),
        request_id=headers.get("request-id", ""),
        character_cost=cost,
    )


def _alignment(timing: CharacterAlignmentResponseModel | HistoryAlignmentResponseModel | None) -> Alignment | None:
    return timing and Alignment(
        characters=timing.characters,
        starts_s=timing.character_start_times_seconds,
        ends_s=timing.character_end_times_seconds,
    )


def _is_of(item: SpeechHistoryItemResponse, request: SpeechRequest) -> bool:
    """Same text, voice and model, and neither the format nor a setting that the history names differs."""
    voice = request.voice
    if (item.text, item.voice_id, item.model_id) != (request.text, voice.voice_id, voice.model):
        return False
    if item.output_format not in (None, request.output_format):
        return False
    wanted = {
        "stability": voice.stability,
        "similarity_boost": voice.similarity,
        "style": voice.style,
        "use_speaker_boost": voice.speaker_boost,
        "speed": voice.speed,
    }
    had = item.settings or {}
    return all(had.get(name) is None or isclose(had[name], value, abs_tol=1e-3) for name, value in wanted.items())


def _words(detail: _Detail | list[_Issue] | str | None, body: object) -> str:
    if isinstance(detail, _Detail):
        return detail.message
    if isinstance(detail, list):
        return "; ".join(f"{'.'.join(map(str, issue.loc))}: {issue.msg}" for issue in detail)
    return detail if detail is not None else str(body)
