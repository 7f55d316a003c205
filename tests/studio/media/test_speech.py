"""What speak() gives: playable sound that says the text, with a time for each character."""

import io
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import av
import numpy as np
import pytest

from studio.media import voice
from studio.media.film import read_sound
from studio.media.speech import FORMATS, NothingToSay, Spoken, speak
from studio.media.timeline import unpack_timeline
from tests.studio.media.conftest import SCRIPT
from tests.studio.media.pictures import tag_of


@pytest.mark.parametrize("name", [name for name in FORMATS if not name.startswith("pcm")])
def test_every_container_format_plays_as_long_as_it_says(name: str) -> None:
    """Decoded samples last as long as duration_s, at the rate that the format names."""
    spoken = speak("Hello there, my friend.", voice="a", output_format=name)
    with av.open(io.BytesIO(spoken.audio)) as container:
        opened: Any = container
        stream = opened.streams.audio[0]
        samples = sum(frame.samples for frame in opened.decode(stream))
        assert stream.rate == FORMATS[name].rate_hz
    assert samples / FORMATS[name].rate_hz == pytest.approx(spoken.duration_s, abs=0.01)


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 24_000, 44_100])
def test_raw_samples_are_two_bytes_each(rate_hz: int) -> None:
    """A pcm format is bare 16-bit mono at its rate."""
    spoken = speak("Hello there.", voice="a", output_format=f"pcm_{rate_hz}")
    assert len(spoken.audio) / 2 / rate_hz == pytest.approx(spoken.duration_s, abs=0.001)


def test_an_unknown_format_is_refused() -> None:
    """A format outside the table raises ValueError and names it."""
    with pytest.raises(ValueError, match="mp3_1_1"):
        speak("Hello.", voice="a", output_format="mp3_1_1")


@pytest.mark.parametrize("text", ["", "   ", "\n\n", "😀😀", "你好", "...", "?!", "—"])
def test_a_text_without_sounds_is_nothing_to_say(text: str) -> None:
    """Text that would give no samples raises NothingToSay."""
    with pytest.raises(NothingToSay):
        speak(text, voice="a")


@pytest.mark.parametrize(
    "text",
    [
        "Hello there.",
        "It costs $9.99 — twenty-one!\n\n  Dr. Smith paid on 3/4/2024, really? 😀 OK.",
        " leading and trailing ",
        "same same. same same. same same.",
        "[word](/wOd/) and 1,250 more",
        "no stops at all " * 24,
        "a" * 500,
    ],
)
def test_each_character_has_its_time(text: str) -> None:
    """Characters are those of the text, times rise without gaps back, and the last ends with the speech."""
    spoken = speak(text, voice="a")
    assert spoken.characters == list(text)
    assert len(spoken.starts_s) == len(spoken.ends_s) == len(text)
    assert all(start <= end for start, end in zip(spoken.starts_s, spoken.ends_s, strict=True))
    assert spoken.starts_s == sorted(spoken.starts_s)
    assert spoken.ends_s == sorted(spoken.ends_s)
    assert spoken.ends_s[-1] == pytest.approx(spoken.duration_s, abs=0.05)


def test_words_are_timed_where_they_sound(spoken: Spoken) -> None:
    """The pause after the first sentence lies between its last and the next one's first character."""
    sound = read_sound(spoken.audio).samples.astype(np.float64)
    loud = np.sqrt(np.mean(sound**2))
    at = SCRIPT.index("everybody")
    word = sound[round(spoken.starts_s[at] * 44_100) : round(spoken.ends_s[at + 8] * 44_100)]
    pause = sound[round(spoken.ends_s[at + 8] * 44_100) + 4_000 : round(spoken.starts_s[at + 11] * 44_100)]
    assert np.sqrt(np.mean(word**2)) > 0.5 * loud
    assert np.sqrt(np.mean(pause**2)) < 0.2 * loud


