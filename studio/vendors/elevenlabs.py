"""ElevenLabs: speech with and without timestamps, voices, models, subscription, history."""

import asyncio
import base64
import random
import string
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from studio.connection import CutShort
from studio.context import Context, JobFailedError
from studio.faults import Fault
from studio.files import PAGE
from studio.jobs import Jobs, guarded
from studio.makers import UnspeakableError, make_speech
from studio.prices import Charge, speech_charge
from studio.state import BillLine, Job, JsonObject
from studio.vendors.elevenlabs_catalog import (
    CHARACTER_LIMITS,
    MEDIA_TYPES,
    OUTPUT_FORMATS,
    SETTINGS,
    VOICES,
    model_as_json,
    subscription_as_json,
)
from studio.vendors.elevenlabs_history import History, error
from studio.vendors.elevenlabs_models import SpeechInput
from studio.vendors.strict import parse

ROOT = "/elevenlabs/v1"
CHARACTER_LIMIT = 600_000
MAX_CONCURRENT = 10

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Asked:
    """A checked request for speech."""

    voice: str
    body: SpeechInput
    output_format: str
    timed: bool


def new_id(length: int) -> str:
    """A random id in ElevenLabs' alphabet."""
    return "".join(random.choices(string.ascii_letters + string.digits, k=length))


