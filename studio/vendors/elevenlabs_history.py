"""ElevenLabs' history: what was spoken, newest first, and its audio; and the vendor's error form."""

import uuid

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from studio.context import Context
from studio.faults import OUTPUT_FAULTS
from studio.files import PAGE
from studio.state import Job, JsonObject
from studio.vendors.elevenlabs_catalog import VOICES

MAX_PAGE = 1_000
ERROR_TYPES = {
    400: "validation_error",
    401: "authentication_error",
    402: "payment_required",
    403: "authorization_error",
    404: "not_found",
    429: "rate_limit_error",
}


def error(
    status: int, code: str, message: str, *, param: str | None = None, headers: dict[str, str] | None = None
) -> Response:
    """A refusal in today's form: `code`, and `status` as its older twin."""
    kind = ERROR_TYPES.get(status, "internal_error")
    detail: JsonObject = {
        "type": kind,
        "code": code,
        "message": message,
        "status": code,
        "request_id": uuid.uuid4().hex,
    }
    if param is not None:
        detail["param"] = param
    return JSONResponse({"detail": detail}, status, headers=headers)


class History:
    """The history endpoints."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def audio_of(self, job: Job) -> bytes:
        """The audio of a history item."""
        return self._context.store.read_output(f"{job.id}.audio")

    @staticmethod
    def alignment_of(job: Job) -> JsonObject:
        """When each character of a history item is spoken."""
        made = job.output or {}
        return {
            "characters": made["characters"],
            "character_start_times_seconds": made["starts_s"],
            "character_end_times_seconds": made["ends_s"],
        }

    def _newest_first(self) -> list[Job]:
        jobs = [job for job in self._context.store.jobs.values() if job.provider == "elevenlabs"]
        return jobs[::-1]

    def _wanted(self, request: Request) -> list[Job]:
        query = request.query_params
        jobs = self._newest_first()
        if query.get("sort_direction") == "asc":
            jobs.reverse()
        if "voice_id" in query:
            jobs = [job for job in jobs if job.body["voice_id"] == query["voice_id"]]
        if "model_id" in query:
            jobs = [job for job in jobs if job.model == query["model_id"]]
        if "date_after_unix" in query:
            jobs = [job for job in jobs if int(job.created_at) >= int(query["date_after_unix"])]
        if "date_before_unix" in query:
            jobs = [job for job in jobs if int(job.created_at) <= int(query["date_before_unix"])]
        if "search" in query:
            jobs = [job for job in jobs if query["search"].lower() in job.body["text"].lower()]
        return jobs if query.get("source", "TTS") == "TTS" else []

    async def list(self, request: Request) -> Response:
        """A page of history, searched by voice, model, date and text."""
        try:
            size = int(request.query_params.get("page_size", "100"))
            jobs = self._wanted(request)
        except ValueError:
            return error(400, "invalid_parameters", "page_size and dates must be whole numbers.")
        if not 1 <= size <= MAX_PAGE:
            return error(400, "invalid_parameters", f"page_size must be 1 to {MAX_PAGE}.", param="page_size")
        after = request.query_params.get("start_after_history_item_id")
        start = next((index + 1 for index, job in enumerate(jobs) if job.id == after), 0)
        page = jobs[start : start + size]
        body: JsonObject = {
            "history": [self._as_json(job) for job in page],
            "last_history_item_id": page[-1].id if page else None,
            "has_more": start + size < len(jobs),
            "scanned_until": None,
        }
        return JSONResponse(body)

    def _find(self, request: Request) -> Job | None:
        job = self._context.store.jobs.get(request.path_params["id"])
        return job if job is not None and job.provider == "elevenlabs" else None

    async def item(self, request: Request) -> Response:
        """One history item."""
        job = self._find(request)
        return self._unknown() if job is None else JSONResponse(self._as_json(job))

    async def audio(self, request: Request) -> Response:
        """The audio of a history item, as it was made."""
        job = self._find(request)
        if job is None:
            return self._unknown()
        fault = self._context.faults.take("elevenlabs", "download", job.model, OUTPUT_FAULTS)
        name = fault.fault if fault is not None else None
        if name == "output_expired":
            return self._unknown()
        if name == "output_html":
            return HTMLResponse(PAGE)
        audio = self.audio_of(job)
        media_type = self._context.store.outputs[f"{job.id}.audio"].media_type
        return Response(audio[: len(audio) // 2] if name == "output_truncated" else audio, media_type=media_type)

    @staticmethod
    def _unknown() -> Response:
        return error(404, "history_item_not_found", "History item not found.")

    def _as_json(self, job: Job) -> JsonObject:
        output = job.output or {}
        voice = VOICES[job.body["voice_id"]]
        timing = self.alignment_of(job) if job.body.get("timed") else None
        return {
            "history_item_id": job.id,
            "request_id": output["request_id"],
            "voice_id": voice.id,
            "model_id": job.model,
            "voice_name": voice.name,
            "voice_category": voice.category,
            "text": job.body["text"],
            "date_unix": int(job.created_at),
            "character_count_change_from": job.body["count_from"],
            "character_count_change_to": job.body["count_to"],
            "content_type": self._context.store.outputs[f"{job.id}.audio"].media_type,
            "state": "created",
            "settings": job.body["voice_settings"],
            "feedback": None,
            "share_link_id": None,
            "source": "TTS",
            "alignments": {"alignment": timing, "normalized_alignment": timing} if timing is not None else None,
            "output_format": job.body["output_format"],
        }
