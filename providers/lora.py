"""Checking a LoRA file by its first bytes, without downloading it."""

import hashlib
import re
import struct
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from models.artifacts import LoraReport
from models.enums import FailureCode
from providers.errors import ProviderError
from providers.guard import fetching
from providers.http_errors import calling
from providers.web import VENDOR, web_refusal

FIRST_BYTES = 65_536
MIN_BYTES = 10 * 1024 * 1024
"""A rank 4 Flux LoRA of the attention layers alone is 13 MB: nothing smaller is a trained face."""

# The library reads headers up to 100 MB; those of Flux LoRAs take 50 to 150 KB, and what a stranger's URL says is
# held in memory here.
_MAX_HEADER_BYTES = 16 * 1024 * 1024
# How much of the tensors goes into the fingerprint when the header alone fills the first range.
_SAMPLE_BYTES = 16_384

_DIALECTS = {
    "diffusers": re.compile(r"^transformer\.(single_)?transformer_blocks\.\d+\..*lora"),
    "kohya": re.compile(r"^lora_unet_(double|single)_blocks_\d+_"),
    "bfl": re.compile(r"^(diffusion_model\.)?(double|single)_blocks\.\d+\..*lora"),
}
_OTHER_ARCHITECTURES = {
    "an SDXL or SD LoRA": re.compile(r"^lora_unet_(down|up|mid|input|output|middle)_block|^unet\.(down|up|mid)_block"),
    "a full Flux model, no LoRA": re.compile(r"^(model\.diffusion_model\.)?(double|single)_blocks\.\d+\."),
}


class _Tensor(BaseModel):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


_Entries = TypeAdapter(dict[str, dict[str, object]])
_Tensors = TypeAdapter(dict[str, _Tensor])


@dataclass(frozen=True)
class _Part:
    """The bytes `start..` of a file, the file's whole size where the server says it, and its strong tag."""

    data: bytes
    total: int | None
    tag: str


class SafetensorsLoraInspector:
    """Checks LoRAs through a client of `guard.guarded_client`; `timeout_s` bounds one inspection in seconds.

    `min_bytes` is the smallest plausible file.
    """

    def __init__(self, client: httpx.AsyncClient, *, min_bytes: int = MIN_BYTES, timeout_s: float = 60.0) -> None:
        self._client = client
        self._min_bytes = min_bytes
        self._timeout_s = timeout_s

    async def inspect(self, url: str) -> LoraReport:
        """Read the safetensors header by one ranged GET, or two when it is longer than 64 KiB.

        Raises `ProviderError`: `lora_not_found` for a dead link, `lora_too_small`, `lora_invalid` for what is no whole
        Flux LoRA, `invalid_request` for a refused address, `rate_limited` and `provider_unavailable` for faults.

        The fingerprint covers the header, the size, the tensor bytes that came along and the server's strong ETag. It
        cannot tell apart two files of equal header and size that differ only in later tensors on a server without
        strong ETags; and the same file under another ETag counts as another one.
        """
        async with calling(VENDOR, paid=False, timeout_s=self._timeout_s):
            first = await self._read(url, 0, FIRST_BYTES)
            header_end = _header_end(first)
            if header_end > FIRST_BYTES:
                rest = await self._read(url, FIRST_BYTES, header_end + _SAMPLE_BYTES)
                first = _Part(first.data + rest.data, first.total or rest.total, first.tag)
        return _report(first, header_end, self._min_bytes)

    async def _read(self, url: str, start: int, end: int) -> _Part:
        """Bytes `start` to `end` (exclusive), also from a server that ignores `Range`, and less where the file ends."""
        headers = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        async with fetching(self._client, url, headers) as (response, redirects):
            if response.status_code == 416:
                raise _invalid("the file is empty or ends before its own header")
            if response.status_code not in (200, 206):
                raise web_refusal(response, missing=FailureCode.LORA_NOT_FOUND)
            ranged = response.status_code == 206
            wanted = end - start if ranged else end
            data, complete = await _take(response, wanted)
            total = _total_of_range(response) if ranged else _length(response)
            if total is None and complete and not ranged:
                total = len(data)
            return _Part(data if ranged else data[start:], total, _strong_tag(response, redirects))


