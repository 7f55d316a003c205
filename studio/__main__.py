"""`python -m studio`: serves the studio on loopback and prints one JSON line with its address when it is ready."""

import argparse
import asyncio
import ipaddress
import json
import logging
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from types import FrameType

import uvicorn

from studio.app import build_app
from studio.connection import TrackedProtocol
from studio.context import Options

DEFAULT_PICTURE = "1024x576"
SHUTDOWN_S = 2


def picture_cap(text: str) -> tuple[int, int] | None:
    """`WIDTHxHEIGHT` as (longer, shorter) side, or None for `full`. Raises argparse.ArgumentTypeError."""
    if text == "full":
        return None
    try:
        width, height = (int(part) for part in text.split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT or full, not {text!r}") from None
    if min(width, height) < 64:
        raise argparse.ArgumentTypeError("pictures need at least 64 pixels a side")
    return max(width, height), min(width, height)


def loopback(text: str) -> str:
    """A loopback address. Raises argparse.ArgumentTypeError for any other."""
    try:
        good = text == "localhost" or ipaddress.ip_address(text).is_loopback
    except ValueError:
        good = False
    if not good:
        raise argparse.ArgumentTypeError(f"the studio listens on loopback only, not on {text!r}")
    return text


def parse_arguments() -> argparse.Namespace:
    """The command line; each option can be given as STUDIO_<NAME> in the environment."""

    def env(name: str, default: str) -> str:
        return os.environ.get(f"STUDIO_{name}", default).strip()

    parser = argparse.ArgumentParser(prog="python -m studio", description=__doc__)
    parser.add_argument("--host", type=loopback, default=env("HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=env("PORT", "0"), help="0 picks a free one")
    parser.add_argument(
        "--data", type=Path, default=env("DATA", "") or None, help="folder to keep state in; else forgotten"
    )
    parser.add_argument(
        "--picture", type=picture_cap, default=env("PICTURE", DEFAULT_PICTURE), help="WIDTHxHEIGHT or full"
    )
    parser.add_argument("--latency", type=float, default=env("LATENCY", "0"), help="seconds added to each job")
    parser.add_argument("--kling-access-key", default=env("KLING_ACCESS_KEY", "studio-kling-access-key"))
    parser.add_argument(
        "--kling-secret-key", default=env("KLING_SECRET_KEY", "studio-kling-secret-key-0123456789abcdef")
    )
    parser.add_argument("--webhook-secret", default=env("WEBHOOK_SECRET", "whsec_studio_0123456789abcdef"))
    return parser.parse_args()


class AnnouncingServer(uvicorn.Server):
    """A server that prints its address once it answers."""

    def __init__(self, config: uvicorn.Config, url: str) -> None:
        super().__init__(config)
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, then says so on standard output."""
        await super().startup(sockets)
        if not self.should_exit:
            sys.stdout.write(json.dumps({"studio": self._url}) + "\n")
            sys.stdout.flush()


def serve(arguments: argparse.Namespace, data: Path) -> None:
    """Binds, builds and serves until told to stop."""
    family = socket.AF_INET6 if ":" in arguments.host else socket.AF_INET
    # Only for sockets that say TCP does asyncio turn off Nagle's delay: 40 ms an answer with a client that keeps alive.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((arguments.host, arguments.port))
    host = f"[{arguments.host}]" if family == socket.AF_INET6 else arguments.host
    url = f"http://{host}:{listener.getsockname()[1]}"
    options = Options(
        picture=arguments.picture,
        latency_s=arguments.latency,
        kling_access_key=arguments.kling_access_key,
        kling_secret_key=arguments.kling_secret_key,
        webhook_secret=arguments.webhook_secret,
    )
    config = uvicorn.Config(
        build_app(url, data, options),
        http=TrackedProtocol,
        ws="none",
        log_level="warning",
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    asyncio.run(AnnouncingServer(config, url).serve([listener]))


def end_normally(number: int, frame: FrameType | None) -> None:
    """A signal handler that ends the program with exit code 0."""
    sys.exit(0)


def main() -> None:
    """Runs the studio."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    arguments = parse_arguments()
    # uvicorn raises the signal again when it has shut down; ending normally then lets temporary folders be removed.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end_normally)
    if arguments.data is not None:
        arguments.data.mkdir(parents=True, exist_ok=True)
        serve(arguments, arguments.data)
        return
    with tempfile.TemporaryDirectory(prefix="studio-") as folder:
        serve(arguments, Path(folder))


if __name__ == "__main__":
    main()
