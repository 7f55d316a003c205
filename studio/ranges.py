"""HTTP Range over anything that can give its bytes from one position to another."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

CHUNK_BYTES = 256 * 1024

Reader = Callable[[int, int], Iterator[bytes]]


def read_file(path: Path) -> Reader:
    """A reader of a file on disk."""

    def read(start: int, end: int) -> Iterator[bytes]:
        with path.open("rb") as file:
            file.seek(start)
            while start < end and (chunk := file.read(min(CHUNK_BYTES, end - start))):
                start += len(chunk)
                yield chunk

    return read


def read_bytes(data: bytes) -> Reader:
    """A reader of bytes in memory."""

    def read(start: int, end: int) -> Iterator[bytes]:
        yield data[start:end]

    return read


def _asked(header: str | None, size: int) -> tuple[int, int] | str | None:
    """(start, end) asked for, None for the whole, or "unsatisfiable"; several ranges are answered with the whole."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header or "")
    if match is None or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size
    start, end = int(first), min(int(last) + 1 if last else size, size)
    return (start, end) if start < end else "unsatisfiable"


def ranged(request: Request, read: Reader, size: int, media_type: str, etag: str) -> Response:
    """Answers GET and HEAD with the whole (200), a part (206) or 416."""
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{etag}"'}
    asked = _asked(request.headers.get("range"), size)
    if isinstance(asked, str):
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"})
    start, end = asked or (0, size)
    headers["Content-Length"] = str(end - start)
    if asked is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    body = iter(()) if request.method == "HEAD" else read(start, end)
    return StreamingResponse(body, 206 if asked is not None else 200, headers, media_type)
