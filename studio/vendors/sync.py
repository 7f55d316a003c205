"""sync.so: generations with idempotency keys, cost estimates, catalogues, signed webhooks."""

import asyncio
import hashlib
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from studio.context import Context, JobFailedError
from studio.faults import Fault
from studio.fetch import FetchError
from studio.jobs import Jobs, guarded
from studio.makers import BadMediaError, media_facts
from studio.prices import FRAMES_PER_SECOND, Charge, lipsync_charge
from studio.state import Job, JsonObject, canonical
from studio.vendors.sync_models import ERRORS, GenerateInput, models_as_json
from studio.vendors.sync_request import error, idempotency_key, parse_request
from studio.vendors.sync_work import SyncWork, failed
from studio.webhooks import deliver, sync_headers

ROOT = "/sync/v2"
CONCURRENCY_LIMIT = 15  # Scale plan
STATUSES = {
    "queued": "PENDING",
    "running": "PROCESSING",
    "succeeded": "COMPLETED",
    "failed": "FAILED",
    "rejected": "REJECTED",
    "canceled": "FAILED",
}

Handler = Callable[[Request], Awaitable[Response]]


class Sync:
    """sync.so's wire contract."""

    name = "sync"

    def __init__(self, context: Context, jobs: Jobs) -> None:
        self._context = context
        self._jobs = jobs
        self._work = SyncWork(context)

    def routes(self) -> list[BaseRoute]:
        """All paths under /sync."""
        return [
            Route(f"{ROOT}/generate", self._guarded("submit", self.generate), methods=["POST"]),
            Route(ROOT + "/generate/{id}", self._guarded("status", self.get), methods=["GET"]),
            Route(f"{ROOT}/generations", self._guarded("list", self.list), methods=["GET"]),
            Route(f"{ROOT}/analyze/cost", self._guarded("cost", self.cost), methods=["POST"]),
            Route(f"{ROOT}/generations/estimate-cost", self._guarded("cost", self.cost), methods=["POST"]),
            Route(f"{ROOT}/models", self._guarded("models", self.models), methods=["GET"]),
            Route(f"{ROOT}/errors", self.errors, methods=["GET"]),
            Route(f"{ROOT}/organizations/webhook/secret", self._guarded("secret", self.secret), methods=["GET"]),
        ]

    def _guarded(self, operation: str, handler: Handler) -> Handler:
        return guarded(self._context, self, operation, handler)

    def authorize(self, request: Request) -> Response | None:
        """Wants `x-api-key`; a key with "invalid" in it is refused."""
        key = request.headers.get("x-api-key", "")
        if not key:
            return error(401, "Either Cookie or x-api-key header must be provided")
        return JSONResponse({"message": "Unauthorized", "statusCode": 401}, 401) if "invalid" in key else None

    async def model_of(self, request: Request) -> str | None:
        """The model of a new generation, or of the one asked about."""
        if "id" in request.path_params:
            job = self._context.store.jobs.get(request.path_params["id"])
            return job.model if job is not None else None
        if request.method != "POST":
            return None
        if "multipart" in request.headers.get("content-type", ""):
            return str((await request.form()).get("model"))
        try:
            body: Any = await request.json()
        except ValueError:
            return None
        return str(cast("JsonObject", body).get("model")) if isinstance(body, dict) else None

    async def generate(self, request: Request) -> Response:
        """Accepts a generation (201); the same key and body give the first one again."""
        key = idempotency_key(request)
        if isinstance(key, Response):
            return key
        body = await parse_request(request, self._context.store)
        if isinstance(body, Response):
            return body
        held = body.model_dump(mode="json", exclude_none=True, by_alias=True)
        fingerprint = hashlib.sha256(canonical(held).encode()).hexdigest()
        if key is not None and key in self._context.store.keys:
            return self._replayed(key, fingerprint)
        active = self._jobs.active(self.name)
        if active >= CONCURRENCY_LIMIT:
            return self._too_many(active)
        return self._accept(body, held, (key, fingerprint) if key is not None else None)

    def _replayed(self, key: str, fingerprint: str) -> Response:
        known, job_id = self._context.store.keys[key]
        if known != fingerprint:
            return error(409, "The Idempotency-Key was used with another body", "IDEMPOTENCY_CONFLICT")
        return JSONResponse(self._as_json(self._context.store.jobs[job_id]), 201)

    def _accept(self, body: GenerateInput, held: JsonObject, key: tuple[str, str] | None) -> Response:
        job = Job(
            id=str(uuid.uuid4()),
            provider=self.name,
            model=body.model,
            body=held,
            created_at=self._context.now(),
            callback=body.webhook_url,
            faults=self._context.faults.take_for_job(self.name, body.model),
        )
        self._jobs.accept(job, Charge(0, "frame", 0), key=key, priced=False)
        return JSONResponse(self._as_json(job), 201)

    def _too_many(self, active: int) -> Response:
        return error(
            429,
            "Concurrency limit reached",
            "concurrency_limit_reached",
            activeGenerations=active,
            concurrencyLimit=CONCURRENCY_LIMIT,
            retryAfterSeconds=5,
            upgradeUrl="https://sync.so/billing",
        )

    def _as_json(self, job: Job) -> JsonObject:
        made = job.output or {}
        url = self._context.output_url(made["file"]) if "file" in made else None
        failure = job.failure or {}
        return {
            "id": job.id,
            "createdAt": Context.iso(job.created_at),
            "status": STATUSES[job.state],
            "model": job.model,
            "input": job.body["input"],
            "options": job.body.get("options"),
            "segments": None,
            "webhookUrl": job.callback,
            "outputUrl": url,
            "outputMediaUrl": url,
            "outputFileName": job.body.get("outputFileName"),
            "segmentOutputUrl": None,
            "outputDuration": made.get("duration_s"),
            "error": failure.get("error"),
            "errorCode": failure.get("errorCode"),
        }

    async def get(self, request: Request) -> Response:
        """One generation; `wait=true` holds the answer up to 10 s."""
        try:
            uuid.UUID(request.path_params["id"])
        except ValueError:
            return error(400, "Invalid generation id", "invalid_generation_id")
        job = self._context.store.jobs.get(request.path_params["id"])
        if job is None or job.provider != self.name:
            return error(404, "Generation not found", "generation_not_found")
        if request.query_params.get("wait") == "true":
            await asyncio.wait([asyncio.ensure_future(self._jobs.finished(job))], timeout=10)
        return JSONResponse(self._as_json(job))

    async def list(self, request: Request) -> Response:
        """Generations, newest first, by status and id."""
        statuses, ids = self._asked(request, "status"), self._asked(request, "ids")
        jobs = [job for job in self._context.store.jobs.values() if job.provider == self.name][::-1]
        found = [
            job for job in jobs if (not statuses or STATUSES[job.state] in statuses) and (not ids or job.id in ids)
        ]
        return JSONResponse([self._as_json(job) for job in found])

    @staticmethod
    def _asked(request: Request, name: str) -> set[str]:
        return {part for value in request.query_params.getlist(name) for part in value.split(",") if part}

    async def cost(self, request: Request) -> Response:
        """Estimated frames and price in dollars, from the length of the sound."""
        body = await parse_request(request, self._context.store)
        if isinstance(body, Response):
            return body
        source = next(item for item in body.input if item.type in {"audio", "text"})
        if source.url is None:
            return error(400, ["a text input cannot be estimated"], "generation_input_validation_failed")
        try:
            data = await self._context.fetch(self.name, body.model, source.url)
            seconds = (await asyncio.to_thread(media_facts, data)).audio_s or 0.0
        except FetchError:
            return error(400, "The audio could not be downloaded", "generation_input_audio_inaccessible")
        except BadMediaError:
            return error(400, "The audio could not be decoded", "generation_input_audio_invalid")
        charge = lipsync_charge(body.model, seconds)
        estimate = {
            "estimatedFrameCount": round(seconds * FRAMES_PER_SECOND),
            "estimatedGenerationCost": charge.usd_micros / 1e6,
        }
        return JSONResponse([estimate])

    async def models(self, request: Request) -> Response:
        """All models."""
        return JSONResponse(models_as_json())

    async def errors(self, request: Request) -> Response:
        """The catalogue of error codes; needs no key."""
        rows = [{"code": code, "message": text, "suggestion": hint} for code, (text, hint) in ERRORS.items()]
        return JSONResponse(rows)

    async def secret(self, request: Request) -> Response:
        """The secret of webhook signatures."""
        return JSONResponse({"secret": self._context.options.webhook_secret})

    def refuse(self, fault: Fault) -> Response:
        """sync.so's form of a refusal."""
        parameters = fault.parameters
        headers = {"Retry-After": str(parameters["retry_after"])} if "retry_after" in parameters else None
        match fault.fault:
            case "rate_limited":
                return error(429, "Too many requests", "rate_limit_exceeded", headers=headers)
            case "concurrency_limit":
                return self._too_many(CONCURRENCY_LIMIT)
            case "quota_exceeded":
                return error(402, "No generations are left on this plan", "free_tier_generations_exhausted")
            case "arrears":
                return error(402, "An invoice is unpaid", "account_payment_required")
            case "account_locked":
                return error(403, "The account is on hold", "account_on_hold")
            case "unauthorized":
                return JSONResponse({"message": "Unauthorized", "statusCode": 401}, 401)
            case "idempotency_outcome_unknown":
                return error(409, "The first request's outcome is not known", "IDEMPOTENCY_OUTCOME_UNKNOWN")
            case _:
                status = int(parameters.get("status", 500))
                return error(status, "Internal server error", "internal_error", headers=headers)

    def planned_failure(self, name: str, parameters: JsonObject) -> JobFailedError:
        """REJECTED by moderation, or FAILED with the code given as `type`."""
        if name == "content_refused":
            return failed(
                "generation_input_validation_failed", "The content was refused by moderation.", state="rejected"
            )
        code = str(parameters.get("type", "generation_pipeline_failed"))
        return failed(code, ERRORS.get(code, (code, ""))[0])

    async def produce(self, job: Job) -> JsonObject:
        """Lipsyncs, and writes the final price on the bill."""
        output = await self._work.generate(job)
        self._jobs.settle(job, lipsync_charge(job.model, output["duration_s"]))
        return output

    async def announce(self, job: Job) -> None:
        """Sends the signed webhook once, for COMPLETED and FAILED only."""
        if job.callback is None or job.state not in {"succeeded", "failed"}:
            return
        note = self._as_json(job)
        note["error_code"] = note.pop("errorCode")
        body = json.dumps(note).encode()
        times = 2 if "duplicate_webhook" in job.faults else 1
        headers = sync_headers(self._context.options.webhook_secret, body)
        await deliver(self._context.http, job.callback, body, headers, times=times)
