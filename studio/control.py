"""/control and /bill: how tests and people steer the studio and read what happened."""

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from studio.context import Context, Latency
from studio.faults import Fault
from studio.jobs import Jobs
from studio.vendors.strict import Strict, parse

ACCOUNT_STATES = ("ok", "account_locked", "quota_exceeded", "arrears")


class FaultInput(Strict):
    """POST /control/faults."""

    provider: str
    fault: str
    operation: str = "submit"
    model: str | None = None
    times: int = 1
    skip: int = 0
    parameters: dict[str, Any] = Field(default_factory=dict[str, Any])


class LatencyInput(Strict):
    """PUT /control/latency; without a provider it holds for all four."""

    provider: str | None = None
    queue_s: float = 0.0
    processing_s: float = 0.0


class AccountInput(Strict):
    """POST /control/account."""

    provider: str
    state: str = "ok"
    character_limit: int | None = None


class LoraInput(Strict):
    """POST /control/lora: which content the address of a LoRA serves."""

    name: str = "deven"
    version: int


class VarietyInput(Strict):
    """POST /control/variety: whether equal requests get different files, as at the vendors."""

    on: bool


def _wrong(problem: object) -> Response:
    return JSONResponse({"detail": problem}, 400)


class Control:
    """The control endpoints."""

    def __init__(self, context: Context, jobs: Jobs) -> None:
        self._context = context
        self._jobs = jobs

    def routes(self) -> list[BaseRoute]:
        """All paths under /control, and the bill."""
        return [
            Route("/bill", self.bill, methods=["GET"]),
            Route("/control/health", self.health, methods=["GET"]),
            Route("/control/latency", self.latency, methods=["PUT"]),
            Route("/control/faults", self.faults, methods=["GET", "POST", "DELETE"]),
            Route("/control/requests", self.requests, methods=["GET"]),
            Route("/control/jobs", self.jobs, methods=["GET"]),
            Route("/control/account", self.account, methods=["POST"]),
            Route("/control/lora", self.lora, methods=["POST"]),
            Route("/control/variety", self.variety, methods=["POST"]),
            Route("/control/reset", self.reset, methods=["POST"]),
        ]

    async def health(self, request: Request) -> Response:
        """Says that the studio is up."""
        return JSONResponse({"studio": self._context.url})

    async def bill(self, request: Request) -> Response:
        """Every line, optionally of one provider, and their total in micro-dollars."""
        provider = request.query_params.get("provider")
        lines = [line for line in self._context.store.bill.values() if provider in (None, line.provider)]
        total = sum(line.price_usd_micros for line in lines)
        return JSONResponse({"lines": [asdict(line) for line in lines], "total_usd_micros": total})

    async def latency(self, request: Request) -> Response:
        """Sets how long jobs wait and work."""
        body = parse(LatencyInput, await request.body())
        if not isinstance(body, BaseModel):
            return _wrong(body)
        providers = [body.provider] if body.provider is not None else ["fal", "elevenlabs", "sync", "kling"]
        for provider in providers:
            self._context.set_latency(provider, Latency(body.queue_s, body.processing_s))
        return JSONResponse({"ok": True})

    async def faults(self, request: Request) -> Response:
        """Plans, lists or clears faults."""
        faults = self._context.faults
        if request.method == "DELETE":
            faults.clear()
        if request.method != "POST":
            return JSONResponse({"faults": faults.listed()})
        body = parse(FaultInput, await request.body())
        if not isinstance(body, BaseModel):
            return _wrong(body)
        try:
            return JSONResponse(asdict(faults.add(Fault(**body.model_dump()))), 201)
        except ValueError as error:
            return _wrong(str(error))

    async def requests(self, request: Request) -> Response:
        """The requests received, optionally of one provider."""
        return JSONResponse({"requests": self._context.journal.listed(request.query_params.get("provider"))})

    async def jobs(self, request: Request) -> Response:
        """Every job as the studio knows it."""
        provider = request.query_params.get("provider")
        jobs = [job for job in self._context.store.jobs.values() if provider in (None, job.provider)]
        return JSONResponse({"jobs": [asdict(job) for job in jobs]})

    async def account(self, request: Request) -> Response:
        """Locks an account, empties it, or makes it good again."""
        body = parse(AccountInput, await request.body())
        if not isinstance(body, BaseModel):
            return _wrong(body)
        if body.state not in ACCOUNT_STATES:
            return _wrong(f"state must be one of {', '.join(ACCOUNT_STATES)}")
        self._context.store.save_setting(
            f"account.{body.provider}", body.model_dump(exclude={"provider"}, exclude_none=True)
        )
        return JSONResponse({"ok": True})

    async def lora(self, request: Request) -> Response:
        """Switches the content behind a LoRA's address."""
        body = parse(LoraInput, await request.body())
        if not isinstance(body, BaseModel):
            return _wrong(body)
        self._context.store.save_setting(f"lora.{body.name}", body.version)
        return JSONResponse({"ok": True})

    async def variety(self, request: Request) -> Response:
        """Makes every job's output its own from now on, or the same for the same request again."""
        body = parse(VarietyInput, await request.body())
        if not isinstance(body, BaseModel):
            return _wrong(body)
        self._context.store.save_setting("variety", body.on)
        return JSONResponse({"ok": True})

    async def reset(self, request: Request) -> Response:
        """Forgets jobs, bill, requests, faults and settings; files made so far stay where they are."""
        await self._jobs.close()
        self._context.store.clear()
        self._context.faults.clear()
        self._context.journal.clear()
        return JSONResponse({"ok": True})
