import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from models.artifacts import LoraReport
from models.enums import FailureCode
from providers.errors import ProviderError
from providers.guard import guarded_client
from providers.lora import FIRST_BYTES, SafetensorsLoraInspector
from tests.providers.wire import DROP, HANG, Received, reply, serving

MIN_BYTES = 50_000
DIFFUSERS = "transformer.transformer_blocks.{}.attn.to_q.lora_A.weight"


def lora(name: str = DIFFUSERS, *, tensors: int = 4, each: int = 40_000, fill: bytes = b"\1", end: int = 0) -> bytes:
    """A safetensors file of equal tensors; `end` is added to the last offset to make the header lie."""
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    for index in range(tensors):
        more = end if index == tensors - 1 else 0
        offsets = [index * each, (index + 1) * each + more]
        entries[name.format(index)] = {"dtype": "BF16", "shape": [each // 2], "data_offsets": offsets}
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + fill * (tensors * each)


@dataclass
class Host:
    """Serves one file, with the habits of a host; counts the bytes that it sent."""

    content: bytes
    ranges: bool = True
    length: bool = True
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def __call__(self, request: Received) -> bytes:
        length = {} if self.length else {"Content-Length": ""}
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers["range"])
        assert found
        assert request.headers["accept-encoding"] == "identity"
        if not self.ranges:
            return reply(200, self.content, length | self.headers)
        start, end = int(found[1]), int(found[2]) + 1
        total = len(self.content)
        if start >= total:
            return reply(416, headers={"Content-Range": f"bytes */{total}"})
        content_range = f"bytes {start}-{min(end, total) - 1}/{total if self.length else '*'}"
        return reply(206, self.content[start:end], {"Content-Range": content_range} | length | self.headers)


async def inspect(handler: Callable[[Received], bytes], path: str = "/lora") -> tuple[LoraReport, int]:
    """What the inspector says of `path`, and by how many requests."""
    async with serving(handler) as wire, guarded_client(frozenset({wire.url}), timeout_s=1) as client:
        report = await SafetensorsLoraInspector(client, min_bytes=MIN_BYTES, timeout_s=1).inspect(wire.url + path)
    return report, len(wire.received)


async def failure(handler: Callable[[Received], bytes]) -> ProviderError:
    """The error that the inspector raises."""
    with pytest.raises(ProviderError) as caught:
        await inspect(handler)
    return caught.value


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize(
    ("name", "dialect"),
    [
        (DIFFUSERS, "diffusers"),
        ("transformer.single_transformer_blocks.{}.proj_out.lora_B.weight", "diffusers"),
        ("lora_unet_double_blocks_{}_img_attn_qkv.lora_down.weight", "kohya"),
        ("lora_unet_single_blocks_{}_linear1.alpha", "kohya"),
        ("double_blocks.{}.processor.qkv_lora1.down.weight", "bfl"),
        ("diffusion_model.single_blocks.{}.linear1.lora_A.weight", "bfl"),
    ],
)
async def test_a_flux_lora_is_known_from_its_header(name: str, dialect: str, ranges: bool, length: bool) -> None:
    """Every dialect passes by one request, on hosts with and without ranges and lengths."""
    content = lora(name)
    report, requests = await inspect(Host(content, ranges, length))
    assert (report.size, report.dialect, report.tensors, requests) == (len(content), dialect, 4, 1)


async def test_the_fingerprint_is_of_the_content() -> None:
    """Equal files agree however they are served; other weights, sizes and strong tags differ."""
    same = [
        await inspect(Host(lora(), ranges, length), path)
        for ranges, length, path in [(True, True, "/a?sig=1"), (False, False, "/b"), (True, False, "/c")]
    ]
    other = [
        await inspect(Host(lora(fill=b"\2"))),
        await inspect(Host(lora(each=40_002))),
        await inspect(Host(lora(), headers={"ETag": '"abc"'})),
        await inspect(Host(lora(), headers={"ETag": '"abd"'})),
    ]
    weak = await inspect(Host(lora(), headers={"ETag": 'W/"abc"'}))
    assert len({report.fingerprint for report, _ in [*same, weak]}) == 1
    assert len({report.fingerprint for report, _ in [*same, *other]}) == 1 + len(other)


@pytest.mark.parametrize("ranges", [True, False])
async def test_a_long_header_takes_a_second_request(ranges: bool) -> None:
    """Headers beyond 64 KiB are read to their end, with the start of the weights for the fingerprint."""
    contents = [lora(tensors=1000, each=100, fill=fill) for fill in (b"\1", b"\2")]
    assert struct.unpack("<Q", contents[0][:8])[0] > FIRST_BYTES
    (one, requests), (two, _) = [await inspect(Host(content, ranges)) for content in contents]
    assert (one.size, one.tensors, requests) == (len(contents[0]), 1000, 2)
    assert one.fingerprint != two.fingerprint


async def test_redirects_lead_to_the_file_and_may_name_its_content() -> None:
    """Hugging Face's redirect carries the content's tag; the target's own tag may change from day to day."""

    def hub(day: str) -> Callable[[Received], bytes]:
        def handler(request: Received) -> bytes:
            if request.target == "/lora":
                tag = {"Location": f"/cdn?sig={day}", "X-Linked-Etag": '"5ha"', "X-Linked-Size": "9"}
                return reply(302, b"see other", tag)
            return Host(lora(), headers={"ETag": f'"{day}"'})(request)

        return handler

    (one, requests), (two, _) = await inspect(hub("monday")), await inspect(hub("tuesday"))
    assert one == two
    assert requests == 2


WHOLE = lora()
SDXL = lora("lora_unet_down_blocks_{}_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight")


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"<!DOCTYPE html><html>" + b"x" * 9_000, FailureCode.LORA_INVALID, "HTML"),
        (b"\x80\x02}q\x00" * 20_000, FailureCode.LORA_INVALID, "not in safetensors"),
        (b"", FailureCode.LORA_INVALID, ""),
        (b"12345", FailureCode.LORA_INVALID, "not in safetensors"),
        (struct.pack("<Q", 2**60) + b"{" * 90_000, FailureCode.LORA_INVALID, "impossible length"),
        (struct.pack("<Q", 95_000) + b"{" * 90_000, FailureCode.LORA_INVALID, "impossible length"),
        (struct.pack("<Q", 80_000) + b"{" * 90_000, FailureCode.LORA_INVALID, "cannot be read"),
        (struct.pack("<Q", 24) + b'{"__metadata__": {}}    ', FailureCode.LORA_INVALID, "no tensors"),
        (WHOLE[:-1], FailureCode.LORA_INVALID, "truncated"),
        (WHOLE[:70_000], FailureCode.LORA_INVALID, "truncated"),
        (WHOLE + b"\0", FailureCode.LORA_INVALID, "do not belong"),
        (lora(end=8), FailureCode.LORA_INVALID, "truncated"),
        (SDXL, FailureCode.LORA_INVALID, "SDXL"),
        (lora("double_blocks.{}.img_attn.qkv.weight"), FailureCode.LORA_INVALID, "full Flux model"),
        (lora("encoder.layer.{}.weight"), FailureCode.LORA_INVALID, "'encoder.layer.0.weight'"),
        (lora(each=1_000), FailureCode.LORA_TOO_SMALL, "at least 50,000"),
    ],
)
async def test_what_is_no_whole_flux_lora_is_refused(
    content: bytes, code: FailureCode, words: str, ranges: bool
) -> None:
    """Pages, foreign formats, damaged files and other architectures are named for what they are."""
    error = await failure(Host(content, ranges))
    assert error.code is code
    assert words in error.detail