class ElevenLabs:
    """ElevenLabs' wire contract."""

    name = "elevenlabs"

    def __init__(self, context: Context, jobs: Jobs) -> None:
        self._context = context
        self._jobs = jobs
        self._history = History(context)
        self._active = 0

    def routes(self) -> list[BaseRoute]:
        """All paths under /elevenlabs."""
        speech = ROOT + "/text-to-speech/{voice}"
        return [
            Route(speech, self._guarded("submit", self.speak), methods=["POST"]),
            Route(f"{speech}/stream", self._guarded("submit", self.speak), methods=["POST"]),
            Route(f"{speech}/stream/with-timestamps", self._guarded("submit", self.speak_timed), methods=["POST"]),
            Route(f"{speech}/with-timestamps", self._guarded("submit", self.speak_timed), methods=["POST"]),
            Route(f"{ROOT}/voices", self._guarded("voices", self.voices), methods=["GET"]),
            Route(ROOT + "/voices/{voice}", self._guarded("voices", self.voice), methods=["GET"]),
            Route(f"{ROOT}/models", self._guarded("models", self.models), methods=["GET"]),
            Route(f"{ROOT}/user/subscription", self._guarded("subscription", self.subscription), methods=["GET"]),
            Route(f"{ROOT}/history", self._guarded("history", self._history.list), methods=["GET"]),
            Route(ROOT + "/history/{id}", self._guarded("history", self._history.item), methods=["GET"]),
            Route(ROOT + "/history/{id}/audio", self._guarded("download", self._history.audio), methods=["GET"]),
        ]

    def _guarded(self, operation: str, handler: Handler) -> Handler:
        return guarded(self._context, self, operation, handler)

    def authorize(self, request: Request) -> Response | None:
        """Wants `xi-api-key`; a key with "invalid" in it is refused."""
        key = request.headers.get("xi-api-key", "")
        if not key:
            return error(401, "needs_authorization", "Neither authorization header nor xi-api-key received.")
        return error(401, "invalid_api_key", "Invalid API key") if "invalid" in key else None

    async def model_of(self, request: Request) -> str | None:
        """The model of a speech request."""
        if request.method != "POST":
            return None
        body = parse(SpeechInput, await request.body())
        return body.model_id if isinstance(body, SpeechInput) else None

    async def _checked(self, request: Request) -> Asked | Response:
        output_format = request.query_params.get("output_format", "mp3_44100_128")
        if output_format not in OUTPUT_FORMATS:
            detail = {
                "loc": ["query", "output_format"],
                "msg": f"unknown output format {output_format}",
                "type": "enum",
            }
            return JSONResponse({"detail": [detail]}, 422)
        body = parse(SpeechInput, await request.body())
        if not isinstance(body, SpeechInput):
            return JSONResponse({"detail": body}, 422)
        refusal = self._refusal(request.path_params["voice"], body)
        timed = request.url.path.endswith("/with-timestamps")
        return refusal or Asked(request.path_params["voice"], body, output_format, timed)

    def _refusal(self, voice: str, body: SpeechInput) -> Response | None:
        if voice not in VOICES:
            return error(404, "voice_not_found", f"A voice with voice_id {voice} was not found.", param="voice_id")
        if body.model_id not in CHARACTER_LIMITS:
            return error(
                400, "model_not_found", f"A model with model ID {body.model_id} does not exist.", param="model_id"
            )
        if VOICES[voice].training not in (None, "fine_tuned"):
            return error(400, "voice_not_fine_tuned", "The voice is not fine-tuned for this model.", param="voice_id")
        limit = CHARACTER_LIMITS[body.model_id]
        if len(body.text) > limit:
            message = f"The text has {len(body.text)} characters; {body.model_id} takes {limit}."
            return error(400, "max_character_limit_exceeded", message, param="text")
        if self._used() + speech_charge(body.model_id, len(body.text)).units > self._limit():
            message = "This request exceeds your quota."
            return error(401, "quota_exceeded", message)
        return None

    def _used(self) -> int:
        lines = self._context.store.bill.values()
        return round(sum(line.units for line in lines if line.provider == self.name and line.state == "charged"))

    def _limit(self) -> int:
        return int(self._context.account_of(self.name).get("character_limit", CHARACTER_LIMIT))

    async def _speak(self, request: Request) -> Job | Response:
        asked = await self._checked(request)
        if isinstance(asked, Response):
            return asked
        faults = self._context.faults.take_for_job(self.name, asked.body.model_id)
        for name in ("content_refused", "completed_with_error"):
            if name in faults:
                failure = self.planned_failure(name, faults[name]).failure
                return error(failure["status"], failure["code"], failure["message"])
        latency = self._context.latency_of(self.name)
        await asyncio.sleep(latency.queue_s + latency.processing_s)
        return await self._make(asked, faults)

    async def _make(self, asked: Asked, faults: dict[str, JsonObject]) -> Job | Response:
        body = asked.body
        try:
            speech = await self._context.renderer.run(
                make_speech, body.text, voice=asked.voice, speed=body.speed(), output_format=asked.output_format
            )
        except UnspeakableError:
            return error(400, "invalid_parameters", "The text has nothing that can be spoken.", param="text")
        except ValueError as problem:
            return error(400, "invalid_parameters", str(problem), param="output_format")
        charge = speech_charge(body.model_id, len(body.text))
        job = self._new_job(asked, faults, charge)
        media_type = MEDIA_TYPES.get(asked.output_format.partition("_")[0], "audio/basic")
        self._context.store.put_output(f"{job.id}.audio", speech.audio, media_type, job.id)
        timing = {"characters": speech.characters, "starts_s": speech.starts_s, "ends_s": speech.ends_s}
        job.output = {"file": f"{job.id}.audio", "request_id": new_id(20), "credits": round(charge.units), **timing}
        self._context.store.accept(job, self._line(job, charge))
        return job

    def _new_job(self, asked: Asked, faults: dict[str, JsonObject], charge: Charge) -> Job:
        now = self._context.now()
        settings = asked.body.voice_settings.model_dump(exclude_none=True) if asked.body.voice_settings else {}
        held = asked.body.model_dump(mode="json", exclude_none=True)
        held |= {"voice_id": asked.voice, "output_format": asked.output_format, "voice_settings": SETTINGS | settings}
        held["timed"] = asked.timed
        held |= {"count_from": self._used(), "count_to": self._used() + round(charge.units)}
        return Job(new_id(20), self.name, asked.body.model_id, held, now, "succeeded", faults=faults, finished_at=now)

    @staticmethod
    def _line(job: Job, charge: Charge) -> BillLine:
        return BillLine(
            job.id,
            job.created_at,
            job.provider,
            job.model,
            None,
            charge.units,
            charge.unit,
            charge.usd_micros,
            "charged",
        )

    async def _counted(self, request: Request) -> tuple[Job | Response, dict[str, str]]:
        self._active += 1
        try:
            job = await self._speak(request)
            headers = {
                "current-concurrent-requests": str(self._active),
                "maximum-concurrent-requests": str(MAX_CONCURRENT),
            }
        finally:
            self._active -= 1
        if isinstance(job, Job) and job.output is not None:
            headers |= {"request-id": job.output["request_id"], "history-item-id": job.id}
            headers["character-cost"] = str(job.output["credits"])
        return job, headers

    async def speak(self, request: Request) -> Response:
        """Speech as bytes."""
        job, headers = await self._counted(request)
        if isinstance(job, Response):
            return job
        audio, media_type = self._history.audio_of(job), self._context.store.outputs[f"{job.id}.audio"].media_type
        if "output_html" in job.faults:
            return HTMLResponse(PAGE, headers=headers)
        if "output_truncated" in job.faults:
            if job.faults["output_truncated"].get("cut"):
                return CutShort(audio, headers=headers, media_type=media_type)
            audio = audio[: len(audio) // 2]
        return Response(audio, headers=headers, media_type=media_type)

    async def speak_timed(self, request: Request) -> Response:
        """Speech as base64 with the start and end of each character."""
        job, headers = await self._counted(request)
        if isinstance(job, Response) or job.output is None:
            return job if isinstance(job, Response) else error(500, "internal_server_error", "No output")
        if "output_html" in job.faults:
            return HTMLResponse(PAGE, headers=headers)
        audio = self._history.audio_of(job)
        if "output_truncated" in job.faults:
            audio = audio[: len(audio) // 2]
        alignment = self._history.alignment_of(job)
        encoded = base64.b64encode(audio).decode()
        body = {"audio_base64": encoded, "alignment": alignment, "normalized_alignment": alignment}
        return JSONResponse(body, headers=headers)

    async def voices(self, request: Request) -> Response:
        """All voices."""
        return JSONResponse({"voices": [voice.as_json() for voice in VOICES.values()]})

    async def voice(self, request: Request) -> Response:
        """One voice."""
        voice = VOICES.get(request.path_params["voice"])
        if voice is None:
            name = request.path_params["voice"]
            return error(404, "voice_not_found", f"A voice with voice_id {name} was not found.", param="voice_id")
        return JSONResponse(voice.as_json())

    async def models(self, request: Request) -> Response:
        """All models with their limits and rates."""
        return JSONResponse([model_as_json(model) for model in CHARACTER_LIMITS])

    async def subscription(self, request: Request) -> Response:
        """Plan and use."""
        return JSONResponse(subscription_as_json(self._used(), self._limit()))

    def refuse(self, fault: Fault) -> Response:
        """ElevenLabs' form of a refusal; out of quota is 401 unless `status` says 402."""
        parameters: dict[str, Any] = fault.parameters
        headers = {"Retry-After": str(parameters["retry_after"])} if "retry_after" in parameters else {}
        match fault.fault:
            case "rate_limited":
                return error(429, "rate_limit_exceeded", "Too many requests.", headers=headers)
            case "concurrency_limit":
                return error(429, "concurrent_limit_exceeded", "Too many concurrent requests.", headers=headers)
            case "quota_exceeded" | "arrears":
                return error(int(parameters.get("status", 401)), "quota_exceeded", "This request exceeds your quota.")
            case "account_locked":
                return error(403, "detected_unusual_activity", "Unusual activity detected.")
            case "unauthorized":
                return error(401, "invalid_api_key", "Invalid API key")
            case _:
                status = int(parameters.get("status", 500))
                return error(status, "internal_server_error", "Internal server error.", headers=headers)

    def planned_failure(self, name: str, parameters: JsonObject) -> JobFailedError:
        """A refusal of the text, or a server error."""
        if name == "content_refused":
            message = "The text goes against our content policy."
            return JobFailedError({"status": 403, "code": "content_against_policy", "message": message})
        status = int(parameters.get("status", 500))
        return JobFailedError({"status": status, "code": "internal_server_error", "message": "Internal server error."})

    async def produce(self, job: Job) -> JsonObject:
        """Speech is made while the caller waits, so no job is ever left to run."""
        return job.output or {}

    async def announce(self, job: Job) -> None:
        """ElevenLabs sends no webhooks for speech."""
