"""ElevenLabs: what is sent, what is read, what is found again."""

import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from models.artifacts import Alignment
from models.enums import FailureCode
from providers.clients import vendor_client
from providers.elevenlabs import ElevenLabsSpeechProvider
from providers.errors import Delivery, ProviderError
from tests.providers.adapters import ELEVENLABS_KEY, SPEECH_REQUEST
from tests.providers.test_submit import LOST, always
from tests.providers.wire import Handler, Received, Wire, reply, serving

SPOKEN = {
    "audio_base64": base64.b64encode(b"ID3sound").decode(),
    "alignment": {
        "characters": ["H", "i"],
        "character_start_times_seconds": [0.0, 0.1],
        "character_end_times_seconds": [0.1, 0.25],
    },
    "normalized_alignment": None,
}
SINCE = datetime(2026, 1, 2, 10, 0, 0, tzinfo=UTC)
TAKEN = frozenset({"req-of-another", "item-of-another"})
F = FailureCode


@asynccontextmanager
async def speaking(handler: Handler, timeout_s: float = 0.4) -> AsyncGenerator[tuple[ElevenLabsSpeechProvider, Wire]]:
    """The adapter before a scripted vendor."""
    async with serving(handler) as wire, vendor_client() as http:
        base = f"{wire.url}/base/"
        yield ElevenLabsSpeechProvider(http, base_url=base, key=ELEVENLABS_KEY, timeout_s=timeout_s), wire


async def test_everything_of_the_voice_reaches_the_body() -> None:
    """All settings and zeros arrive; ids, cost and alignment are read from the answer."""
    handler = always(reply(200, SPOKEN, {"request-id": "req-1", "character-cost": "12"}))
    async with speaking(handler) as (provider, wire):
        spoken = await provider.synthesize(SPEECH_REQUEST)
    (sent,) = wire.received
    assert sent.target == ("/base/v1/text-to-speech/vvvvvvvvvvvvvvvvvvvv/with-timestamps?output_format=mp3_44100_128")
    assert sent.headers["xi-api-key"] == "made-up-elevenlabs-key"
    assert sent.json == {
        "text": "Hello there.",
        "model_id": "eleven_multilingual_v2",
        "voice_settings": {
            "stability": 0.0,
            "similarity_boost": 0.8,
            "style": 0.25,
            "use_speaker_boost": False,
            "speed": 1.1,
        },
        "seed": 0,
    }
    assert (spoken.audio, spoken.request_id, spoken.character_cost) == (b"ID3sound", "req-1", 12)
    assert spoken.alignment == Alignment(characters=["H", "i"], starts_s=[0.0, 0.1], ends_s=[0.1, 0.25])


async def test_what_may_be_missing_may_be_missing() -> None:
    """No seed is sent when there is none; alignment and headers may be absent."""
    async with speaking(always(reply(200, SPOKEN | {"alignment": None}))) as (provider, wire):
        spoken = await provider.synthesize(SPEECH_REQUEST.model_copy(update={"seed": None}))
    sent = wire.received[0].json
    assert isinstance(sent, dict)
    assert "seed" not in sent
    assert (spoken.alignment, spoken.request_id, spoken.character_cost) == (None, "", None)


@pytest.mark.parametrize(
    "raw", [*LOST, reply(200, {"audio_base64": "%%%"})], ids=lambda raw: repr(raw[:20] + raw[-20:])
)
async def test_an_answer_that_proves_nothing_is_lost(raw: bytes) -> None:
    """Silence, drops, pages and unreadable successes leave the purchase in doubt, after exactly one request."""
    async with speaking(always(raw)) as (provider, wire):
        with pytest.raises(ProviderError) as caught:
            await provider.synthesize(SPEECH_REQUEST)
    assert (caught.value.code, caught.value.delivery) == (F.OUTCOME_UNKNOWN, Delivery.ANSWER_LOST)
    assert len(wire.received) == 1


