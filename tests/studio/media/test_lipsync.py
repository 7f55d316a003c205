"""What lipsync() makes: the frames that came in, a mouth that follows the sound, and lengths that agree."""

import numpy as np
import pytest

from studio.media.clip import animate
from studio.media.film import AUDIO_RATE_HZ
from studio.media.lipsync import fit_samples, lipsync
from studio.media.portrait import draw_portrait
from studio.media.speech import Spoken, speak
from studio.media.timeline import Phoneme
from studio.media.visemes import track_mouth
from tests.studio.media.conftest import HEIGHT, SCRIPT, WIDTH
from tests.studio.media.pictures import distance, frames, joined, numbered_film, photograph, tag_of, tone
from tests.support.measure import film_facts, mouth_sound_correlation, word_recall


@pytest.fixture(scope="module")
def film(clip: bytes, spoken: Spoken) -> bytes:
    return lipsync(clip, spoken.audio, sync_mode="loop")


def test_the_film_is_what_players_want(film: bytes, spoken: Spoken) -> None:
    """H.264 and AAC with the index in front, the clip's size and rate, as long as the speech, audible, marked."""
    facts = film_facts(film)
    assert (facts.width, facts.height, facts.fps) == (WIDTH, HEIGHT, 25)
    assert (facts.codecs, facts.pixel_format, facts.faststart) == (("h264", "aac"), "yuv420p", True)
    assert facts.video_s == pytest.approx(spoken.duration_s, abs=0.0201)
    assert facts.audio_s == pytest.approx(spoken.duration_s, abs=0.001)
    assert facts.black_share == 0
    assert facts.frozen_share < 0.3
    assert -24 < facts.loudness_lufs < -16
    assert "devatar-studio" in tag_of(film)


def test_the_film_says_the_script(film: bytes) -> None:
    """An offline recogniser hears the words."""
    assert word_recall(film, SCRIPT) >= 0.85


def test_the_lips_follow_the_sound(film: bytes) -> None:
    """Opening and loudness go together within 80 ms; a copy with shifted sound is found out."""
    best, lag_s, _ = mouth_sound_correlation(film)
    _, shifted_lag_s, shifted = mouth_sound_correlation(film, 0.35)
    assert best >= 0.45
    assert abs(lag_s) <= 0.08
    assert shifted < 0.5 * best
    assert abs(shifted_lag_s) > 0.2


def test_sound_without_a_timeline_moves_the_mouth_too(clip: bytes) -> None:
    """A recording of unknown origin drives the mouth by its energy."""
    best, lag_s, _ = mouth_sound_correlation(lipsync(clip, tone(4), sync_mode="loop"))
    assert best >= 0.6
    assert abs(lag_s) <= 0.08


