"""How the studio, in a vendor's place, fetches inputs by URL."""

import base64
import binascii

import httpx

MAX_REDIRECTS = 5
TIMEOUT_S = 20.0
MAX_BYTES = 200 * 1024 * 1024
USER_AGENT = "studio-fetch"


class FetchError(Exception):
    """The URL could not be read; the message says why."""


def open_client() -> httpx.AsyncClient:
    """The HTTP client for inputs and webhooks."""
    return httpx.AsyncClient(
        timeout=TIMEOUT_S,
        follow_redirects=True,
        max_redirects=MAX_REDIRECTS,
        trust_env=False,
        headers={"User-Agent": USER_AGENT},
    )


def _decode_data_uri(url: str) -> bytes:
    head, _, body = url.partition(",")
    if not head.endswith(";base64"):
        raise FetchError("only base64 data URIs are read")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise FetchError(f"not base64: {error}") from None


async def fetch(client: httpx.AsyncClient, url: str, *, max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes behind an http(s) URL or a base64 data URI. Raises FetchError."""
    if url.startswith("data:"):
        return _decode_data_uri(url)
    return await _read(client, url, {}, max_bytes)


async def fetch_start(client: httpx.AsyncClient, url: str, count: int) -> tuple[bytes, int | None]:
    """The first `count` bytes and the file's whole size where the server says it. Raises FetchError."""
    headers = {"Range": f"bytes=0-{count - 1}", "Accept-Encoding": "identity"}
    try:
        async with client.stream("GET", url, headers=headers) as answer:
            _check(answer)
            held = bytearray()
            async for chunk in answer.aiter_bytes():
                held += chunk
                if len(held) >= count:
                    break
            return bytes(held[:count]), _whole_size(answer)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FetchError(f"{type(error).__name__}: {error}") from None


def _whole_size(answer: httpx.Response) -> int | None:
    stated = answer.headers.get("content-range", "").rpartition("/")[2]
    if answer.status_code != 206:
        stated = answer.headers.get("content-length", "")
    return int(stated) if stated.isdigit() else None


def _check(answer: httpx.Response) -> None:
    if answer.status_code not in (200, 206):
        raise FetchError(f"HTTP {answer.status_code}")


async def _read(client: httpx.AsyncClient, url: str, headers: dict[str, str], max_bytes: int) -> bytes:
    try:
        async with client.stream("GET", url, headers=headers) as answer:
            _check(answer)
            held = bytearray()
            async for chunk in answer.aiter_bytes():
                held += chunk
                if len(held) > max_bytes:
                    raise FetchError(f"larger than {max_bytes} bytes")
            return bytes(held)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FetchError(f"{type(error).__name__}: {error}") from None
