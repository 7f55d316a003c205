"""Names that come out the same every time."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.keys import SCENE_ID, artifact_key, job_key, question_token, workflow_id
from domain.media_types import extension_of
from models.enums import Step
from models.tables import new_id
from store.objects.port import check_key

SYNC_SO_KEY = re.compile(r"[A-Za-z0-9._~-]{1,128}")
SCENE_IDS = st.from_regex(SCENE_ID, fullmatch=True)
STEPS, NUMBERS = st.sampled_from(Step), st.integers(1, 10_000)


@given(scene=SCENE_IDS, step=STEPS, take=NUMBERS, clip=st.none() | NUMBERS)
def test_sync_so_takes_any_job_key(scene: str, step: Step, take: int, clip: int | None) -> None:
    """Any allowed scene id makes an idempotency key of sync.so's characters and length."""
    assert SYNC_SO_KEY.fullmatch(job_key(scene, step, take, clip))


@given(one=st.tuples(SCENE_IDS, STEPS, NUMBERS, NUMBERS), two=st.tuples(SCENE_IDS, STEPS, NUMBERS, NUMBERS))
def test_job_keys_differ(one: tuple[str, Step, int, int], two: tuple[str, Step, int, int]) -> None:
    """Two purchases never share a key."""
    assert (job_key(*one) == job_key(*two)) is (one == two)
    assert (job_key(*one[:3]) == job_key(*two[:3])) is (one[:3] == two[:3])


def test_written_form() -> None:
    """Keys keep the form that vendors and rows hold already."""
    assert job_key("abc", Step.SPEECH, 1) == "abc-speech-1"
    assert job_key("abc", Step.VIDEO, 2, 3) == "abc-video-3-2"
    assert workflow_id("abc") == "scene-abc"
    assert artifact_key("ab" * 32, ".png") == f"artifacts/ab/{'ab' * 32}.png"


def test_question_token() -> None:
    """Another run, round or picture is another question; the same one is named alike each time."""
    tokens = {question_token(run, number, picture) for run in "ab" for number in (1, 2) for picture in ("c" * 64, "d")}
    assert len(tokens) == 8
    assert question_token("run", 1, "ab" * 32) == "28f7c990633a4dd3f13be6aca80e577d"
    assert all(re.fullmatch(r"[0-9a-f]{32}", token) for token in tokens)


def test_new_ids_are_scene_ids() -> None:
    """The ids that we make ourselves are allowed ones."""
    assert all(SCENE_ID.fullmatch(new_id()) for _ in range(100))


@pytest.mark.parametrize(
    ("media_type", "name"),
    [
        ("video/mp4", "film.mp4"),
        ("audio/mpeg", "film.mp3"),
        ("image/png", "film.png"),
        ("application/x-subrip", "film.srt"),
        ("text/vtt", "film.vtt"),
        ("text/html", "film.bin"),
    ],
)
def test_artifact_extension(media_type: str, name: str) -> None:
    """A stored file's key ends in the extension by which players know it, and is one that the store takes."""
    key = artifact_key("ab" * 32, extension_of(media_type))
    assert check_key(key) == f"artifacts/ab/{'ab' * 32}{Path(name).suffix}"
