"""Outputs that differ from job to job, as the vendors' own do."""

import hashlib
import io
from pathlib import Path

import av
import httpx
import pytest

from studio.media.portrait import draw_portrait
from studio.variety import marked
from tests.media.makers import Film, make_film, make_sound
from tests.studio.vendors import vendors
from tests.support.studio import Studio


def decoded(data: bytes) -> str:
    """A hash of everything that is seen and heard."""
    digest = hashlib.sha256()
    with av.open(io.BytesIO(data), "r") as container:
        for frame in container.decode():
            digest.update(frame.to_ndarray().tobytes())
    return digest.hexdigest()


def output(media_type: str, folder: Path) -> bytes:
    """A small one of its kind."""
    match media_type:
        case "video/mp4":
            return make_film(folder / "film.mp4", Film()).read_bytes()
        case "audio/mpeg":
            return make_sound(folder / "sound.mp3", 0.5).read_bytes()
        case _:
            kind = media_type.removeprefix("image/")
            return draw_portrait("a face", face="x", seed=1, width=256, height=256, output_format=kind)


@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg", "audio/mpeg", "video/mp4"])
def test_a_mark_changes_the_bytes_and_nothing_that_is_seen_or_heard(media_type: str, tmp_path: Path) -> None:
    """Two jobs' files differ, and are decoded to the same as the one without a mark."""
    plain = output(media_type, tmp_path)
    one, two = (marked(plain, media_type, job) for job in ("job-1", "job-2"))
    assert len({plain, one, two}) == 3
    assert decoded(plain) == decoded(one) == decoded(two)


async def test_equal_requests_get_different_files_while_it_is_on(studio: Studio, http: httpx.AsyncClient) -> None:
    """On, two speeches of the same words differ; off again they are the same. Other bodies are refused."""
    vendor, contents = vendors()["elevenlabs"], list[bytes]()
    for on in (True, False):
        await http.post(f"{studio.url}/control/variety", json={"on": on})
        contents += [(await vendor.submit(studio, http)).content for _ in range(2)]
    assert contents[0] != contents[1]
    assert contents[2] == contents[3]
    assert (await http.post(f"{studio.url}/control/variety", json={"on": "loud"})).status_code == 400
