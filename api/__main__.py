"""The HTTP API: `python -m api`. Address and limits come from the environment and `.env`; SIGTERM ends it."""

import asyncio
import json
import sys
from types import FrameType

import uvicorn

from api.app import create_app
from api.guard import is_loopback
from api.services import Services
from domain.rejections import RejectedError
from runtime.catalog.apikeys import has_api_keys
from runtime.logs import configure_logging
from runtime.settings import Settings, load_settings
from runtime.temporal import connect
from runtime.wiring import Parts, assembled
from store.database import DatabaseUnavailableError

SHUTDOWN_S = 5  # open event streams are cut then


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; prints one JSON line once the port is open. Raises RejectedError."""
    async with assembled(settings) as parts:
        await _check_host(parts)
        server = _Server(configuration(create_app(Services(parts, connect)), settings))
        await server.serve()


def configuration(app: object, settings: Settings) -> uvicorn.Config:
    """How it is served. The access log would hold what people ask for, and peers are those that really connect."""
    return uvicorn.Config(
        app,  # pyright: ignore[reportArgumentType]
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=SHUTDOWN_S,
    )


class _Server(uvicorn.Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in order, and leave it at that: uvicorn itself would let the signal kill the process afterwards."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: object = None) -> None:
        """Say where, as port 0 leaves that open."""
        await super().startup()
        for server in self.servers:
            host, port = server.sockets[0].getsockname()[:2]
            sys.stdout.write(json.dumps({"api": f"http://{f'[{host}]' if ':' in host else host}:{port}"}) + "\n")
            sys.stdout.flush()
            return


async def _check_host(parts: Parts) -> None:
    host = parts.settings.api_host
    if is_loopback(host):
        return
    await parts.database.check()
    if not await has_api_keys(parts.database):
        raise RejectedError(
            "DEVATAR_API_HOST",
            f"{host} can be reached by other machines, and there is no API key",
            "Make one (starter.py apikey create), or use 127.0.0.1",
        )


def main() -> int:
    """Serve until stopped; 0, or 2 with one line that says what is missing."""
    try:
        settings = load_settings()
        configure_logging(settings.log_level)
        asyncio.run(serve(settings))
    except (RejectedError, DatabaseUnavailableError) as error:
        sys.stderr.write(f"api: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
