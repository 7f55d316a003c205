"""ElevenLabs' contract, through its own client."""

import base64
from typing import Any

import httpx
import pytest
from elevenlabs import VoiceSettings
from elevenlabs.client import AsyncElevenLabs
from elevenlabs.core.api_error import ApiError

from studio.makers import media_facts
from tests.support.studio import ELEVENLABS_KEY, VOICE, Studio

TEXT = "Hello there. This is the studio."
HEADERS = {"xi-api-key": ELEVENLABS_KEY}


async def test_speech_and_its_timing_agree(elevenlabs: AsyncElevenLabs) -> None:
    """One time pair a character, rising, ending where the sound ends; the same request gives the same bytes."""
    spoken = [
        await elevenlabs.text_to_speech.convert_with_timestamps(VOICE, text=TEXT, model_id="eleven_v3")
        for _ in range(2)
    ]
    alignment = spoken[0].alignment
    assert alignment is not None
    assert "".join(alignment.characters) == TEXT
    ends = alignment.character_end_times_seconds
    assert ends == sorted(ends)
    audio = base64.b64decode(spoken[0].audio_base_64)
    assert media_facts(audio).audio_s == pytest.approx(ends[-1], abs=0.15)
    assert spoken[0].audio_base_64 == spoken[1].audio_base_64


async def test_convert_gives_bytes_and_the_headers_of_the_purchase(studio: Studio, elevenlabs: AsyncElevenLabs) -> None:
    """request-id, history-item-id and character-cost; a flash model costs half a credit a character."""
    async with elevenlabs.text_to_speech.with_raw_response.convert(
        VOICE, text=TEXT, model_id="eleven_flash_v2_5", output_format="mp3_22050_32"
    ) as answer:
        audio = b"".join([chunk async for chunk in answer.data])
        headers = answer.headers
    assert media_facts(audio).audio_s is not None
    assert int(headers["character-cost"]) == len(TEXT) / 2
    (line,) = studio.bill("elevenlabs")
    assert (line["request_id"], line["price_usd_micros"]) == (headers["history-item-id"], 300 * len(TEXT) // 2)
    assert headers["request-id"]


async def test_voices_sound_different_and_speed_changes_the_length(elevenlabs: AsyncElevenLabs) -> None:
    """The voice and the speed reach the sound."""

    async def speak(voice: str, speed: float) -> bytes:
        settings = VoiceSettings(stability=0.4, similarity_boost=0.8, style=0.0, use_speaker_boost=True, speed=speed)
        chunks = elevenlabs.text_to_speech.convert(voice, text=TEXT, voice_settings=settings)
        return b"".join([chunk async for chunk in chunks])

    usual, other, slow = await speak(VOICE, 1.0), await speak("21m00Tcm4TlvDq8ikWAM", 1.0), await speak(VOICE, 0.8)
    assert usual != other
    assert (media_facts(slow).audio_s or 0) > 1.1 * (media_facts(usual).audio_s or 0)


async def test_history_gives_back_what_was_paid_for(elevenlabs: AsyncElevenLabs) -> None:
    """Newest first, found by voice, model and text, with the same audio."""
    speak = elevenlabs.text_to_speech.convert
    first = b"".join([chunk async for chunk in speak(VOICE, text="One sentence.")])
    assert b"".join([chunk async for chunk in speak(VOICE, text="Another sentence.")]) != first
    page = await elevenlabs.history.list(voice_id=VOICE, model_id="eleven_multilingual_v2")
    assert [item.text for item in page.history] == ["Another sentence.", "One sentence."]
    found = await elevenlabs.history.list(search="one", date_after_unix=page.history[1].date_unix)
    assert [item.text for item in found.history] == ["One sentence."]
    item = found.history[0]
    audio = b"".join([chunk async for chunk in elevenlabs.history.get_audio(item.history_item_id)])
    assert audio == first
    assert item.character_count_change_to - item.character_count_change_from == len("One sentence.")
    assert (await elevenlabs.history.list(voice_id="pNInz6obpgDQGcFmaJgB")).history == []


async def test_catalogues_parse(elevenlabs: AsyncElevenLabs) -> None:
    """Voices, a professional clone's training state, models with limits, the plan."""
    voice = await elevenlabs.voices.get("MiraProVoice00000001")
    assert (voice.category, (voice.fine_tuning.state or {})["eleven_v3"] if voice.fine_tuning else "") == (
        "professional",
        "fine_tuned",
    )
    assert VOICE in [voice.voice_id for voice in (await elevenlabs.voices.get_all()).voices]
    limits = {model.model_id: model.maximum_text_length_per_request for model in await elevenlabs.models.list()}
    assert limits["eleven_v3"] == 3_000
    assert (await elevenlabs.user.subscription.get()).character_limit == 600_000


@pytest.mark.parametrize(
    ("voice", "body", "status", "code"),
    [
        ("A" * 20, {"text": TEXT}, 404, "voice_not_found"),
        ("HalfTrainedVoice0001", {"text": TEXT}, 400, "voice_not_fine_tuned"),
        (VOICE, {"text": TEXT, "model_id": "eleven_v9"}, 400, "model_not_found"),
        (VOICE, {"text": "a" * 3_001, "model_id": "eleven_v3"}, 400, "max_character_limit_exceeded"),
        (VOICE, {"text": ""}, 400, "invalid_parameters"),
        (VOICE, {"text": "🙂"}, 400, "invalid_parameters"),
        (VOICE, {"text": TEXT, "voice_settings": {"stability": 1.1}}, 422, "less_than_equal"),
        (VOICE, {"text": TEXT, "voice_settings": {"speed": 0.6}}, 422, "greater_than_equal"),
        (VOICE, {"text": TEXT, "voice_settings": {"loudness": 1}}, 422, "extra_forbidden"),
        (VOICE, {"text": TEXT, "language": "en"}, 422, "extra_forbidden"),
        (VOICE, {"text": TEXT, "seed": 2**32}, 422, "less_than_equal"),
        (VOICE, {}, 422, "missing"),
    ],
)
async def test_wrong_requests_are_refused_in_the_vendors_form(
    studio: Studio, http: httpx.AsyncClient, voice: str, body: dict[str, Any], status: int, code: str
) -> None:
    """A dict with `code` and its twin `status`, or a validation list; nothing is bought."""
    answer = await http.post(f"{studio.url}/elevenlabs/v1/text-to-speech/{voice}", json=body, headers=HEADERS)
    detail: Any = answer.json()["detail"]
    if status == 422:
        assert (answer.status_code, detail[0]["type"]) == (422, code)
    else:
        assert (answer.status_code, detail["code"], detail["status"]) == (status, code, code)
    assert studio.bill() == []


async def test_no_key_and_no_credit_are_both_401(
    studio: Studio, elevenlabs: AsyncElevenLabs, http: httpx.AsyncClient
) -> None:
    """They differ by code: a used-up plan is `quota_exceeded`."""
    answer = await http.get(f"{studio.url}/elevenlabs/v1/voices")
    assert answer.status_code == 401
    studio.account("elevenlabs", character_limit=10)
    with pytest.raises(ApiError) as caught:
        await elevenlabs.text_to_speech.convert_with_timestamps(VOICE, text=TEXT)
    assert caught.value.status_code == 401
    assert caught.value.body["detail"]["code"] == "quota_exceeded"
    assert (await elevenlabs.user.subscription.get()).character_limit == 10