async def test_a_header_beyond_all_measure_is_not_read() -> None:
    """Where no length is known, the header's own claim is not believed beyond what a LoRA can need."""
    content = struct.pack("<Q", 50_000_000) + b"{" * 90_000
    error = await failure(Host(content, length=False))
    assert (error.code, "impossible length" in error.detail) == (FailureCode.LORA_INVALID, True)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (reply(401), FailureCode.LORA_NOT_FOUND),
        (reply(403), FailureCode.LORA_NOT_FOUND),
        (reply(404), FailureCode.LORA_NOT_FOUND),
        (reply(410), FailureCode.LORA_NOT_FOUND),
        (reply(429, headers={"Retry-After": "3"}), FailureCode.RATE_LIMITED),
        (reply(500), FailureCode.PROVIDER_UNAVAILABLE),
        (reply(503, b"<html>"), FailureCode.PROVIDER_UNAVAILABLE),
        (reply(302, headers={"Location": "http://10.0.0.1/lora"}), FailureCode.INVALID_REQUEST),
        (DROP, FailureCode.PROVIDER_UNAVAILABLE),
        (HANG, FailureCode.PROVIDER_UNAVAILABLE),
    ],
)
async def test_faults_of_the_host(raw: bytes, code: FailureCode) -> None:
    """A dead link is the user's, a fault is worth trying again, a private address is refused."""

    def handler(_: Received) -> bytes:
        return raw

    error = await failure(handler)
    assert error.code is code
    assert error.retry_after_s == (3.0 if code is FailureCode.RATE_LIMITED else None)
