"""fal: the queue (submit, status, result, cancel, webhooks) and the synchronous host."""

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from studio.context import Context, JobFailedError
from studio.faults import Fault
from studio.jobs import Jobs, guarded
from studio.state import OPEN_STATES, Job, JsonObject
from studio.vendors.fal_models import MODELS, charge_for
from studio.vendors.fal_work import FalWork, model_error
from studio.vendors.strict import parse
from studio.webhooks import deliver, fal_headers, fal_jwks

QUEUE = "/fal-queue"
RUN = "/fal-run"
LOCKED = "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."
STREAM_INTERVAL_S = 0.1
PLATFORM_ERRORS = {
    500: ("Internal server error", "internal_error"),
    502: ("Runner returned an incomplete response", "runner_incomplete_response"),
    503: ("No runner could be scheduled", "runner_scheduling_failure"),
    504: ("Request timed out", "request_timeout"),
}


def platform_error(
    status: int, message: str, kind: str | None = None, headers: dict[str, str] | None = None
) -> Response:
    """A refusal in the string form of fal's platform."""
    body = {"detail": message} | ({"error_type": kind} if kind is not None else {})
    more = {"x-fal-error-type": kind} if kind is not None else {}
    return JSONResponse(body, status, headers=more | (headers or {}))


class Fal:
    """fal's wire contract."""

    name = "fal"

    def __init__(self, context: Context, jobs: Jobs) -> None:
        self._context = context
        self._jobs = jobs
        self._work = FalWork(context)

    def routes(self) -> list[BaseRoute]:
        """All paths under both of fal's hosts."""
        request = QUEUE + "/{owner}/{alias}/requests/{id}"
        return [
            Route(f"{QUEUE}/.well-known/jwks.json", self.jwks, methods=["GET"]),
            Route(f"{request}/status/stream", self._guarded("status", self.stream), methods=["GET"]),
            Route(f"{request}/status", self._guarded("status", self.status), methods=["GET"]),
            Route(f"{request}/cancel", self._guarded("cancel", self.cancel), methods=["PUT"]),
            Route(request, self._guarded("result", self.result), methods=["GET"]),
            Route(QUEUE + "/{app:path}", self._guarded("submit", self.submit), methods=["POST"]),
            Route(RUN + "/{app:path}", self._guarded("submit", self.run), methods=["POST"]),
        ]

    def _guarded(
        self, operation: str, handler: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        return guarded(self._context, self, operation, handler)

    def authorize(self, request: Request) -> Response | None:
        """Wants `Authorization: Key id:secret`; a key with "invalid" in it is refused."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme == "Key" and ":" in key.strip(":") and "invalid" not in key:
            return None
        return platform_error(
            401,
            "No user found for Key ID and Secret" if key else "Authentication is required to access this application",
        )

    async def model_of(self, request: Request) -> str | None:
        """The app id of a submission, or the model of the job asked about."""
        if "app" in request.path_params:
            return request.path_params["app"]
        job = self._context.store.jobs.get(request.path_params["id"])
        return job.model if job is not None else None

    async def jwks(self, request: Request) -> Response:
        """The public keys of webhook signatures."""
        return JSONResponse(fal_jwks())

    async def _accept(self, request: Request) -> Job | Response:
        app = request.path_params["app"].strip("/")
        if app not in MODELS:
            return platform_error(404, f"Application '{app}' not found")
        body = parse(MODELS[app].input, await request.body())
        if not isinstance(body, BaseModel):
            return JSONResponse({"detail": body}, 422, headers={"X-Fal-Retryable": "false"})
        job = Job(
            id=str(uuid.uuid4()),
            provider=self.name,
            model=app,
            body=body.model_dump(mode="json"),
            created_at=self._context.now(),
            callback=request.query_params.get("fal_webhook"),
            faults=self._context.faults.take_for_job(self.name, app),
        )
        self._jobs.accept(job, charge_for(app, body), priced=MODELS[app].kind != "lipsync")
        return job

    async def submit(self, request: Request) -> Response:
        """Accepts a job into the queue."""
        job = await self._accept(request)
        if isinstance(job, Response):
            return job
        body = {"status": "IN_QUEUE", "request_id": job.id, "gateway_request_id": job.id, **self._urls(job)}
        body |= {"queue_position": self._jobs.queue_position(job), "logs": None, "metrics": {}}
        return JSONResponse(body, headers={"x-fal-request-id": job.id})

    async def run(self, request: Request) -> Response:
        """Runs a job and answers with its result."""
        job = await self._accept(request)
        if isinstance(job, Response):
            return job
        await self._jobs.finished(job)
        return self._result(job)

    def _urls(self, job: Job) -> JsonObject:
        base = f"{self._context.url}{QUEUE}/{'/'.join(job.model.split('/')[:2])}/requests/{job.id}"
        return {"response_url": base, "status_url": f"{base}/status", "cancel_url": f"{base}/cancel"}

    def _job(self, request: Request) -> Job | None:
        job = self._context.store.jobs.get(request.path_params["id"])
        owner = f"{request.path_params['owner']}/{request.path_params['alias']}"
        known = job is not None and job.provider == self.name and "/".join(job.model.split("/")[:2]) == owner
        return job if known else None

    def _status(self, job: Job, *, with_logs: bool) -> JsonObject:
        body: JsonObject = {"request_id": job.id, "gateway_request_id": job.id, **self._urls(job)}
        if job.state == "queued":
            return body | {"status": "IN_QUEUE", "queue_position": self._jobs.queue_position(job)}
        logs = [
            {"message": f"Running {job.model}", "level": "INFO", "source": "USER", "timestamp": _iso(job.started_at)}
        ]
        body["logs"] = logs if with_logs and job.started_at is not None else None
        if job.state == "running":
            return body | {"status": "IN_PROGRESS"}
        body |= {"status": "COMPLETED", "metrics": {"inference_time": self._inference_s(job)}}
        if job.state == "canceled":
            body |= {"error": "Request was cancelled", "error_type": "client_cancelled"}
        if job.failure is not None:
            body |= {"error": job.failure["error"], "error_type": job.failure["error_type"]}
        return body

    @staticmethod
    def _inference_s(job: Job) -> float:
        started, finished = job.started_at, job.finished_at
        return round(finished - started, 3) if started is not None and finished is not None else 0.0

    async def status(self, request: Request) -> Response:
        """202 while the job is open, 200 when it has ended."""
        job = self._job(request)
        if job is None:
            return platform_error(404, "Request not found")
        with_logs = request.query_params.get("logs", "0").lower() in {"1", "true"}
        code = 202 if job.state in OPEN_STATES else 200
        return JSONResponse(self._status(job, with_logs=with_logs), code, headers={"x-fal-request-id": job.id})

    async def stream(self, request: Request) -> Response:
        """Status objects as server-sent events until the job has ended."""
        job = self._job(request)
        if job is None:
            return platform_error(404, "Request not found")

        async def events() -> AsyncIterator[str]:
            while True:
                ended = job.state not in OPEN_STATES
                yield f"data: {json.dumps(self._status(job, with_logs=True))}\n\n"
                if ended:
                    return
                await asyncio.sleep(STREAM_INTERVAL_S)

        return StreamingResponse(events(), media_type="text/event-stream")

    async def result(self, request: Request) -> Response:
        """The model's output, or its failure with the failure's own code."""
        job = self._job(request)
        if job is None:
            return platform_error(404, "Request not found")
        if job.state in OPEN_STATES:
            return platform_error(400, "Request is still in progress")
        return self._result(job)

    def _result(self, job: Job) -> Response:
        line = self._context.store.bill[job.id]
        units = 0 if line.state == "waived" else line.units
        headers = {"x-fal-request-id": job.id, "x-fal-billable-units": str(units)}
        if job.state == "canceled":
            return platform_error(499, "Request was cancelled", "client_cancelled", headers)
        if job.failure is not None:
            more = {"x-fal-error-type": job.failure["error_type"], **job.failure.get("headers", {})}
            return JSONResponse(job.failure["body"], job.failure["status"], headers=headers | more)
        return JSONResponse(self._payload(job), headers=headers)

    def _payload(self, job: Job) -> JsonObject:
        made = job.output or {}
        if MODELS[job.model].kind != "image":
            return {"video": self._file(made["file"])}
        size = {"width": made["width"], "height": made["height"]}
        return {
            "images": [self._file(name, inline=job.body["sync_mode"]) | size for name in made["files"]],
            "seed": made["seed"],
            "has_nsfw_concepts": made["flagged"],
            "prompt": made["prompt"],
            "timings": {"inference": self._inference_s(job)},
        }

    def _file(self, name: str, *, inline: bool = False) -> JsonObject:
        output = self._context.store.outputs[name]
        url = self._context.output_url(name)
        if inline:
            url = f"data:{output.media_type};base64,{base64.b64encode(self._context.store.read_output(name)).decode()}"
        return {"url": url, "content_type": output.media_type, "file_name": name, "file_size": output.size}

    async def cancel(self, request: Request) -> Response:
        """200 from the queue, 202 in progress, 400 when it has ended, 404 when unknown."""
        job = self._job(request)
        if job is None:
            return JSONResponse({"status": "NOT_FOUND"}, 404)
        if job.state == "queued" or (job.state == "running" and "stuck" in job.faults):
            code = 200 if job.state == "queued" else 202
            self._jobs.cancel(job)
            return JSONResponse({"status": "OK" if code == 200 else "CANCELLATION_REQUESTED"}, code)
        if job.state == "running":
            return JSONResponse({"status": "CANCELLATION_REQUESTED"}, 202)
        return JSONResponse({"status": "ALREADY_COMPLETED"}, 400)

    def refuse(self, fault: Fault) -> Response:
        """fal's form of a refusal; `status` 500, 502, 503 or 504 picks the server error."""
        wait = fault.parameters.get("retry_after")
        headers = {"Retry-After": str(wait)} if wait is not None else {}
        match fault.fault:
            case "rate_limited" | "concurrency_limit":
                return platform_error(429, "Too many requests", "rate_limit", headers)
            case "account_locked" | "quota_exceeded" | "arrears":
                return platform_error(403, LOCKED)
            case "unauthorized":
                return platform_error(401, "No user found for Key ID and Secret")
            case _:
                status = int(fault.parameters.get("status", 500))
                message, kind = PLATFORM_ERRORS.get(status, PLATFORM_ERRORS[500])
                return platform_error(status, message, kind, headers)

    def planned_failure(self, name: str, parameters: JsonObject) -> JobFailedError:
        """A refusal of content after compute (billed), a model error 422, or a server error (not billed)."""
        if name == "content_refused":
            message = "The content could not be processed because it was flagged by a content checker."
            return model_error(
                ["prompt"], message, "content_policy_violation", billed=bool(parameters.get("billed", True))
            )
        status = int(parameters.get("status", 500))
        if status == 422:
            kind = str(parameters.get("type", "no_media_generated"))
            return model_error(["prompt"], "The model made nothing.", kind, billed=bool(parameters.get("billed", True)))
        message, kind = PLATFORM_ERRORS.get(status, PLATFORM_ERRORS[500])
        kind = str(parameters.get("type", kind))
        body = {"detail": message, "error_type": kind}
        return JobFailedError({"status": status, "body": body, "headers": {}, "error": message, "error_type": kind})

    async def produce(self, job: Job) -> JsonObject:
        """Runs the model."""
        match MODELS[job.model].kind:
            case "image":
                return await self._work.image(job)
            case "clip":
                return await self._work.clip(job)
            case "lipsync":
                output, charge = await self._work.lipsync(job)
                self._jobs.settle(job, charge)
                return output

    async def announce(self, job: Job) -> None:
        """Sends the signed webhook when the job has ended, retried a few times."""
        if job.callback is None or job.state in OPEN_STATES:
            return
        note: JsonObject = {"request_id": job.id, "gateway_request_id": job.id, "status": "OK"}
        if job.failure is None:
            note["payload"] = self._payload(job)
        else:
            note |= {"status": "ERROR", "error": f"Invalid status code: {job.failure['status']}"}
            note["payload"] = job.failure["body"]
        body = json.dumps(note).encode()
        times = 2 if "duplicate_webhook" in job.faults else 1
        await deliver(self._context.http, job.callback, body, fal_headers(job.id, body), times=times, retried=True)


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else Context.iso(seconds)
