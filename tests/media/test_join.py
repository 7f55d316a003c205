"""Joining clips: copied when they are alike, encoded anew when they are not."""

from dataclasses import replace
from pathlib import Path

import av
import pytest

from media.errors import MediaInvalid
from media.join import join_clips
from tests.media.makers import Film, make_film

CLIP = Film(duration_s=1.0, amplitude=None)


def pictures_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def times_of(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


def corner_reds(path: Path) -> list[int]:
    """How red the upper left corner is, frame by frame: 40 times the film's seed."""
    with av.open(str(path)) as container:
        return [bytes(frame.reformat(format="rgb24").planes[0])[0] for frame in container.decode(video=0)]


def make_clips(folder: Path, *films: Film) -> list[Path]:
    return [make_film(folder / f"clip{number}.mp4", film) for number, film in enumerate(films)]


def test_alike_clips_are_copied(tmp_path: Path) -> None:
    """Clips of one model keep every picture bit for bit, evenly spaced, with the first clip's mark."""
    clips = make_clips(tmp_path, *(replace(CLIP, seed=seed, comment=f"mark {seed}") for seed in (1, 2, 3)))
    facts = join_clips(clips, tmp_path / "new" / "out.mp4")
    assert (facts.frames, facts.video_duration_s, facts.faststart, facts.audio_codec) == (75, 3.0, True, None)
    assert pictures_of(tmp_path / "new" / "out.mp4") == [p for clip in clips for p in pictures_of(clip)]
    assert times_of(tmp_path / "new" / "out.mp4") == pytest.approx([n / 25 for n in range(75)])
    with av.open(str(tmp_path / "new" / "out.mp4")) as container:
        assert container.metadata["comment"] == "mark 1"


def test_clips_that_start_late(tmp_path: Path) -> None:
    """Clips whose first frame is not at zero leave no gap."""
    clips = make_clips(tmp_path, *(replace(CLIP, first_frame_at=start) for start in (0, 3, 7)))
    assert join_clips(clips, tmp_path / "out.mp4").video_duration_s == 3.0
    assert times_of(tmp_path / "out.mp4") == pytest.approx([n / 25 for n in range(75)])


def test_sound_is_left_out(tmp_path: Path) -> None:
    """The clips' own sound is not wanted: the speech comes later."""
    clips = make_clips(tmp_path, replace(CLIP, amplitude=0.2), replace(CLIP, amplitude=0.2, seed=2))
    assert join_clips(clips, tmp_path / "out.mp4").audio_codec is None


@pytest.mark.parametrize(
    "other",
    [
        replace(CLIP, size=(640, 360), seed=2),
        replace(CLIP, pix_fmt="yuv444p", seed=2),
        replace(CLIP, preset="ultrafast", seed=2),
        replace(CLIP, video_codec="libx265", seed=2),
    ],
    ids=["size", "pixels", "settings", "codec"],
)
def test_unlike_clips(tmp_path: Path, other: Film) -> None:
    """Clips that differ are shown at the first clip's size and rate, no frame lost, in order."""
    facts = join_clips(make_clips(tmp_path, CLIP, other, CLIP), tmp_path / "out.mp4")
    assert (facts.width, facts.height, facts.fps, facts.frames) == (320, 180, 25.0, 75)
    assert (facts.video_codec, facts.pix_fmt, facts.faststart) == ("h264", "yuv420p", True)
    assert times_of(tmp_path / "out.mp4") == pytest.approx([n / 25 for n in range(75)])
    reds = corner_reds(tmp_path / "out.mp4")
    assert [reds[n] for n in (0, 24, 25, 49, 50, 74)] == pytest.approx([40, 40, 80, 80, 40, 40], abs=6)


def test_key_frames_are_the_encoders_own(tmp_path: Path) -> None:
    """Clips of key frames only do not make a film of key frames only, which would be many times as large."""
    clips = make_clips(tmp_path, replace(CLIP, keyframe_every=1), CLIP)
    join_clips(clips, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        keys = [packet.is_keyframe for packet in container.demux(video=0) if packet.size]
    assert sum(keys) <= 3


def test_other_rate_keeps_its_time(tmp_path: Path) -> None:
    """A clip of another rate lasts as long as before."""
    facts = join_clips(make_clips(tmp_path, CLIP, replace(CLIP, fps=30)), tmp_path / "out.mp4")
    assert (facts.fps, facts.frames) == (25.0, 50)


def test_one_clip(tmp_path: Path) -> None:
    """One clip is a film too."""
    clips = make_clips(tmp_path, replace(CLIP, faststart=False))
    facts = join_clips(clips, tmp_path / "out.mp4")
    assert (facts.frames, facts.faststart) == (25, True)
    assert pictures_of(tmp_path / "out.mp4") == pictures_of(clips[0])


def test_no_clips(tmp_path: Path) -> None:
    """Nothing cannot be joined, nor can an error page."""
    with pytest.raises(ValueError, match="no clips"):
        join_clips([], tmp_path / "out.mp4")
    (tmp_path / "page.mp4").write_text("<html></html>")
    with pytest.raises(MediaInvalid):
        join_clips([*make_clips(tmp_path, CLIP), tmp_path / "page.mp4"], tmp_path / "out.mp4")
