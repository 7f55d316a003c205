"""Uploads: what is taken, what is refused and why, and that no size fills memory or disk."""

import io
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.api.conftest import Api, opened_api, settings_for
from tests.api.test_catalog import code_of
from tests.store.catalog.test_assets import bomb
from tests.support.databases import sqlite_copy

MEBIBYTE = 1024 * 1024
TWO_GIGABYTES = 2 * 1024**3
BOUNDARY = "frontier"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"


def png(size: tuple[int, int] = (40, 30)) -> bytes:
    """A small real picture."""
    written = io.BytesIO()
    Image.new("RGB", size, "teal").save(written, "PNG")
    return written.getvalue()


async def upload(
    api: Api, content: bytes, *, name: str = "face.png", media_type: str = "image/png", **fields: Any
) -> httpx.Response:
    """A headshot unless the fields say otherwise."""
    data = {"kind": "HEADSHOT"} | fields
    return await api.ask("POST", "/assets", files={"file": (name, content, media_type)}, data=data)


def start_of_form() -> bytes:
    """A form up to the first byte of its file."""
    kind = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="kind"\r\n\r\nHEADSHOT\r\n'
    return f'{kind}--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'.encode()


class Endless:
    """A form whose file never ends, and how much of it was taken."""

    def __init__(self) -> None:
        self.taken = 0

    async def body(self) -> AsyncGenerator[bytes]:
        yield start_of_form()
        while self.taken < TWO_GIGABYTES:
            self.taken += MEBIBYTE
            yield bytes(MEBIBYTE)


async def test_an_asset_lives_until_nothing_needs_it(api: Api) -> None:
    """Uploaded, listed, used by a scene, refused to go, and gone when the scene is."""
    made = (await upload(api, png(), name="anna.png")).json()
    listed = (await api.ask("GET", "/assets?kind=HEADSHOT")).json()
    await api.make("scenes", headshot=made["id"])
    refused = await api.ask("DELETE", f"/assets/{made['id']}")
    await api.ask("DELETE", "/scenes/welcome", headers={"If-Match": "*"})
    gone = await api.ask("DELETE", f"/assets/{made['id']}")

    assert (made["name"], made["mediaType"], made["width"], made["height"]) == ("anna.png", "image/png", 40, 30)
    assert listed["items"] == [made]
    assert code_of(refused) == (409, "conflict")
    assert "scene welcome" in refused.json()["detail"]
    assert gone.status_code == 204
    assert code_of(await api.ask("GET", f"/assets/{made['id']}")) == (404, "not_found")


async def test_a_reference_headshot_belongs_to_its_identity(api: Api) -> None:
    """It is listed with it; a picture without a face is none."""
    person = await api.make("identities")
    photograph = (Path(__file__).parents[1] / "media" / "photographs" / "obama.jpg").read_bytes()
    made = await upload(api, photograph, name="anna.jpg", media_type="image/jpeg", identity=person["name"])
    listed = (await api.ask("GET", f"/assets?identity={person['id']}")).json()
    refused = await upload(api, png(), identity=person["name"])

    assert made.json()["identityId"] == person["id"]
    assert listed["items"] == [made.json()]
    assert code_of(refused) == (422, "invalid_request")


@pytest.mark.parametrize(
    ("content", "options", "status", "field"),
    [
        (SVG, {"name": "a.svg", "media_type": "image/svg+xml"}, 422, "file"),
        (SVG, {"name": "a.png"}, 422, "file"),
        (HTML, {"name": "a.html", "media_type": "text/html"}, 422, "file"),
        (b"\x89PNG\r\n\x1a\n" + HTML, {}, 422, "file"),
        (b"MZ" + bytes(500), {}, 422, "file"),
        (b"", {}, 422, "file"),
        (png()[:-30], {}, 422, "file"),
        (bomb(), {}, 422, "file"),
        (png(), {"kind": "VOICE_SAMPLE", "name": "a.mp3", "media_type": "audio/mpeg"}, 422, "file"),
        (png(), {"kind": "LORA_MODEL", "name": "a.safetensors"}, 422, "file"),
        (bytes(100), {"kind": "LORA_MODEL", "name": "a.safetensors"}, 422, "file"),
        (png(), {"name": "../../etc/passwd"}, 422, "file"),
        (png(), {"name": "..\\..\\windows.png"}, 422, "file"),
        (png(), {"name": "/etc/cron.d/x.png"}, 422, "file"),
        (png(), {"name": ".."}, 422, "file"),
        (png(), {"kind": "PROGRAM"}, 422, "kind"),
        (png(), {"name": "a.png", "project": "nobody"}, 404, "project"),
    ],
)  # fmt: skip
async def test_what_is_no_such_file_is_refused(
    sqlite_api: Api, content: bytes, options: dict[str, Any], status: int, field: str
) -> None:
    """By content, not by name or declared type; nothing is kept, and the folder for work is empty again."""
    answer = await upload(sqlite_api, content, **options)
    left = [path for path in sqlite_api.services.settings.data_dir.rglob("scratch/*") if path]

    assert code_of(answer)[0] == status
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert (await sqlite_api.ask("GET", "/assets")).json()["total"] == 0
    assert not left


