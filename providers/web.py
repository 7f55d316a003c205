"""Fetching files that users and vendors point at."""

import asyncio
import hashlib
from pathlib import Path
from typing import BinaryIO

import httpx

from domain.media_types import SNIFF_BYTES, sniff_media_type
from models.enums import FailureCode
from providers.errors import ProviderError
from providers.guard import fetching
from providers.http_errors import calling, redact, refusal
from providers.ports import Downloaded

VENDOR = "web"

_CHUNK_BYTES = 1 << 20


def web_refusal(response: httpx.Response, *, missing: FailureCode = FailureCode.NOT_FOUND) -> ProviderError:
    """The error of an answer other than success.

    Every 4xx but 408 and 429 means that the file is not to be had there: stores answer an expired link with 400, 401,
    403, 404 or 410, each as it likes.
    """
    gone = 400 <= response.status_code < 500 and response.status_code not in (408, 429)
    hint = "; is the link still valid?" if gone else ""
    return refusal(
        VENDOR,
        response.status_code,
        f"{redact(str(response.url))}{hint}",
        code=missing if gone else None,
        paid=False,
        vendor_error=False,
        headers=response.headers,
    )


class GuardedWebFetcher:
    """Downloads through a client of `guard.guarded_client`; `timeout_s` bounds a whole download in seconds."""

    def __init__(self, client: httpx.AsyncClient, *, timeout_s: float = 600.0) -> None:
        self._client = client
        self._timeout_s = timeout_s

    async def download(self, url: str, to: Path, *, max_bytes: int) -> Downloaded:
        """Stream to `to`, which is removed again on any failure.

        Raises `ProviderError`: `media_invalid` for what is no medium, empty or beyond `max_bytes`; `not_found` for a
        dead link; `invalid_request` for a refused address; `provider_unavailable` for a broken or truncated transfer.
        """
        file = await asyncio.to_thread(to.open, "wb")
        try:
            async with (
                calling(VENDOR, paid=False, timeout_s=self._timeout_s),
                fetching(self._client, url) as (answer, _),
            ):
                if answer.status_code not in (200, 204):  # 204 is an empty file
                    raise web_refusal(answer)
                downloaded = await _store(answer, file, to, max_bytes)
        except BaseException:
            _discard(file, to)
            raise
        await asyncio.to_thread(file.close)
        return downloaded


def _discard(file: BinaryIO, path: Path) -> None:
    file.close()
    path.unlink(missing_ok=True)


async def _store(answer: httpx.Response, file: BinaryIO, to: Path, max_bytes: int) -> Downloaded:
    if int(answer.headers.get("content-length") or 0) > max_bytes:
        raise _invalid(f"the file is larger than {max_bytes:,} bytes")
    digest, size, head = hashlib.sha256(), 0, b""
    async for chunk in answer.aiter_bytes(_CHUNK_BYTES):
        size += len(chunk)
        if size > max_bytes:
            raise _invalid(f"the file is larger than {max_bytes:,} bytes")
        if len(head) < SNIFF_BYTES:
            head += chunk[:SNIFF_BYTES]
            _check_head(head)
        digest.update(chunk)
        await asyncio.to_thread(file.write, chunk)
    media_type = _check_head(head)
    return Downloaded(path=to, size=size, sha256=digest.hexdigest(), media_type=media_type)


def _check_head(head: bytes) -> str:
    media_type = sniff_media_type(head)
    if media_type is None:
        raise _invalid(_what_it_is(head))
    return media_type


def _what_it_is(head: bytes) -> str:
    start = head.lstrip()[:15].lower()
    if not head:
        return "the file is empty"
    if start.startswith((b"<!doctype html", b"<html")):
        return "the answer is an HTML page"
    if start.startswith((b"<?xml", b"{", b"[")):
        return "the answer is XML or JSON, not a medium"
    return "the content is neither PNG, JPEG, WebP, MP4, MP3 nor WAV"


def _invalid(why: str) -> ProviderError:
    return ProviderError(FailureCode.MEDIA_INVALID, f"{VENDOR}: {why}")
