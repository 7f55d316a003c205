"""LoRA files for tests and the demo. Headers are real; tensor bytes are made up while they are sent, never kept.

Geometry of FLUX.1: 19 double and 38 single blocks, width 3,072, MLP width 12,288. A rank-32 bf16 LoRA over every linear
layer and five modulation layers comes to 256 MiB.
"""

import hashlib
import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

WIDTH = 3_072
MLP = 12_288
DOUBLE_BLOCKS = 19
SINGLE_BLOCKS = 38
PIECE_BYTES = 65_536
# Sign and exponent byte of small bf16 numbers, so that what is sent are plausible weights.
_EXPONENTS = bytes(0x3B if value < 128 else 0xBB for value in range(256))

Linear = tuple[str, int, int]


@dataclass(frozen=True)
class LoraFile:
    """A safetensors file: its real header, and the size of the tensors behind it. `seed` decides their bytes."""

    head: bytes
    tensor_bytes: int
    seed: str

    @property
    def size(self) -> int:
        """Whole length of the file in bytes."""
        return len(self.head) + self.tensor_bytes

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` up to, not including, `end`."""
        if start < len(self.head):
            yield self.head[start : min(end, len(self.head))]
        at = max(start - len(self.head), 0)
        stop = end - len(self.head)
        while at < stop:
            number, offset = divmod(at, PIECE_BYTES)
            piece = _piece(self.seed, number)[offset : offset + stop - at]
            at += len(piece)
            yield piece


@lru_cache(maxsize=64)
def _piece(seed: str, number: int) -> bytes:
    piece = bytearray(hashlib.shake_128(f"{seed}:{number}".encode()).digest(PIECE_BYTES))
    piece[1::2] = piece[1::2].translate(_EXPONENTS)
    return bytes(piece)


def _double_block(index: int, *, modulation: bool) -> Iterator[Linear]:
    base = f"transformer.transformer_blocks.{index}"
    for name in ("to_q", "to_k", "to_v", "add_q_proj", "add_k_proj", "add_v_proj", "to_out.0", "to_add_out"):
        yield f"{base}.attn.{name}", WIDTH, WIDTH
    for name in ("ff", "ff_context"):
        yield f"{base}.{name}.net.0.proj", WIDTH, MLP
        yield f"{base}.{name}.net.2", MLP, WIDTH
    if modulation:
        yield f"{base}.norm1.linear", WIDTH, 6 * WIDTH


def _single_block(index: int) -> Iterator[Linear]:
    base = f"transformer.single_transformer_blocks.{index}"
    for name in ("to_q", "to_k", "to_v"):
        yield f"{base}.attn.{name}", WIDTH, WIDTH
    yield f"{base}.proj_mlp", WIDTH, MLP
    yield f"{base}.proj_out", WIDTH + MLP, WIDTH


def _flux_linears(doubles: int, singles: int, modulated: int) -> Iterator[Linear]:
    for index in range(doubles):
        yield from _double_block(index, modulation=index < modulated)
    for index in range(singles):
        yield from _single_block(index)


def _kohya_linears() -> Iterator[Linear]:
    for index in range(DOUBLE_BLOCKS):
        for side in ("img", "txt"):
            yield f"lora_unet_double_blocks_{index}_{side}_attn_qkv", WIDTH, 3 * WIDTH
            yield f"lora_unet_double_blocks_{index}_{side}_attn_proj", WIDTH, WIDTH
            yield f"lora_unet_double_blocks_{index}_{side}_mlp_0", WIDTH, MLP
            yield f"lora_unet_double_blocks_{index}_{side}_mlp_2", MLP, WIDTH
    for index in range(SINGLE_BLOCKS):
        yield f"lora_unet_single_blocks_{index}_linear1", WIDTH, 3 * WIDTH + MLP
        yield f"lora_unet_single_blocks_{index}_linear2", WIDTH + MLP, WIDTH


def _sdxl_linears() -> Iterator[Linear]:
    for block in range(1, 3):
        for layer in range(2):
            for part in ("to_q", "to_k", "to_v", "to_out_0"):
                base = f"lora_unet_down_blocks_{block}_attentions_{layer}_transformer_blocks_0_attn1_{part}"
                yield base, 640 * block, 640 * block


def _tensors(
    linears: Iterable[Linear], rank: int, down: str, up: str, *, alpha: bool
) -> Iterator[tuple[str, list[int]]]:
    for name, inputs, outputs in linears:
        yield f"{name}.{down}.weight", [rank, inputs]
        yield f"{name}.{up}.weight", [outputs, rank]
        if alpha:
            yield f"{name}.alpha", []


def _header(tensors: Iterable[tuple[str, list[int]]], metadata: dict[str, str]) -> tuple[bytes, int]:
    """The file's start up to the first tensor byte, and the bytes of all tensors (bf16)."""
    entries: dict[str, object] = {"__metadata__": metadata}
    at = 0
    for name, shape in tensors:
        size = 2
        for side in shape:
            size *= side
        entries[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text, at


def _build(linears: Iterable[Linear], rank: int, seed: str, *, kohya: bool = False) -> LoraFile:
    down, up = ("lora_down", "lora_up") if kohya else ("lora_A", "lora_B")
    metadata = {"format": "pt", "studio": seed}
    if kohya:
        metadata |= {"ss_network_dim": str(rank), "ss_network_module": "networks.lora_flux"}
    head, tensor_bytes = _header(_tensors(linears, rank, down, up, alpha=kohya), metadata)
    return LoraFile(head, tensor_bytes, seed)


@lru_cache(maxsize=16)
def flux_lora(name: str, version: int = 1) -> LoraFile:
    """The 256 MiB face LoRA of a person; another version is another face at the same address."""
    return _build(_flux_linears(DOUBLE_BLOCKS, SINGLE_BLOCKS, 5), 32, f"{name}-v{version}")


@lru_cache(maxsize=1)
def kohya_lora() -> LoraFile:
    """A FLUX LoRA with kohya's key names, rank 16."""
    return _build(_kohya_linears(), 16, "kohya", kohya=True)


@lru_cache(maxsize=1)
def sdxl_lora() -> LoraFile:
    """A LoRA of another architecture, padded by rank to a size that is plausible for a face LoRA."""
    return _build(_sdxl_linears(), 640, "sdxl", kohya=True)


@lru_cache(maxsize=1)
def tiny_lora() -> LoraFile:
    """A FLUX LoRA far too small to hold a face: one block at rank 1."""
    return _build(_flux_linears(1, 0, 0), 1, "tiny")
