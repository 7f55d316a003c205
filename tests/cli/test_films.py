"""Where a finished film can be had, by kind of object store."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.films import Place, film_of, place_lines
from models.artifacts import ArtifactRef
from models.tables import Scene
from runtime.settings import load_settings

KEY = "artifacts/ab/abc.mp4"
UNSET = dict.fromkeys(("R2_BUCKET_NAME", "R2_PUBLIC_URL", "R2_ACCOUNT_ID", "DEVATAR_FILES_URL"), "")
BUCKET = {
    "R2_BUCKET_NAME": "films",
    "R2_ENDPOINT_URL": "http://127.0.0.1:1",
    "R2_ACCESS_KEY_ID": "id",
    "R2_SECRET_ACCESS_KEY": "key",
}


def film_with(tmp_path: Path, variables: dict[str, str], *, filmed: bool = True) -> Place | None:
    """The film of a completed scene under these settings."""
    settings = load_settings(UNSET | {"DEVATAR_ENV_FILE": os.devnull} | variables)
    film = ArtifactRef(key=KEY, media_type="video/mp4", size=1, sha256="abc").model_dump(mode="json")
    return film_of(settings, Scene(name="s", dialogue="Hi.", artifacts={"film": film} if filmed else {}))


def test_a_private_bucket_gives_a_link_that_says_when_it_ends(tmp_path: Path) -> None:
    """Signed for a day; the text for people marks that it expires and that whoever has it can use it."""
    film = film_with(tmp_path, BUCKET)
    assert film is not None
    assert film.url is not None
    assert film.url_expires_at is not None
    assert KEY in film.url
    assert "X-Amz-Expires=86400" in film.url
    assert abs(film.url_expires_at - datetime.now(UTC) - timedelta(days=1)) < timedelta(minutes=1)
    lines = place_lines("film", film)
    assert lines[0] == f"film: {film.url}"
    assert f"until {film.url_expires_at:%Y-%m-%d %H:%M}Z" in lines[1]


def test_a_public_bucket_gives_its_lasting_address(tmp_path: Path) -> None:
    """Without a signature, so it neither expires nor needs a remark."""
    film = film_with(tmp_path, BUCKET | {"R2_PUBLIC_URL": "https://films.example"})
    assert film is not None
    assert film == Place(key=KEY, url=f"https://films.example/{KEY}")
    assert place_lines("film", film) == [f"film: https://films.example/{KEY}"]


@pytest.mark.parametrize(
    ("variables", "word"), [({}, "R2_BUCKET_NAME"), (BUCKET | {"R2_ENDPOINT_URL": ""}, "R2_ACCOUNT_ID")]
)
def test_without_an_object_store_the_key_is_told(tmp_path: Path, variables: dict[str, str], word: str) -> None:
    """And which variable is missing: the record can be shown all the same."""
    film = film_with(tmp_path, variables)
    assert film is not None
    assert place_lines("film", film)[0] == f"film: {KEY}"
    assert word in place_lines("film", film)[1]


def test_a_scene_without_a_film_has_none(tmp_path: Path) -> None:
    """None, whatever the settings."""
    assert film_with(tmp_path, BUCKET, filmed=False) is None
