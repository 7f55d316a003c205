"""Errors as RFC 9457 problem details: one shape for every refusal, whoever raises it."""

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic.alias_generators import to_camel
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from temporalio.service import RPCError

from api.views import FieldProblem, Problem
from domain.failures import user_message
from domain.rejections import ConflictError, RejectedError, StaleError, TooLargeError
from models.enums import FailureCode
from store.objects.port import StoreError

MEDIA_TYPE = "application/problem+json"
TRY_AGAIN_S = 5  # what a service that is away is given to come back

_KINDS: tuple[tuple[type[RejectedError], int, str], ...] = (
    (StaleError, 412, "stale"),
    (ConflictError, 409, "conflict"),
    (TooLargeError, 413, "too_large"),
)
_STATUS_OF = {
    FailureCode.NOT_FOUND: 404,
    FailureCode.PROVIDER_UNAVAILABLE: 503,
    FailureCode.TIMED_OUT: 503,
    FailureCode.RATE_LIMITED: 503,
    FailureCode.UNAUTHORIZED: 503,  # a service behind us refuses us: nothing that the caller can mend
}
_CODE_OF = {
    400: "unreadable_body",
    404: FailureCode.NOT_FOUND,
    405: "method_not_allowed",
    413: "too_large",
}

# What says that a service behind us is away.
AWAY = (OperationalError, InterfaceError, PoolTimeoutError, RPCError, StoreError, TimeoutError, OSError)

log = logging.getLogger(__name__)


class ApiError(Exception):
    """A refusal of the HTTP layer itself: who asks, how much, how often, and with which headers."""

    def __init__(self, status: int, code: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.problem = problem(status, code, detail)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class ProblemResponse(JSONResponse):
    """A problem as it is sent; escapes what is not ASCII, as what people send may be no Unicode."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        """Write JSON."""
        return json.dumps(content).encode()


def problem(status: int, code: str, detail: str, errors: list[FieldProblem] | None = None) -> Problem:
    """Name a problem by its code."""
    title = HTTPStatus(status).phrase
    return Problem(
        type=f"urn:devatar:problem:{code}", title=title, status=status, code=code, detail=detail, errors=errors or []
    )


def answer(found: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The response of a problem."""
    given = dict(headers or {})
    if found.status == 503:
        given.setdefault("Retry-After", str(TRY_AGAIN_S))
    return ProblemResponse(found.model_dump(mode="json", by_alias=True), found.status, headers=given)


def of_rejection(error: RejectedError) -> Problem:
    """What a rule said no to, in the names that the caller uses."""
    field = _field(error.field)
    status, code = _STATUS_OF.get(error.code, 422), str(error.code)
    for kind, its_status, its_code in _KINDS:
        if isinstance(error, kind):
            status, code = its_status, its_code
    detail = f"{field}: {error.problem}. {error.remedy}"
    return problem(status, code, detail, [FieldProblem(field=field, problem=error.problem, remedy=error.remedy)])


def install(app: FastAPI) -> None:
    """Answer every exception with a problem."""
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(RejectedError, _on_rejection)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    for away in AWAY:
        app.add_exception_handler(away, _on_away)
    app.add_exception_handler(Exception, _on_bug)


async def _on_api_error(request: Request, error: Exception) -> Response:
    refused = cast(ApiError, error)
    return answer(refused.problem, refused.headers)


async def _on_rejection(request: Request, error: Exception) -> Response:
    return answer(of_rejection(cast(RejectedError, error)))


async def _on_invalid(request: Request, error: Exception) -> Response:
    """The input itself is never repeated: it may hold a secret in the wrong field."""
    errors = [
        FieldProblem(
            field=".".join(str(part) for part in item["loc"][1:]) or str(item["loc"][0]),
            problem=str(item["msg"]).removeprefix("Value error, "),
            remedy=None,
        )
        for item in cast(RequestValidationError, error).errors()
    ]
    detail = "; ".join(f"{item.field}: {item.problem}" for item in errors[:10])
    return answer(problem(422, FailureCode.INVALID_REQUEST, detail, errors))


async def _on_http(request: Request, error: Exception) -> Response:
    found = cast(HTTPException, error)
    code = _CODE_OF.get(found.status_code, HTTPStatus(found.status_code).phrase.lower().replace(" ", "_"))
    headers = dict(found.headers or {})
    if found.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request)) or headers.get("Allow", "")
    return answer(problem(found.status_code, code, str(found.detail)), headers)


async def _on_away(request: Request, error: Exception) -> Response:
    log.warning("%s %s: %s: %s", request.method, request.url.path, type(error).__name__, _first_line(error))
    which = {RPCError: "Temporal", StoreError: "the object store", OperationalError: "the database"}
    name = next((name for kind, name in which.items() if isinstance(error, kind)), "a service that is needed")
    return answer(problem(503, FailureCode.PROVIDER_UNAVAILABLE, f"{name} does not answer; nothing was done"))


async def _on_bug(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path)  # the server logs the traceback
    return answer(problem(500, FailureCode.UNKNOWN, user_message(FailureCode.UNKNOWN)))


def _methods(request: Request) -> list[str]:
    """All methods of a path: each method is a route of its own, and the router knows only the first."""
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    asked = request.url.path.split("/")
    for template, operations in paths.items():
        parts = template.split("/")
        if len(parts) == len(asked) and all(
            part == given or part.startswith("{") for part, given in zip(parts, asked, strict=True)
        ):
            return [name.upper() for name in operations]
    return []


def _field(name: str) -> str:
    return ".".join(to_camel(part) for part in name.split(".")) if name.islower() else name


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]