def test_another_process_gives_the_same_bytes() -> None:
    """The same input gives the same bytes wherever it is computed."""
    task = partial(speak, "Hello there, my friend.", voice="b")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(task).result() == task()


def test_voices_differ_in_pitch() -> None:
    """Two voice strings give different sound, as far apart as their variants."""
    low, high = sorted((f"voice-{i}" for i in range(20)), key=lambda name: voice.pick_variant(name).pitch)[::19]
    assert voice.pick_variant(high).pitch / voice.pick_variant(low).pitch > 1.4
    pitches = [
        _pitch_hz(read_sound(speak("Hello my dear old friend.", voice=name).audio).samples) for name in (low, high)
    ]
    assert pitches[1] / pitches[0] > 1.25


def test_a_low_voice_does_not_boom() -> None:
    """The lowest voice has no moments far above its usual loudness, which the model's gaps between harmonics give."""
    low = min((f"voice-{i}" for i in range(20)), key=lambda name: voice.pick_variant(name).pitch)
    sound = read_sound(speak("Three simple habits help you sleep better and think clearly.", voice=low).audio).samples
    level = np.sqrt((sound[: len(sound) // 441 * 441].reshape(-1, 441).astype(np.float64) ** 2).mean(axis=1))
    assert level.max() < 2.5 * np.percentile(level, 90)


def test_speed_shortens_the_speech() -> None:
    """A higher speed takes less time."""
    slow, fast = (speak("Hello my dear old friend.", voice="a", speed=speed).duration_s for speed in (0.7, 1.2))
    assert fast < 0.75 * slow


def test_the_recording_carries_its_phonemes(spoken: Spoken) -> None:
    """The tag holds the studio mark and a timeline that ends with the speech."""
    phonemes = unpack_timeline(tag_of(spoken.audio))
    assert "devatar-studio" in tag_of(spoken.audio)
    assert len(phonemes) > 60
    assert phonemes[-1].end_s == pytest.approx(spoken.duration_s, abs=0.002)


def test_the_model_still_shows_its_durations() -> None:
    """The pinned hibari has the tensor; without it the mouth would fall back to evenly spread phonemes."""
    said = "".join(token.phonemes for token in voice.read_tokens("Hello there."))
    samples, borders = voice.say_phonemes(said, voice.Variant(1.0, 1.0), 1.0, 0)
    lengths = np.diff(borders)
    assert len(borders) == len(said) + 1
    assert lengths.std() > 0.02
    assert 0.1 < borders[0] < borders[-1] < len(samples) / voice.SAMPLE_RATE_HZ


@pytest.mark.parametrize("tag", ["", "a song", "devatar-studio phonemes ???", "devatar-studio phonemes aGVsbG8="])
def test_a_damaged_timeline_is_no_timeline(tag: str) -> None:
    """Tags that are not ours give no phonemes."""
    assert unpack_timeline(tag) == []


def test_long_phonemes_are_cut_after_words() -> None:
    """Pieces stay below the limit, join to the whole and do not cut words."""
    whole = "wOdz " * 300
    pieces = voice.chunk_phonemes(whole)
    assert "".join(pieces) == whole
    assert all(len(piece) <= voice.MAX_CHUNK_PHONEMES and piece.endswith(" ") for piece in pieces)


def _pitch_hz(samples: Any) -> float:
    """The strongest repetition between 60 and 400 Hz in the loudest half second."""
    size = 22_050
    starts = range(0, len(samples) - size, size // 4)
    loudest = max(starts, key=lambda start: float((samples[start : start + size].astype(np.float64) ** 2).sum()))
    spectrum = np.fft.rfft(samples[loudest : loudest + size].astype(np.float64), 2 * size)
    repetition = np.fft.irfft(np.abs(spectrum) ** 2)
    lags = np.arange(44_100 // 400, 44_100 // 60)
    return float(44_100 / lags[np.argmax(repetition[lags])])
