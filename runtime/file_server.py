"""The HTTP face of the embedded mode's object folder: signed GET and HEAD, nothing else.

Run as `python -m runtime.file_server --root DIR --port N`; the signing key comes from DEVATAR_FILES_SIGNING_KEY.
"""

import argparse
import asyncio
import json
import socket
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from runtime.settings import load_settings
from store.objects.local import LocalObjectStore, Signature
from store.objects.port import StoreError, check_key

HOST = "127.0.0.1"
SIGNING_KEY_VARIABLE = "DEVATAR_FILES_SIGNING_KEY"


def create_file_app(store: LocalObjectStore) -> Starlette:
    """Make the application that serves `store`'s signed URLs with ranges.

    403 for a signature that is wrong, missing or expired, before anything is said about the object; then 404.
    """

    async def serve(request: Request) -> Response:
        key = request.path_params["key"]
        query = request.query_params
        try:
            verdict = store.verify(
                check_key(key), expires=query.get("expires", ""), signature=query.get("signature", "")
            )
        except ValueError:
            return PlainTextResponse("no such object\n", 404)
        if verdict is Signature.BAD:
            return PlainTextResponse("the signature does not fit this address\n", 403)
        if verdict is Signature.EXPIRED:
            return PlainTextResponse("this address has expired\n", 403)
        return await _content(store, key)

    app = Starlette(routes=[Route("/objects/{key:path}", serve, methods=["GET"])])
    app.router.redirect_slashes = False
    return app


async def _content(store: LocalObjectStore, key: str) -> Response:
    try:
        found = await asyncio.to_thread(store.look_up, key)
    except StoreError:
        return PlainTextResponse("the object store cannot be read\n", 503)
    if found is None:
        return PlainTextResponse("no such object\n", 404)
    headers = {"ETag": f'"{found.sha256}"', "Cache-Control": "private", "X-Content-Type-Options": "nosniff"}
    return FileResponse(store.path_of(key), media_type=found.media_type, headers=headers)


async def serve_files(app: Starlette, listener: socket.socket) -> None:
    """Serve on a listening socket until the task is cancelled or the process is told to stop."""
    # The access log would hold signatures.
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    try:
        await server.serve(sockets=[listener])
    except asyncio.CancelledError:
        # Otherwise the event loop goes on watching a socket that its owner is about to close.
        if server.started:
            await server.shutdown(sockets=[listener])
        raise


def main() -> int:
    """Serve a folder; prints one JSON line once the port is open. Exit code 2 when the signing key is missing."""
    parser = argparse.ArgumentParser(prog="python -m runtime.file_server", description="Serve stored media.")
    parser.add_argument("--root", type=Path, required=True, help="folder of the object store")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    arguments = parser.parse_args()
    signing_key = load_settings().files_signing_key
    if not signing_key:
        sys.stderr.write(f"{SIGNING_KEY_VARIABLE} is not set: URLs of stored media cannot be signed or checked\n")
        return 2
    listener = socket.create_server((HOST, arguments.port))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # small answers would wait 40 ms
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    app = create_file_app(LocalObjectStore(arguments.root, url, signing_key))
    sys.stdout.write(json.dumps({"files": url}) + "\n")
    sys.stdout.flush()
    asyncio.run(serve_files(app, listener))
    return 0


if __name__ == "__main__":
    sys.exit(main())