def test_the_frames_are_those_of_the_input(clip: bytes, film: bytes) -> None:
    """Outside the mouth each frame is the clip's frame, looped."""
    source, result = frames(clip), frames(film)
    upper = slice(0, HEIGHT // 2 - 8)
    for i in (0, 60, 124, 125, 170):
        assert distance(result[i][upper], source[i % 125][upper]) < 2
    mouth = (slice(HEIGHT // 2, HEIGHT * 3 // 4), slice(WIDTH // 2 - 20, WIDTH // 2 + 20))
    assert max(distance(result[i][mouth], source[i][mouth]) for i in range(125)) > 8


def test_a_silent_mouth_lies_exactly_on_the_one_beneath(portrait: bytes) -> None:
    """With silence the painted mouth is closed and follows the moving head, so that the frames look untouched."""
    clip = animate(portrait, tail=None, seconds=2, width=512, height=288)
    source, result = frames(clip), frames(lipsync(clip, tone(2, volume=0)))
    mouth = (slice(136, 196), slice(216, 296))
    assert max(distance(source[i][mouth], result[i][mouth]) for i in range(0, 50, 5)) < 2.2


def test_another_video_gives_another_film(portrait: bytes, film: bytes, spoken: Spoken) -> None:
    """The picture that comes in decides the picture that goes out."""
    other = draw_portrait("beach, yellow shirt", face="y", seed=2, width=512, height=288)
    clip = animate(other, tail=other, seconds=2, width=WIDTH, height=HEIGHT)
    assert distance(frames(lipsync(clip, spoken.audio))[0], frames(film)[0]) > 15


@pytest.mark.parametrize(
    ("sync_mode", "sound_s", "expected_s"),
    [
        ("bounce", 3.1, 3.1),
        ("bounce", 1.0, 1.0),
        ("loop", 3.1, 3.1),
        ("loop", 0.9, 0.9),
        ("cut_off", 3.1, 2.0),
        ("cut_off", 1.23, 1.23),
        ("silence", 1.23, 2.0),
        ("silence", 3.1, 3.1),
        ("remap", 3.1, 3.1),
        ("remap", 1.23, 1.23),
    ],
)
def test_each_sync_mode_has_its_length(portrait: bytes, sync_mode: str, sound_s: float, expected_s: float) -> None:
    """Picture and sound end together, within half a frame, at the length that the mode asks for."""
    clip = animate(portrait, tail=portrait, seconds=2, width=128, height=72)
    facts = film_facts(lipsync(clip, tone(sound_s), sync_mode=sync_mode))
    assert facts.audio_s == pytest.approx(expected_s, abs=0.001)
    assert facts.video_s == pytest.approx(expected_s, abs=0.0201)


@pytest.mark.parametrize(
    ("sync_mode", "pairs"),
    [
        ("loop", {0: 0, 49: 49, 50: 0, 70: 20}),
        ("bounce", {0: 0, 49: 49, 50: 49, 70: 29, 99: 0, 100: 0}),
        ("remap", {0: 0, 26: 10, 124: 49}),
    ],
)
def test_each_sync_mode_orders_frames_its_way(sync_mode: str, pairs: dict[int, int]) -> None:
    """Loop starts again, bounce turns round, remap stretches."""
    result = frames(lipsync(numbered_film(50), tone(5), sync_mode=sync_mode))
    assert len(result) == 125
    assert {shown: round((result[shown][:20].mean() - 30) / 4) for shown in pairs} == pairs


@pytest.mark.parametrize("sync_mode", ["loop", "bounce"])
def test_joined_clips_keep_lips_in_place(clip: bytes, sync_mode: str) -> None:
    """A stream copy of two clips, tagged like the first, is followed into the second and lip-synced all along."""
    spoken = speak("Good morning, everybody. " * 6, voice="narrator")
    film = lipsync(joined([clip, clip]), spoken.audio, sync_mode=sync_mode)
    assert film_facts(film).video_s == pytest.approx(spoken.duration_s, abs=0.0201)
    best, lag_s, _ = mouth_sound_correlation(film)
    assert best >= 0.45
    assert abs(lag_s) <= 0.08


def test_a_lost_tag_or_a_photograph_still_gets_a_mouth(clip: bytes) -> None:
    """Without a rig a mouth is painted in the lower middle and moves."""
    photo = animate(photograph(), tail=None, seconds=1, width=256, height=144)
    for video in (photo, joined([clip], comment="")):
        result = frames(lipsync(video, tone(1)))
        box = (slice(70, 105), slice(108, 148))
        assert max(distance(frame[box], result[0][box]) for frame in result) > 8


def test_the_same_input_gives_the_same_bytes(clip: bytes) -> None:
    """Films are deterministic."""
    assert lipsync(clip, tone(1)) == lipsync(clip, tone(1))


@pytest.mark.parametrize("video", [b"", b"<html></html>", tone(1)])
def test_a_video_without_pictures_is_refused(video: bytes) -> None:
    """Undecodable bytes and files without a video stream raise ValueError."""
    with pytest.raises(ValueError, match="film"):
        lipsync(video, tone(1))


@pytest.mark.parametrize("audio", [b"", b"<html></html>"])
def test_audio_without_sound_is_refused(clip: bytes, audio: bytes) -> None:
    """Undecodable bytes raise ValueError; so does a silent film in place of the recording."""
    for data in (audio, clip):
        with pytest.raises(ValueError, match=r"recording|audio stream"):
            lipsync(clip, data)


def test_an_unknown_mode_is_refused(clip: bytes) -> None:
    """Modes outside the vendor's list raise ValueError."""
    with pytest.raises(ValueError, match="stretch"):
        lipsync(clip, tone(1), sync_mode="stretch")


def test_lips_meet_on_m_b_and_p() -> None:
    """Between two open vowels the mouth is shut for a frame, however short the m."""
    samples = (8000 * np.sin(np.arange(AUDIO_RATE_HZ) / 30)).astype(np.int16)
    phonemes = [Phoneme("a", 0.48), Phoneme("m", 0.52), Phoneme("a", 1.0)]
    openings = [mouth.opening for mouth in track_mouth(samples, AUDIO_RATE_HZ, phonemes, 25)]
    assert min(openings[10:14]) < 0.1
    assert min(openings[5], openings[20]) > 0.6


@pytest.mark.parametrize(("sync_mode", "expected"), [("cut_off", 441), ("silence", 882), ("loop", 882)])
def test_sound_is_fitted_to_the_picture(sync_mode: str, expected: int) -> None:
    """cut_off drops what is too long; the other modes keep all of it."""
    assert len(fit_samples(np.ones(882, np.int16), 0.01, sync_mode)) == expected