async def test_a_lying_name_and_type_do_not_matter(sqlite_api: Api) -> None:
    """A picture is a picture whatever it is called; it is served as what it is."""
    made = (await upload(sqlite_api, png(), name="song.mp3", media_type="audio/mpeg")).json()

    assert made["mediaType"] == "image/png"


@pytest.mark.parametrize("form", [{"files": {"file": ("a.png", b"x")}}, {"data": {"kind": "HEADSHOT"}}])
async def test_a_form_without_file_or_kind_is_refused(sqlite_api: Api, form: dict[str, Any]) -> None:
    """422 names what is missing."""
    assert code_of(await sqlite_api.ask("POST", "/assets", **form)) == (422, "invalid_request")


async def test_a_broken_form_is_refused(sqlite_api: Api) -> None:
    """400, not a bug."""
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    answer = await sqlite_api.ask("POST", "/assets", content=b"--nothing of the kind", headers=headers)

    assert code_of(answer) == (400, "unreadable_body")


async def test_two_gigabytes_that_are_announced_are_not_read(sqlite_api: Api) -> None:
    """413 before the first byte."""
    file = Endless()
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Content-Length": str(TWO_GIGABYTES)}
    answer = await sqlite_api.ask("POST", "/assets", content=file.body(), headers=headers)

    assert code_of(answer) == (413, "too_large")
    assert answer.headers["connection"] == "close"
    assert file.taken == 0


async def test_two_gigabytes_that_are_not_announced_are_cut_off(sqlite_template: Path, tmp_path: Path) -> None:
    """413 as soon as the limit is passed."""
    settings = settings_for(sqlite_copy(sqlite_template, tmp_path), tmp_path, DEVATAR_API_MAX_UPLOAD_MB="3")
    file = Endless()
    async with opened_api(settings) as api:
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        answer = await api.ask("POST", "/assets", content=file.body(), headers=headers)

    assert code_of(answer) == (413, "too_large")
    assert file.taken <= 6 * MEBIBYTE


async def test_a_file_above_the_limit_is_refused(sqlite_template: Path, tmp_path: Path) -> None:
    """The limit holds for the file itself, below that of the whole form."""
    settings = settings_for(sqlite_copy(sqlite_template, tmp_path), tmp_path, DEVATAR_API_MAX_UPLOAD_MB="1")
    async with opened_api(settings) as api:
        answer = await upload(api, png() + bytes(MEBIBYTE))

    assert code_of(answer) == (413, "too_large")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"name": "' + b"a" * 2 * MEBIBYTE + b'"}', 413),
        (b"{", 422),
        (b"[]", 422),
        (b"null", 422),
        (b'{"name": "a", "displayName": "\\ud800", "triggerWord": "t"}', 422),
        (b'{"\\ud800": 1}', 422),
        (b'{"name": "a", "displayName": "x", "triggerWord": "t", "loraScale": NaN}', 422),
        (b'{"name": ' + b"9" * 5000 + b"}", 400),
        (b"[" * 100_000, 400),
        (b'{"name": "\xc3\x28"}', 400),
    ],
)
async def test_a_body_that_is_no_json_of_ours_is_refused(sqlite_api: Api, body: bytes, status: int) -> None:
    """Too large, malformed, or of a kind that nothing can keep: a problem, never a bug."""
    headers = {"Content-Type": "application/json"}
    answer = await sqlite_api.ask("POST", "/identities", content=body, headers=headers)

    assert code_of(answer)[0] == status
