"""Kling's own API: image to video with JWT, its envelope and codes, external task ids, unsigned callbacks."""

import asyncio
import base64
import binascii
import json
import random
import uuid
from collections.abc import Awaitable, Callable

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from studio.context import Context, JobFailedError
from studio.faults import Fault
from studio.fetch import FetchError
from studio.jobs import Jobs, guarded
from studio.makers import BadMediaError, make_clip, picture_facts
from studio.prices import kling_units_charge
from studio.state import Job, JsonObject
from studio.vendors.kling_models import ImageToVideo
from studio.vendors.strict import parse
from studio.webhooks import deliver

ROOT = "/kling/v1/videos/image2video"
MAX_PICTURE_BYTES = 10 * 1024 * 1024
SHORT_SIDE = {"std": 720, "pro": 1080}
STATUSES = {
    "queued": "submitted",
    "running": "processing",
    "succeeded": "succeed",
    "failed": "failed",
    "canceled": "failed",
}
MESSAGES = {
    1000: "Authentication failed",
    1001: "Authorization is empty",
    1002: "Authorization is not valid",
    1003: "Authorization is not valid yet",
    1004: "Authorization has expired",
    1100: "Account exception",
    1101: "Account in arrears",
    1102: "Account balance not enough",
    1302: "Too many requests",
    1303: "parallel task over resource pack limit",
    5000: "Internal server error",
    5001: "Service temporarily unavailable",
    5002: "Service busy",
}
HTTP_STATUS = {
    **dict.fromkeys((1000, 1001, 1002, 1003, 1004), 401),
    **dict.fromkeys((1100, 1101, 1102, 1302, 1303, 1304), 429),
    1103: 403,
    1203: 404,
    5000: 500,
    5001: 503,
    5002: 504,
}

Handler = Callable[[Request], Awaitable[Response]]


def error(code: int, message: str | None = None, headers: dict[str, str] | None = None) -> Response:
    """A refusal: the envelope with a code other than 0."""
    body = {"code": code, "message": message or MESSAGES[code], "request_id": str(uuid.uuid4())}
    return JSONResponse(body, HTTP_STATUS.get(code, 400), headers=headers)


def envelope(data: object) -> Response:
    """A good answer."""
    return JSONResponse({"code": 0, "message": "SUCCEED", "request_id": str(uuid.uuid4()), "data": data})


