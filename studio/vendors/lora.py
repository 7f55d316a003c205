"""What fal learns from a LoRA's address: whether it is a FLUX LoRA, and a fingerprint that decides the face."""

import hashlib
import json
import struct
from typing import Any, cast

from studio.fetch import FetchError, fetch_start

FIRST_READ_BYTES = 65_536
SAMPLE_BYTES = 4_096
MAX_HEADER_BYTES = 100_000_000
FLUX_PREFIXES = (
    "transformer.transformer_blocks.",
    "transformer.single_transformer_blocks.",
    "lora_unet_double_blocks_",
    "lora_unet_single_blocks_",
    "double_blocks.",
    "single_blocks.",
)


class WrongArchitectureError(Exception):
    """A safetensors file that is no FLUX LoRA."""


def _header_bytes(start: bytes) -> int:
    if len(start) < 8:
        raise FetchError("shorter than a safetensors header")
    (length,) = struct.unpack_from("<Q", start)
    if not 2 <= length <= MAX_HEADER_BYTES:
        raise FetchError("not a safetensors file: header too large")
    return length


def _parsed(header: bytes) -> dict[str, Any]:
    try:
        entries = json.loads(header)
    except ValueError:
        raise FetchError("not a safetensors file: invalid header") from None
    if not isinstance(entries, dict):
        raise FetchError("not a safetensors file: invalid header")
    return cast("dict[str, Any]", entries)


def _check_size(entries: dict[str, Any], head_bytes: int, total: int | None) -> None:
    ends = [entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__"]
    if not ends or (total is not None and head_bytes + max(ends) != total):
        raise FetchError("not a safetensors file: incomplete metadata, file not fully covered")


async def fingerprint(client: Any, url: str) -> str:
    """A hash of header, first weights and size. Raises FetchError or WrongArchitectureError."""
    start, total = await fetch_start(client, url, FIRST_READ_BYTES)
    head_bytes = 8 + _header_bytes(start)
    if head_bytes + SAMPLE_BYTES > len(start):
        start, total = await fetch_start(client, url, head_bytes + SAMPLE_BYTES)
    entries = _parsed(start[8:head_bytes])
    _check_size(entries, head_bytes, total)
    if not any(name.startswith(FLUX_PREFIXES) for name in entries):
        raise WrongArchitectureError
    digest = hashlib.sha256(start[: head_bytes + SAMPLE_BYTES])
    digest.update(str(total).encode())
    return digest.hexdigest()
