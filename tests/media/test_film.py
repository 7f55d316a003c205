"""Finishing and checking the film that is delivered."""

from dataclasses import replace
from pathlib import Path

import av
import pytest

from media.errors import MediaInvalid
from media.film import check_film, finish_film
from media.probe import measure_video
from tests.media.makers import Film, make_film, make_sound

FRAME_S = 1 / 25
GOOD = Film(duration_s=2.0)


def comment_of(path: Path) -> str:
    with av.open(str(path)) as container:
        return container.metadata.get("comment", "")


def pictures_of(path: Path) -> list[bytes]:
    """The encoded pictures: equal when a stream was copied."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def test_good_film_is_copied(tmp_path: Path) -> None:
    """A film that needs nothing keeps its bytes."""
    source = make_film(tmp_path / "in.mp4", GOOD)
    finish_film(source, None, tmp_path / "new" / "out.mp4", 2.01)
    assert (tmp_path / "new" / "out.mp4").read_bytes() == source.read_bytes()


def test_late_index_is_moved(tmp_path: Path) -> None:
    """A film that only starts slowly keeps its pictures bit for bit and starts fast afterwards."""
    source = make_film(tmp_path / "in.mp4", replace(GOOD, faststart=False))
    finish_film(source, None, tmp_path / "out.mp4", 2.0)
    assert pictures_of(tmp_path / "out.mp4") == pictures_of(source)
    assert comment_of(tmp_path / "out.mp4") == "studio mark"
    assert check_film(tmp_path / "out.mp4", 2.0).facts.faststart


@pytest.mark.parametrize("film_s", [1.6, 1.92, 1.96, 2.0, 2.04, 2.08, 2.48])
@pytest.mark.parametrize("speech_s", [2.0, 1.983, 2.017])
def test_film_is_made_to_fit(tmp_path: Path, film_s: float, speech_s: float) -> None:
    """A film up to half a second off ends with the speech to within one frame, picture and sound."""
    source = make_film(tmp_path / "in.mp4", replace(GOOD, duration_s=film_s))
    finish_film(source, None, tmp_path / "out.mp4", speech_s)
    report = check_film(tmp_path / "out.mp4", speech_s)
    assert abs(report.video_off_s) <= FRAME_S / 2 + 1e-6
    assert abs(report.audio_off_s) <= 0.1
    assert comment_of(tmp_path / "out.mp4") == "studio mark"
    assert (report.facts.width, report.facts.height, report.facts.fps) == (320, 180, 25.0)


def test_last_picture_is_held(tmp_path: Path) -> None:
    """What is missing at the end is the last picture, once more, and silence."""
    source = make_film(tmp_path / "in.mp4", replace(GOOD, duration_s=1.6))
    finish_film(source, None, tmp_path / "out.mp4", 2.0)
    with av.open(str(tmp_path / "out.mp4")) as container:
        last = [bytes(frame.reformat(16, 9, "gray").planes[0])[:16] for frame in container.decode(video=0)][-10:]
    assert len(last) == 10
    assert all(abs(a - b) <= 3 for frame in last for a, b in zip(frame, last[0], strict=True))


def test_too_far_off(tmp_path: Path) -> None:
    """A film more than half a second off is not what was asked for."""
    source = make_film(tmp_path / "in.mp4", GOOD)
    with pytest.raises(MediaInvalid, match=r"2\.00 s long, the speech 2\.60 s") as caught:
        finish_film(source, None, tmp_path / "out.mp4", 2.6)
    assert caught.value.facts["speech_duration_s"] == 2.6
    assert not (tmp_path / "out.mp4").exists()


def test_foreign_codecs(tmp_path: Path) -> None:
    """VP9 and Opus in WebM become H.264 and AAC in an MP4 that starts fast."""
    film = replace(GOOD, video_codec="libvpx-vp9", audio_codec="libopus")
    finish_film(make_film(tmp_path / "in.webm", film), None, tmp_path / "out.mp4", 2.0)
    facts = check_film(tmp_path / "out.mp4", 2.0).facts
    assert (facts.container, facts.video_codec, facts.audio_codec, facts.frames) == ("mp4", "h264", "aac", 50)


def test_missing_sound_comes_from_the_speech(tmp_path: Path) -> None:
    """A film without sound gets the speech, its pictures untouched; without a speech file it is refused."""
    source = make_film(tmp_path / "in.mp4", replace(GOOD, amplitude=None))
    speech = make_sound(tmp_path / "speech.mp3", 2.0)
    finish_film(source, speech, tmp_path / "out.mp4", 2.0)
    assert check_film(tmp_path / "out.mp4", 2.0).facts.audible
    assert pictures_of(tmp_path / "out.mp4") == pictures_of(source)
    with pytest.raises(MediaInvalid, match="no sound"):
        finish_film(source, None, tmp_path / "out2.mp4", 2.0)


def test_short_sound_is_filled(tmp_path: Path) -> None:
    """Sound that ends early is followed by silence, and the pictures are not encoded again."""
    source = make_film(tmp_path / "in.mp4", replace(GOOD, sound_s=1.5))
    finish_film(source, None, tmp_path / "out.mp4", 2.0)
    assert abs(check_film(tmp_path / "out.mp4", 2.0).audio_off_s) <= 0.05
    assert pictures_of(tmp_path / "out.mp4") == pictures_of(source)


def test_same_input_same_bytes(tmp_path: Path) -> None:
    """Finishing twice gives the same file, so that a retry meets its own object in the store."""
    source = make_film(tmp_path / "in.mp4", replace(GOOD, duration_s=1.8))
    for name in ("a.mp4", "b.mp4"):
        finish_film(source, None, tmp_path / name, 2.0)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@pytest.mark.parametrize(
    ("film", "reasons"),
    [
        (replace(GOOD, look="black"), ["100% of the film is black", "never moves"]),
        (replace(GOOD, look="frozen"), ["never moves"]),
        (replace(GOOD, amplitude=0.0), ["cannot be heard (silent"]),
        (replace(GOOD, amplitude=0.003), ["cannot be heard"]),
        (replace(GOOD, amplitude=None), ["there is no sound"]),
        (replace(GOOD, faststart=False), ["index is not at the start"]),
        (replace(GOOD, pix_fmt="yuv444p"), ["pixel format is yuv444p"]),
        (replace(GOOD, duration_s=2.08), ["the pictures last 2.080 s, the speech 2.000 s"]),
        (replace(GOOD, duration_s=1.92), ["the pictures last 1.920 s, the speech 2.000 s"]),
        (replace(GOOD, sound_s=1.5), ["the sound lasts 1.5"]),
        (
            replace(GOOD, look="black", amplitude=0.0, faststart=False, duration_s=3.0),
            ["index", "black", "never moves", "pictures last", "sound lasts", "cannot be heard"],
        ),
    ],
)
def test_film_that_may_not_be_delivered(tmp_path: Path, film: Film, reasons: list[str]) -> None:
    """Every fault is named, all of them at once, with what was measured."""
    path = make_film(tmp_path / "film.mp4", film)
    with pytest.raises(MediaInvalid) as caught:
        check_film(path, 2.0)
    for reason in reasons:
        assert reason in caught.value.reason
    assert caught.value.reason.count(";") == len(reasons) - 1
    assert caught.value.facts["frames"] == measure_video(path).frames


def test_webm_may_not_be_delivered(tmp_path: Path) -> None:
    """Another container or codec is a fault even when everything can be played."""
    path = make_film(tmp_path / "f.webm", replace(GOOD, video_codec="libvpx-vp9", audio_codec="libopus"))
    with pytest.raises(MediaInvalid, match=r"container is webm.*pictures are vp9.*sound is opus"):
        check_film(path, 2.0)


def test_one_frame_off_is_good(tmp_path: Path) -> None:
    """A film within one frame of the speech passes and says how far it is off."""
    report = check_film(make_film(tmp_path / "film.mp4", GOOD), 1.965)
    assert report.video_off_s == pytest.approx(0.035, abs=0.001)
