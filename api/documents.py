"""What the OpenAPI document says beyond what routes say themselves: problems, keys, and a page that shows it."""

from html import escape
from importlib.resources import files
from typing import Any, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.guard import SCHEME
from api.problems import MEDIA_TYPE
from api.views import Problem

DESCRIPTION = """Identities, projects and scenes, and filming them.

- **Keys**: `Authorization: Bearer KEY`; `starter.py apikey create` makes one. As long as there is none, this machine
  alone is served. Each key has scopes: `read`, `write`, `generate`; none includes another.
- **Errors** are `application/problem+json` (RFC 9457): `code` is for programs, `detail` for people, `errors` names
  each field that cannot be used, what is wrong with it and what to do.
- **Edits** need `If-Match` with the `ETag` that was read, so that none overwrites another unseen.
- **References** in paths are ids or names.
"""
_ALWAYS = {429: "Too many requests of late", 500: "A bug; nothing of it is told", 503: "A service behind is away"}
_KEYED = {401: "No usable API key", 403: "The key lacks the scope, or without any key: not this machine"}
_PATHS = {404: "There is none", 422: "A value that cannot be used"}
_BODIES = {400: "The body cannot be read", 413: "The body is too large", 422: "A value that cannot be used"}
_MEANING = {409: "It would collide with what is there", 412: "Changed since it was read", 428: "If-Match is missing"}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Responses of a route that are problems of its own."""
    known = _MEANING | _PATHS
    return {status: problem_response(known[status]) for status in statuses}


def problem_response(description: str) -> dict[str, Any]:
    """A problem as OpenAPI describes it."""
    return {"description": description, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas |= _problem_schemas()
    document["components"]["securitySchemes"] = {SCHEME: {"type": "http", "scheme": "bearer"}}
    for operations in document["paths"].values():
        for operation in operations.values():
            _complete(operation)
    app.openapi_schema = document
    return document


def _problem_schemas() -> dict[str, Any]:
    schema = Problem.model_json_schema(by_alias=True, mode="serialization", ref_template="#/components/schemas/{model}")
    nested = cast(dict[str, Any], schema.pop("$defs", {}))
    return {"Problem": schema} | nested


def _complete(operation: dict[str, Any]) -> None:
    """The problems that every route may answer with, in the one shape."""
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    common = dict(_ALWAYS)
    if operation.get("security"):
        common |= _KEYED
    if operation.get("parameters"):
        common[422] = _PATHS[422]
    if any(parameter["in"] == "path" for parameter in operation.get("parameters", [])):
        common[404] = _PATHS[404]
    if "requestBody" in operation:
        common |= _BODIES
    for status, description in common.items():
        responses.setdefault(str(status), problem_response(description))
    for status in ("429", "503"):
        responses[status].setdefault("headers", {})["Retry-After"] = {
            "description": "Seconds to wait",
            "schema": {"type": "string"},
        }
    operation["responses"] = dict(sorted(responses.items()))


def page(document: dict[str, Any]) -> str:
    """The document as a page that loads nothing else."""
    routes = "".join(
        _route(method.upper(), path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    )
    template = files("api").joinpath("docs.html").read_text(encoding="utf-8")
    return template.replace("{{version}}", escape(str(document["info"]["version"]))).replace("{{routes}}", routes)


def _route(method: str, path: str, operation: dict[str, Any]) -> str:
    security = operation.get("security")
    scope = security[0][SCHEME][0] if security else "none"
    answers = ", ".join(operation["responses"])
    body = next(iter(operation.get("requestBody", {}).get("content", {})), "")
    facts = {
        "scope": scope,
        "parameters": ", ".join(parameter["name"] for parameter in operation.get("parameters", [])),
        "body": f"{body} {_body_name(operation)}".strip(),
        "answers": answers,
    }
    rows = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts.items() if value)
    heading = f"<h3><b>{method}</b> <code>{escape(path)}</code></h3>"
    return f"<section>{heading}<p>{escape(operation.get('description', ''))}</p><dl>{rows}</dl></section>"


def _body_name(operation: dict[str, Any]) -> str:
    content = cast(dict[str, dict[str, Any]], operation.get("requestBody", {}).get("content", {}))
    references = [str(entry["schema"].get("$ref", "")) for entry in content.values()]
    return references[0].rpartition("/")[2] if references else ""