def inspect_lora_file(path: Path, *, min_bytes: int = MIN_BYTES) -> LoraReport:
    """As `inspect`, for a file on this machine. Raises `ProviderError`: `lora_too_small`, `lora_invalid`."""
    with path.open("rb") as file:
        data = file.read(FIRST_BYTES)
        part = _Part(data, path.stat().st_size, "")
        header_end = _header_end(part)
        if header_end > FIRST_BYTES:
            part = replace(part, data=data + file.read(header_end + _SAMPLE_BYTES - FIRST_BYTES))
    return _report(part, header_end, min_bytes)


def _report(part: _Part, header_end: int, min_bytes: int) -> LoraReport:
    if len(part.data) < header_end:
        raise _invalid("the file ends within its header")
    tensors = _tensors(part.data[8:header_end])
    dialect = _dialect(tensors)
    size = header_end + max(tensor.data_offsets[1] for tensor in tensors.values())
    if part.total not in (None, size):
        state = "truncated" if part.total < size else "followed by bytes that do not belong to it"
        raise _invalid(f"the file is {state}: {part.total:,} bytes where its header says {size:,}")
    if size < min_bytes:
        detail = f"LoRA: {size:,} bytes are too few for a trained face; expected at least {min_bytes:,}"
        raise ProviderError(FailureCode.LORA_TOO_SMALL, detail)
    digest = hashlib.sha256(f"{size}\n{part.tag}\n".encode() + part.data)
    return LoraReport(size=size, fingerprint=digest.hexdigest(), dialect=dialect, tensors=len(tensors))


async def _take(response: httpx.Response, wanted: int) -> tuple[bytes, bool]:
    """Up to `wanted` bytes of a stream, and whether it ended within them."""
    data = bytearray()
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > wanted:
            return bytes(data[:wanted]), False
    return bytes(data), True


def _header_end(part: _Part) -> int:
    """Where the header ends: 8 bytes of length (little endian), then so many bytes of JSON."""
    if part.data.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        raise _invalid("the answer is an HTML page; on Hugging Face use the file's /resolve/ link, not /blob/")
    if len(part.data) < 10 or part.data[8:9] != b"{":
        raise _invalid("the file is not in safetensors format")
    (length,) = struct.unpack("<Q", part.data[:8])
    if length < 2 or length > _MAX_HEADER_BYTES or (part.total is not None and 8 + length > part.total):
        raise _invalid(f"the safetensors header claims an impossible length of {length:,} bytes")
    return 8 + length


def _tensors(header: bytes) -> dict[str, _Tensor]:
    try:
        entries = _Entries.validate_json(header)
        entries.pop("__metadata__", None)
        tensors = _Tensors.validate_python(entries)
    except ValidationError:
        raise _invalid("the safetensors header cannot be read") from None
    if not tensors:
        raise _invalid("the file holds no tensors")
    return tensors


def _dialect(tensors: dict[str, _Tensor]) -> str:
    """Which trainer's key names the file uses; any of the three is a Flux LoRA."""
    for dialect, pattern in _DIALECTS.items():
        if any(map(pattern.match, tensors)):
            return dialect
    found = next((what for what, keys in _OTHER_ARCHITECTURES.items() if any(map(keys.match, tensors))), "no Flux LoRA")
    raise _invalid(f"this is {found}: its tensors have names like {next(iter(tensors))!r}")


def _total_of_range(response: httpx.Response) -> int | None:
    total = response.headers.get("content-range", "").rpartition("/")[2]
    return int(total) if total.isdigit() else None


def _length(response: httpx.Response) -> int | None:
    """Missing means unknown; the length of an encoded body is not the file's."""
    length = response.headers.get("content-length", "")
    return int(length) if length.isdigit() and "content-encoding" not in response.headers else None


def _strong_tag(response: httpx.Response, redirects: list[httpx.Response]) -> str:
    """The content's own tag: Hugging Face states it on its redirect, others on the file; a weak one tells nothing."""
    linked = [answer.headers["x-linked-etag"] for answer in (*redirects, response) if "x-linked-etag" in answer.headers]
    tag = linked[0] if linked else response.headers.get("etag", "")
    return "" if tag.startswith("W/") else tag.strip('"')


def _invalid(why: str) -> ProviderError:
    return ProviderError(FailureCode.LORA_INVALID, f"LoRA: {why}")
