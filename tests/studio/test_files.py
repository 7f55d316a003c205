"""The studio's files: ranges, LoRA fixtures good and bad, pictures good and bad."""

import json
import struct
from typing import Any

import httpx
import pytest

from studio import fixtures
from studio.makers import picture_facts
from tests.support.studio import Studio

FIRST = {"Range": "bytes=0-65535"}


async def header_of(http: httpx.AsyncClient, url: str) -> tuple[dict[str, Any], int, int]:
    """The parsed safetensors header, its length with the length field, and the file's whole size."""
    start = await http.get(url, headers=FIRST)
    total = int(start.headers["content-range"].rpartition("/")[2])
    (length,) = struct.unpack_from("<Q", start.content)
    rest = await http.get(url, headers={"Range": f"bytes=8-{8 + length - 1}"})
    return json.loads(rest.content), 8 + length, total


async def test_the_lora_is_a_real_flux_lora_of_256_mb(studio: Studio, http: httpx.AsyncClient) -> None:
    """Flux key names, rank 32, the sizes agree, and the whole is 256 MB to the nearest."""
    entries, head, total = await header_of(http, studio.lora_url())
    tensors = {name: entry for name, entry in entries.items() if name != "__metadata__"}
    assert round(total / 1024 / 1024) == 256
    assert head + max(entry["data_offsets"][1] for entry in tensors.values()) == total
    assert any(name.startswith("transformer.single_transformer_blocks.37.") for name in tensors)
    assert any(name.endswith("lora_A.weight") for name in tensors)


async def test_reading_is_the_same_whole_or_in_parts(studio: Studio, http: httpx.AsyncClient) -> None:
    """Made-up bytes do not depend on where a read begins; HEAD says the size; past the end is 416."""
    url = studio.lora_url("tiny")
    whole = (await http.get(url)).content
    assert int((await http.head(url)).headers["content-length"]) == len(whole)
    for start, end in [(0, 10), (5_000, 70_001), (65_530, 200_000), (len(whole) - 5, len(whole))]:
        part = await http.get(url, headers={"Range": f"bytes={start}-{end - 1}"})
        assert (part.status_code, part.content) == (206, whole[start:end])
    assert (await http.get(url, headers={"Range": "bytes=-7"})).content == whole[-7:]
    assert (await http.get(url, headers={"Range": f"bytes={len(whole)}-"})).status_code == 416


async def test_another_version_is_other_content_at_the_same_address(studio: Studio, http: httpx.AsyncClient) -> None:
    """Header, bytes and ETag change; the size does not."""
    first = await http.get(studio.lora_url(), headers=FIRST)
    studio.lora_version(2)
    second = await http.get(studio.lora_url(), headers=FIRST)
    assert first.content != second.content
    assert first.headers["etag"] != second.headers["etag"]
    assert first.headers["content-range"] == second.headers["content-range"]


@pytest.mark.parametrize(
    ("name", "key"), [("kohya", "lora_unet_double_blocks_0_img_attn_qkv"), ("sdxl", "lora_unet_down")]
)
async def test_other_dialects(studio: Studio, http: httpx.AsyncClient, name: str, key: str) -> None:
    """kohya's names are FLUX, SDXL's are not; both are sound files of plausible size."""
    entries, _, total = await header_of(http, studio.lora_url(name))
    assert any(entry.startswith(key) for entry in entries)
    assert 10_000_000 < total < 1_200_000_000


async def test_bad_loras(studio: Studio, http: httpx.AsyncClient) -> None:
    """Missing, expired, a page with 200, cut off, no length, no HEAD, redirects."""
    statuses = {name: (await http.get(studio.lora_url(name))).status_code for name in ("missing", "expired", "page")}
    assert statuses == {"missing": 404, "expired": 403, "page": 200}
    assert (await http.get(studio.lora_url("page"))).headers["content-type"].startswith("text/html")
    cut = (await http.get(studio.lora_url("truncated"), headers=FIRST)).headers["content-range"]
    assert int(cut.rpartition("/")[2]) == fixtures.flux_lora("deven").size - 1_000_000
    async with http.stream("GET", studio.lora_url("no-length"), headers=FIRST) as endless:
        assert (endless.status_code, endless.headers.get("content-length")) == (200, None)
    head_405 = studio.lora_url("head-405")
    assert [(await http.head(head_405)).status_code, (await http.get(head_405, headers=FIRST)).status_code] == [
        405,
        206,
    ]
    async with httpx.AsyncClient(follow_redirects=True, max_redirects=5) as follower:
        redirect = f"{studio.url}/files/loras/redirect"
        assert (await follower.get(redirect, params={"n": 5}, headers=FIRST)).status_code == 206
        with pytest.raises(httpx.TooManyRedirects):
            await follower.get(redirect, params={"n": 6}, headers=FIRST)
    away = await http.get(f"{studio.url}/files/loras/redirect", params={"n": 1, "to": "http://10.0.0.1/x"})
    assert away.headers["location"] == "http://10.0.0.1/x"


async def test_pictures(studio: Studio, http: httpx.AsyncClient) -> None:
    """Headshots decode; the bad ones are a page, half a file, and one far too big."""
    for name, kind in (("headshot.png", "PNG"), ("headshot.jpg", "JPEG"), ("portrait.png", "PNG")):
        facts = picture_facts((await http.get(studio.picture_url(name))).content)
        assert (facts.format, min(facts.width, facts.height) >= 256) == (kind, True)
    assert (await http.get(studio.picture_url("not-an-image.png"))).headers["content-type"].startswith("text/html")
    assert int((await http.head(studio.picture_url("huge.png"))).headers["content-length"]) > 50 * 1024 * 1024