def decode_picture(text: str) -> bytes:
    """A raw base64 picture. Raises ValueError, also for a data URI."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("File is not in a valid base64 format") from None


class Kling:
    """Kling's own wire contract."""

    name = "kling"

    def __init__(self, context: Context, jobs: Jobs) -> None:
        self._context = context
        self._jobs = jobs

    def routes(self) -> list[BaseRoute]:
        """All paths under /kling."""
        return [
            Route(ROOT, self._guarded("submit", self.create), methods=["POST"]),
            Route(ROOT, self._guarded("list", self.list), methods=["GET"]),
            Route(ROOT + "/{id}", self._guarded("status", self.get), methods=["GET"]),
        ]

    def _guarded(self, operation: str, handler: Handler) -> Handler:
        return guarded(self._context, self, operation, handler)

    def authorize(self, request: Request) -> Response | None:
        """Checks the HS256 token: issuer, signature, exp and nbf."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not token:
            return error(1001)
        if scheme != "Bearer":
            return error(1002)
        options = self._context.options
        try:
            claims = jwt.decode(
                token, options.kling_secret_key, algorithms=["HS256"], options={"require": ["exp", "iss"]}
            )
        except jwt.ExpiredSignatureError:
            return error(1004)
        except jwt.ImmatureSignatureError:
            return error(1003)
        except jwt.InvalidTokenError:
            return error(1002)
        return None if claims["iss"] == options.kling_access_key else error(1000)

    async def model_of(self, request: Request) -> str | None:
        """The model of a new task, or of the one asked about."""
        if "id" in request.path_params:
            job = self._find(request.path_params["id"])
            return job.model if job is not None else None
        body = parse(ImageToVideo, await request.body()) if request.method == "POST" else None
        return body.model_name if isinstance(body, ImageToVideo) else None

    def _find(self, name: str) -> Job | None:
        job = self._context.store.jobs.get(name)
        if job is not None and job.provider == self.name:
            return job
        ours = (job for job in self._context.store.jobs.values() if job.provider == self.name)
        return next((job for job in ours if job.external_id == name), None)

    async def create(self, request: Request) -> Response:
        """Accepts a task."""
        body = parse(ImageToVideo, await request.body())
        if not isinstance(body, ImageToVideo):
            problem = body[0]
            where = ".".join(str(part) for part in problem["loc"][1:])
            return error(1201, f"{where}: {problem['msg']}".lstrip(": "))
        if body.external_task_id is not None and self._find(body.external_task_id) is not None:
            return error(1201, "external_task_id already exists")
        held = body.model_dump(mode="json", exclude_none=True)
        try:
            for field in ("image", "image_tail"):
                if not held.get(field, "http").startswith("http"):
                    held[field] = await self._kept(held[field])
        except ValueError as problem:
            return error(1201, str(problem))
        return self._accept(body, held)

    async def _kept(self, text: str) -> str:
        data = decode_picture(text)
        await self._check(data)
        return f"blob:{self._context.store.put_blob(data)}"

    def _accept(self, body: ImageToVideo, held: JsonObject) -> Response:
        job = Job(
            id=str(random.randrange(10**17, 10**18)),
            provider=self.name,
            model=body.model_name,
            body=held,
            created_at=self._context.now(),
            external_id=body.external_task_id,
            callback=body.callback_url,
            faults=self._context.faults.take_for_job(self.name, body.model_name),
        )
        charge = kling_units_charge(body.model_name, body.mode, int(body.duration), sound=body.sound == "on")
        self._jobs.accept(job, charge)
        full = self._as_json(job)
        return envelope({key: full[key] for key in ("task_id", "task_status", "task_info", "created_at", "updated_at")})

    def _as_json(self, job: Job) -> JsonObject:
        updated = job.finished_at or job.started_at or job.created_at
        line = self._context.store.bill[job.id]
        data: JsonObject = {
            "task_id": job.id,
            "task_status": STATUSES[job.state],
            "task_status_msg": (job.failure or {}).get("message", ""),
            "task_info": {"external_task_id": job.external_id} if job.external_id is not None else {},
            "watermark_info": job.body.get("watermark_info", {"enabled": False}),
            "final_unit_deduction": f"{line.units:g}" if line.state == "charged" else "0",
            "created_at": int(job.created_at * 1000),
            "updated_at": int(updated * 1000),
        }
        if job.output is not None:
            url = self._context.output_url(job.output["file"])
            video = {"id": job.output["video_id"], "url": url, "watermark_url": "", "duration": job.output["duration"]}
            data["task_result"] = {"videos": [video]}
        return data

    async def get(self, request: Request) -> Response:
        """A task by its id or external id."""
        job = self._find(request.path_params["id"])
        return error(1203, "task not found") if job is None else envelope(self._as_json(job))

    async def list(self, request: Request) -> Response:
        """A page of tasks, newest first."""
        try:
            number = int(request.query_params.get("pageNum", "1"))
            size = int(request.query_params.get("pageSize", "30"))
        except ValueError:
            return error(1201, "pageNum and pageSize must be whole numbers")
        if not 1 <= number <= 1000 or not 1 <= size <= 500:
            return error(1201, "pageNum must be 1 to 1000, pageSize 1 to 500")
        jobs = [job for job in self._context.store.jobs.values() if job.provider == self.name][::-1]
        return envelope([self._as_json(job) for job in jobs[(number - 1) * size : number * size]])

    def refuse(self, fault: Fault) -> Response:
        """Kling's form of a refusal; `code` overrides the code."""
        wait = fault.parameters.get("retry_after")
        headers = {"Retry-After": str(wait)} if wait is not None else None
        codes = {
            "rate_limited": 1302,
            "concurrency_limit": 1303,
            "account_locked": 1100,
            "arrears": 1101,
            "quota_exceeded": 1102,
            "unauthorized": 1000,
        }
        server = {503: 5001, 504: 5002}.get(int(fault.parameters.get("status", 500)), 5000)
        return error(int(fault.parameters.get("code", codes.get(fault.fault, server))), headers=headers)

    def planned_failure(self, name: str, parameters: JsonObject) -> JobFailedError:
        """A failed task; the reason is only in its message."""
        refused = "Failure to pass the risk control system"
        message = (
            refused if name == "content_refused" else str(parameters.get("message", "Internal error, please retry"))
        )
        return JobFailedError({"message": message})

    async def _check(self, data: bytes) -> tuple[int, int]:
        """Size of a good picture. Raises ValueError."""
        if len(data) > MAX_PICTURE_BYTES:
            raise ValueError("Image file is larger than 10MB")
        try:
            facts = await asyncio.to_thread(picture_facts, data)
        except BadMediaError:
            raise ValueError("Image can not be decoded") from None
        cap = self._context.options.picture
        least = 300 if cap is None else min(300, cap[1] // 2)
        longer, shorter = max(facts.width, facts.height), min(facts.width, facts.height)
        if facts.format not in {"PNG", "JPEG"} or shorter < least or longer > 2.5 * shorter:
            raise ValueError("Image pixel is invalid")
        return facts.width, facts.height

    async def _picture(self, job: Job, url: str) -> tuple[bytes, tuple[int, int]]:
        try:
            if url.startswith("blob:"):
                data = self._context.store.blob_path(url.removeprefix("blob:")).read_bytes()
            else:
                data = await self._context.fetch(self.name, job.model, url)
            return data, await self._check(data)
        except (FetchError, ValueError) as problem:
            raise JobFailedError({"message": f"Image download or check failed: {problem}"}) from None

    async def produce(self, job: Job) -> JsonObject:
        """Animates the picture."""
        body = job.body
        start = body.get("image") or body["image_tail"]
        image, (width, height) = await self._picture(job, start)
        tail = (await self._picture(job, body["image_tail"]))[0] if body.get("image_tail") else None
        scale = SHORT_SIDE[body["mode"]] / min(width, height)
        size = self._context.shrunk(round(width * scale), round(height * scale))
        film = await self._context.renderer.run(
            make_clip,
            image,
            tail=tail,
            seconds=int(body["duration"]),
            width=size[0],
            height=size[1],
            sound=body["sound"] == "on",
        )
        name = f"{job.id}.mp4"
        self._context.store.put_output(name, film, "video/mp4", job.id)
        return {
            "file": name,
            "video_id": str(uuid.uuid5(uuid.NAMESPACE_URL, job.id)),
            "duration": f"{int(body['duration'])}.0",
        }

    async def announce(self, job: Job) -> None:
        """Posts every change to the callback, unsigned, without an envelope."""
        if job.callback is not None:
            body = json.dumps(self._as_json(job)).encode()
            times = 2 if "duplicate_webhook" in job.faults else 1
            await deliver(self._context.http, job.callback, body, {}, times=times)