def detail(code: str, *, legacy: bool = False) -> dict[str, object]:
    """The vendor's error, in its present or its older form."""
    words = {"status": code, "message": "made-up-elevenlabs-key no"}
    return {"detail": words if legacy else words | {"code": code, "type": "t", "request_id": "r"}}


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, detail("quota_exceeded"), F.OUT_OF_CREDIT),
        (401, detail("quota_exceeded", legacy=True), F.OUT_OF_CREDIT),
        (402, detail("payment_required"), F.OUT_OF_CREDIT),
        (401, detail("invalid_api_key"), F.UNAUTHORIZED),
        (401, {"detail": "Unauthorized"}, F.UNAUTHORIZED),
        (403, detail("detected_unusual_activity"), F.UNAUTHORIZED),
        (403, detail("content_against_policy"), F.CONTENT_REFUSED),
        (400, detail("voice_not_found", legacy=True), F.NOT_FOUND),
        (404, detail("voice_not_found"), F.NOT_FOUND),
        (400, detail("max_character_limit_exceeded"), F.INVALID_REQUEST),
        (409, detail("conflict"), F.INVALID_REQUEST),
        (422, {"detail": [{"loc": ["body", "text"], "msg": "no", "type": "missing"}]}, F.INVALID_REQUEST),
        (429, detail("system_busy"), F.RATE_LIMITED),
        (429, detail("too_many_concurrent_requests", legacy=True), F.RATE_LIMITED),
        (500, detail("internal_server_error"), F.PROVIDER_UNAVAILABLE),
        (503, {"detail": "down"}, F.PROVIDER_UNAVAILABLE),
    ],
)
async def test_a_refusal_sold_nothing(status: int, body: dict[str, object], code: FailureCode) -> None:
    """Every form of the vendor's error is read; one request is sent, also for those that its SDK would repeat."""
    async with speaking(always(reply(status, body, {"Retry-After": "9"}))) as (provider, wire):
        with pytest.raises(ProviderError) as caught:
            await provider.synthesize(SPEECH_REQUEST)
    error = caught.value
    assert (error.code, error.delivery, error.retry_after_s) == (code, Delivery.NOTHING_BOUGHT, 9.0)
    assert "made-up-elevenlabs-key" not in error.detail
    assert len(wire.received) == 1


async def test_an_empty_sound_is_no_speech() -> None:
    """A success without audio was bought and is useless."""
    async with speaking(always(reply(200, SPOKEN | {"audio_base64": ""}))) as (provider, _):
        with pytest.raises(ProviderError) as caught:
            await provider.synthesize(SPEECH_REQUEST)
    assert (caught.value.code, caught.value.delivery) == (F.MEDIA_INVALID, Delivery.JOB_ENDED)


SETTINGS = {"stability": 0.0, "similarity_boost": 0.8, "style": 0.25, "use_speaker_boost": False, "speed": 1.1}


def item(number: int, **changes: object) -> dict[str, object]:
    """A history item that matches the request, but for the changes."""
    voice = SPEECH_REQUEST.voice
    return {
        "history_item_id": f"item-{number}",
        "request_id": f"req-{number}",
        "voice_id": voice.voice_id,
        "model_id": voice.model,
        "text": SPEECH_REQUEST.text,
        "date_unix": 1_795_000_000 + number,
        "character_count_change_from": 100,
        "character_count_change_to": 112,
        "content_type": "audio/mpeg",
        "state": "created",
        "settings": SETTINGS,
        **changes,
    }


def history(*pages: list[dict[str, object]]) -> Handler:
    """The vendor's history in pages."""

    def handler(request: Received) -> bytes:
        if request.target.endswith("/audio"):
            return reply(200, b"ID3" + request.target.encode())
        assert request.target.startswith("/base/v1/history?")
        assert "voice_id=vvvvvvvvvvvvvvvvvvvv" in request.target
        assert "model_id=eleven_multilingual_v2" in request.target
        assert f"date_after_unix={int(SINCE.timestamp()) - 5}" in request.target
        assert f"date_before_unix={int(SINCE.timestamp()) + 1 + 60 + 5}" in request.target
        page = next((n + 1 for n in range(len(pages)) if f"start_after_history_item_id=page-{n}" in request.target), 0)
        more = page + 1 < len(pages)
        return reply(200, {"history": pages[page], "last_history_item_id": f"page-{page}", "has_more": more})

    return handler


@pytest.mark.parametrize(
    ("pages", "found"),
    [
        ([[item(2), item(1)]], "item-1"),
        ([[item(3)], [item(2), item(1, text="x")]], "item-2"),
        ([[item(2)], [item(1, text="x")]], "item-2"),
        ([[item(2), item(1, output_format="mp3_22050_32")]], "item-2"),
        ([[item(2, output_format="mp3_44100_128"), item(1, request_id="req-of-another")]], "item-2"),
        ([[item(2), item(1, request_id=None, history_item_id="item-of-another")]], "item-2"),
        ([[item(3, text="Hello there"), item(2, text=None), item(1)]], "item-1"),
        ([[item(2, settings=SETTINGS | {"stability": 0.5}), item(1)]], "item-1"),
        ([[item(2, voice_id="other", settings=None)], [item(1, settings=None)]], "item-1"),
        ([[item(1, settings={"stability": 0.0})]], "item-1"),
        ([[item(2, text="x")], [item(1, text="y")]], None),
        ([[item(1, model_id="eleven_v3")]], None),
    ],
)
async def test_speech_that_was_paid_for_is_found_again(pages: list[list[dict[str, object]]], found: str | None) -> None:
    """The oldest item of equal text, voice, model and settings that no one holds is adopted; nothing is bought."""
    async with speaking(history(*pages)) as (provider, wire):
        spoken = await provider.recover(SPEECH_REQUEST, since=SINCE, taken=TAKEN)
    assert {request.method for request in wire.received} == {"GET"}
    if found is None:
        assert spoken is None
    else:
        assert spoken
        assert spoken.audio == f"ID3/base/v1/history/{found}/audio".encode()
        assert (spoken.request_id, spoken.character_cost, spoken.alignment) == (f"req-{found[-1]}", 12, None)


