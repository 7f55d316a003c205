"""The record of every request the studio received, for tests to read; of secrets the last four characters."""

import hashlib
import json
import time
from collections import deque
from typing import Any, cast

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.state import JsonObject

MAX_REQUESTS = 20_000
MAX_BODY_BYTES = 32 * 1024 * 1024
MAX_STRING = 4_096
PROVIDER_OF_PREFIX = {
    "fal-queue": "fal",
    "fal-run": "fal",
    "elevenlabs": "elevenlabs",
    "sync": "sync",
    "kling": "kling",
    "files": "files",
}
SECRET_HEADERS = frozenset({"authorization", "xi-api-key", "x-api-key"})


def masked(value: str) -> str:
    """The scheme and the last four characters of a credential."""
    scheme, space, secret = value.rpartition(" ")
    return f"{scheme}{space}...{secret[-4:]}" if len(secret) > 4 else f"{scheme}{space}..."


def _shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_STRING:
        return f"<{len(value)} characters, sha256 {hashlib.sha256(value.encode()).hexdigest()}>"
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in cast("JsonObject", value).items()}
    if isinstance(value, list):
        return [_shortened(item) for item in cast("list[Any]", value)]
    return value


def _parsed(body: bytes, headers: Headers) -> Any:
    if "json" not in headers.get("content-type", ""):
        return None
    try:
        return _shortened(json.loads(body))
    except ValueError:
        return None


class Journal:
    """The requests received, oldest first. `status` is None while unanswered, and stays None when never answered."""

    def __init__(self) -> None:
        self._requests: deque[JsonObject] = deque(maxlen=MAX_REQUESTS)
        self._number = 0

    def clear(self) -> None:
        """Forgets all requests."""
        self._requests.clear()

    def listed(self, provider: str | None = None) -> list[JsonObject]:
        """The requests received, optionally of one provider."""
        return [request for request in self._requests if provider in (None, request["provider"])]

    def open(self, provider: str, scope: Scope) -> JsonObject:
        """Starts the record of a request."""
        self._number += 1
        headers = Headers(scope=scope)
        query = QueryParams(scope["query_string"])
        record: JsonObject = {
            "number": self._number,
            "time": time.time(),
            "provider": provider,
            "method": scope["method"],
            "path": scope["path"],
            "query": {key: query.getlist(key) if len(query.getlist(key)) > 1 else query[key] for key in query},
            "headers": {key: masked(value) if key in SECRET_HEADERS else value for key, value in headers.items()},
            "json": None,
            "body_bytes": 0,
            "status": None,
        }
        self._requests.append(record)
        return record


class JournalMiddleware:
    """Records each request of a provider and marks every answer as the studio's."""

    def __init__(self, app: ASGIApp, journal: Journal) -> None:
        self._app = app
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, recording it."""
        provider = PROVIDER_OF_PREFIX.get(scope.get("path", "").split("/")[1]) if scope["type"] == "http" else None
        record = self._journal.open(provider, scope) if provider is not None else None
        body = bytearray()

        async def receiving() -> Message:
            message = await receive()
            if record is not None and message["type"] == "http.request" and len(body) < MAX_BODY_BYTES:
                body.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    record["body_bytes"] = len(body)
                    record["json"] = _parsed(bytes(body), Headers(scope=scope))
            return message

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-studio"] = "1"
                if record is not None:
                    record["status"] = message["status"]
            await send(message)

        await self._app(scope, receiving, sending)
