"""Planned misbehaviour: what was asked for through /control/faults, and which request it falls on."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from studio.connection import Dropped
from studio.state import JsonObject

# Falls on one answer.
ANSWER_FAULTS = frozenset(
    {
        "accept_then_drop",
        "account_locked",
        "arrears",
        "concurrency_limit",
        "drop",
        "gateway_html",
        "hang",
        "idempotency_outcome_unknown",
        "invalid_json",
        "quota_exceeded",
        "rate_limited",
        "server_error",
        "slow",
        "unauthorized",
    }
)
# Stays with the job that the request creates.
JOB_FAULTS = frozenset(
    {
        "completed_with_error",
        "content_refused",
        "duplicate_webhook",
        "nsfw",
        "output_expired",
        "output_html",
        "output_truncated",
        "stuck",
    }
)
OUTPUT_FAULTS = frozenset({"output_expired", "output_html", "output_truncated"})
# Falls on one download of a file.
DOWNLOAD_FAULTS = OUTPUT_FAULTS | {"drop", "hang", "rate_limited", "server_error", "slow"}
FETCH_FAULTS = frozenset({"output_expired", "server_error"})
OPERATIONS = frozenset(
    {
        "cancel",
        "cost",
        "download",
        "fetch",
        "history",
        "list",
        "models",
        "result",
        "secret",
        "status",
        "submit",
        "subscription",
        "voices",
    }
)
PROVIDERS = frozenset({"fal", "elevenlabs", "sync", "kling", "files"})
MAX_HANG_S = 120.0

_PAGE = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


@dataclass
class Fault:
    """One planned fault: passes `skip` matching requests, then falls on `times` of them (-1: all)."""

    provider: str
    fault: str
    operation: str = "submit"
    model: str | None = None
    times: int = 1
    skip: int = 0
    parameters: JsonObject = field(default_factory=dict[str, object])
    id: int = 0
    fired: int = 0

    def matches(self, provider: str, operation: str, model: str | None) -> bool:
        """Whether a request of this kind is meant."""
        return self.provider == provider and self.operation == operation and (self.model is None or self.model == model)


def _possible(operation: str) -> frozenset[str]:
    match operation:
        case "submit":
            return ANSWER_FAULTS | JOB_FAULTS
        case "download":
            return DOWNLOAD_FAULTS
        case "fetch":
            return FETCH_FAULTS
        case _:
            return ANSWER_FAULTS


class Faults:
    """The planned faults, oldest first."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []
        self._ids = itertools.count(1)

    def add(self, fault: Fault) -> Fault:
        """Plans a fault. Raises ValueError for what does not exist or cannot fall there."""
        if fault.provider not in PROVIDERS:
            raise ValueError(f"provider must be one of {', '.join(sorted(PROVIDERS))}")
        if fault.fault not in ANSWER_FAULTS | JOB_FAULTS:
            raise ValueError(f"fault must be one of {', '.join(sorted(ANSWER_FAULTS | JOB_FAULTS))}")
        if fault.operation not in OPERATIONS:
            raise ValueError(f"operation must be one of {', '.join(sorted(OPERATIONS))}")
        if fault.fault not in _possible(fault.operation):
            raise ValueError(f"{fault.fault} cannot fall on {fault.operation}")
        fault.id = next(self._ids)
        self._planned.append(fault)
        return fault

    def take(self, provider: str, operation: str, model: str | None, among: frozenset[str]) -> Fault | None:
        """The fault that falls on this request, counted as used."""
        for fault in self._planned:
            if fault.fault not in among or fault.times == 0 or not fault.matches(provider, operation, model):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.times -= 1 if fault.times > 0 else 0
            fault.fired += 1
            return fault
        return None

    def take_for_job(self, provider: str, model: str) -> dict[str, JsonObject]:
        """Every fault that stays with a new job: name to parameters."""
        taken = (self.take(provider, "submit", model, frozenset({name})) for name in sorted(JOB_FAULTS))
        return {fault.fault: fault.parameters for fault in taken if fault is not None}

    def listed(self) -> list[JsonObject]:
        """All planned faults, also those that are used up."""
        return [asdict(fault) for fault in self._planned]

    def clear(self) -> None:
        """Plans nothing any more."""
        self._planned.clear()


async def _hang(request: Request, seconds: float) -> None:
    """Waits until the client has gone, at most so long."""

    async def leave() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    with suppress(TimeoutError):
        await asyncio.wait_for(leave(), min(seconds, MAX_HANG_S))


def _garbled(response: Response) -> Response:
    body = bytes(response.body)
    return Response(body[: max(1, len(body) // 2)], status_code=response.status_code, media_type="application/json")


async def answer_with(
    fault: Fault,
    request: Request,
    handler: Callable[[Request], Awaitable[Response]],
    refuse: Callable[[Fault], Response],
) -> Response:
    """Answers a request the way the fault says; `refuse` gives the vendor's own form of an error."""
    parameters = fault.parameters
    match fault.fault:
        case "accept_then_drop":
            await handler(request)
            return Dropped()
        case "drop":
            return Dropped()
        case "hang":
            if parameters.get("accepted"):
                await handler(request)
            await _hang(request, float(parameters.get("seconds", MAX_HANG_S)))
            return Dropped()
        case "slow":
            response = await handler(request)
            await asyncio.sleep(min(float(parameters.get("seconds", 2.0)), MAX_HANG_S))
            return response
        case "invalid_json":
            return _garbled(await handler(request))
        case "gateway_html":
            return HTMLResponse(_PAGE, status_code=int(parameters.get("status", 502)))
        case _:
            return refuse(fault)
