"""A small HTTP server that receives webhooks."""

import asyncio
import json
import queue
import socket
import threading
from dataclasses import dataclass
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

WAIT_S = 15.0


@dataclass(frozen=True)
class Received:
    """One delivery."""

    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class WebhookReceiver:
    """Answers POSTs to `url` with the statuses in `answers`, then 200, and keeps what came; runs in a thread."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self._received: queue.Queue[Received] = queue.Queue()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/hook"
        app = Starlette(routes=[Route("/hook", self._receive, methods=["POST"])])
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", ws="none"))
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],), daemon=True)

    async def _receive(self, request: Request) -> Response:
        self._received.put(Received(dict(request.headers), await request.body()))
        return Response(status_code=self.answers.pop(0) if self.answers else 200)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._server.should_exit = True
        self._thread.join(WAIT_S)
        self._listener.close()

    async def next(self) -> Received:
        """The next delivery. Raises queue.Empty."""
        return await asyncio.to_thread(self._received.get, timeout=WAIT_S)

    @property
    def pending(self) -> int:
        """Deliveries that came and were not read."""
        return self._received.qsize()
