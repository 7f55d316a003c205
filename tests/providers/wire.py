"""A scripted HTTP server on loopback: what adapters must bear and no friendly server would ever do."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HANG = b"hang"
"""A reply that never comes."""

DROP = b""
"""The connection is closed without an answer."""


@dataclass(frozen=True)
class Received:
    """One request as it came over the wire; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> object:
        """The body, read as JSON."""
        return json.loads(self.body)


Handler = Callable[[Received], bytes]


@dataclass
class Wire:
    """A running server: where it is and what it was asked."""

    port: int = 0
    received: list[Received] = field(default_factory=list[Received])

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self.port}"


def reply(status: int, body: bytes | object = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """A whole response; anything but bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Content-Length": str(len(content)), "Connection": "close"} | dict(headers or {})
    lines = [f"HTTP/1.1 {status} -", *(f"{name}: {value}" for name, value in fields.items() if value), "", ""]
    return "\r\n".join(lines).encode() + content


@asynccontextmanager
async def serving(handler: Handler) -> AsyncGenerator[Wire]:
    """Serve until the block ends; `handler` gives the raw bytes to answer with."""
    wire = Wire()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _read(reader)
            wire.received.append(request)
            raw = handler(request)
            if raw is HANG:
                await reader.read()  # until the client gives up
            elif raw:
                writer.write(raw)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has left, or the test is over
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    async with server:
        yield wire


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, target, headers, body)
