"""Closing a connection without an answer, or in the middle of one: what an ASGI application cannot say by itself."""

import asyncio

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_transports: dict[tuple[str, int], asyncio.BaseTransport] = {}


class TrackedProtocol(H11Protocol):
    """uvicorn's h11 protocol, with each open connection findable by the client's address."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Remembers the transport under the client's address."""
        super().connection_made(transport)
        if self.client is not None:
            _transports[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the transport."""
        if self.client is not None:
            _transports.pop(self.client, None)
        super().connection_lost(exc)


async def _close(scope: Scope) -> None:
    transport = _transports.get(tuple(scope["client"]))
    if transport is not None:
        transport.close()
    await asyncio.sleep(0.02)  # lets uvicorn see the loss before the application returns, or it would answer 500


class Dropped(Response):
    """No answer at all: the connection is closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Closes the connection."""
        await _close(scope)


class CutShort(Response):
    """Promises the whole body, sends its first half, then closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the headers and half of the body."""
        body = bytes(self.body)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        await asyncio.sleep(0.02)
        await _close(scope)