TIMES = {"characters": ["H"], "character_start_times_seconds": [0.0], "character_end_times_seconds": [0.5]}


@pytest.mark.parametrize(
    ("changes", "alignment", "cost"),
    [
        ({"alignments": {"alignment": TIMES, "normalized_alignment": TIMES}}, True, 12),
        ({"alignments": None}, False, 12),
        ({"alignments": {"alignment": None, "normalized_alignment": TIMES}}, False, 12),
        ({"character_count_change_to": 4}, False, None),
    ],
)
async def test_what_is_adopted_is_as_complete_as_the_history(
    changes: dict[str, object], alignment: bool, cost: int | None
) -> None:
    """The times of the characters come along; a count that began anew says nothing of the cost."""
    async with speaking(history([item(1, **changes)])) as (provider, _):
        spoken = await provider.recover(SPEECH_REQUEST, since=SINCE)
    assert spoken
    assert spoken.alignment == (Alignment(characters=["H"], starts_s=[0.0], ends_s=[0.5]) if alignment else None)
    assert spoken.character_cost == cost


@pytest.mark.parametrize("content", [b"", b"<html>busy</html>"])
async def test_audio_that_is_none_is_asked_for_again(content: bytes) -> None:
    """A page in place of the audio that was paid for is not adopted."""

    def handler(request: Received) -> bytes:
        return reply(200, content) if request.target.endswith("/audio") else history([item(1)])(request)

    async with speaking(handler) as (provider, _):
        with pytest.raises(ProviderError) as caught:
            await provider.recover(SPEECH_REQUEST, since=SINCE)
    assert (caught.value.code, caught.value.delivery) == (F.PROVIDER_UNAVAILABLE, Delivery.NOTHING_BOUGHT)


@pytest.mark.parametrize("raw", LOST[:5])
async def test_a_history_that_cannot_be_read_proves_nothing(raw: bytes) -> None:
    """Trouble while searching is never taken for "there is none"."""
    async with speaking(always(raw)) as (provider, wire):
        with pytest.raises(ProviderError) as caught:
            await provider.recover(SPEECH_REQUEST, since=SINCE)
    assert (caught.value.code, caught.value.delivery) == (F.PROVIDER_UNAVAILABLE, Delivery.NOTHING_BOUGHT)
    assert len(wire.received) == 1


LOADING_S = 20.0  # the SDK loads its part for voices when it is first used
VOICE_ANSWER: dict[str, object] = {"voice_id": "v1", "name": "Mira", "category": "professional"}


SPEAKING: list[tuple[dict[str, object], str]] = [
    (VOICE_ANSWER | {"fine_tuning": {"state": {"m1": "fine_tuned"}}}, "Mira (professional)"),
    (VOICE_ANSWER | {"category": "cloned", "fine_tuning": {"state": {}}}, "Mira (cloned)"),
    (VOICE_ANSWER | {"category": "premade", "fine_tuning": None}, "Mira (premade)"),
    ({"voice_id": "v1"}, "v1 (unknown)"),
]


@pytest.mark.parametrize(("answer", "said"), SPEAKING)
async def test_a_voice_that_can_speak(answer: dict[str, object], said: str) -> None:
    """The voice is asked for once, and told by name and kind."""
    async with speaking(always(reply(200, answer)), LOADING_S) as (provider, wire):
        assert await provider.check_voice("v1", "m1") == said
    assert [sent.target for sent in wire.received] == ["/base/v1/voices/v1"]


@pytest.mark.parametrize(
    "tuning", [None, {"state": None}, {"state": {}}, {"state": {"m1": "queued", "m2": "fine_tuned"}}]
)
async def test_a_clone_that_is_not_tuned(tuning: dict[str, object] | None) -> None:
    """A professional clone speaks only with models that it was tuned for: the state of another one does not count."""
    async with speaking(always(reply(200, VOICE_ANSWER | {"fine_tuning": tuning})), LOADING_S) as (provider, _):
        with pytest.raises(ProviderError, match="'Mira' is not tuned for m1") as caught:
            await provider.check_voice("v1", "m1")
    assert caught.value.code is F.INVALID_REQUEST


@pytest.mark.parametrize(
    ("status", "word", "code"), [(404, "voice_not_found", F.NOT_FOUND), (401, "invalid_api_key", F.UNAUTHORIZED)]
)
async def test_a_voice_that_is_not_there(status: int, word: str, code: FailureCode) -> None:
    """Its absence is told from other refusals."""
    async with speaking(always(reply(status, {"detail": {"status": word, "message": "no"}})), LOADING_S) as (
        provider,
        _,
    ):
        with pytest.raises(ProviderError) as caught:
            await provider.check_voice("v1", "m1")
    assert caught.value.code is code
