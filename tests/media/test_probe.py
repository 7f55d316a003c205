"""Measuring sound, films and pictures that are really made for it."""

from pathlib import Path

import av
import pytest
from PIL import Image

from media.errors import MediaInvalid
from media.film import MAX_FROZEN_SHARE
from media.probe import measure_audio, measure_picture, measure_video
from tests.media.makers import Film, make_film, make_sound


@pytest.mark.parametrize("duration_s", [0.2, 1.5, 7.0, 31.0])
@pytest.mark.parametrize("kind", [("sound.mp3", "libmp3lame", "mp3"), ("sound.wav", "pcm_s16le", "pcm_s16le")])
def test_length_of_sound(tmp_path: Path, duration_s: float, kind: tuple[str, str, str]) -> None:
    """The length is that of the sound itself, without what the encoder put before and behind it."""
    name, encoder, codec = kind
    facts = measure_audio(make_sound(tmp_path / name, duration_s, codec=encoder))
    assert facts.duration_s == pytest.approx(duration_s, abs=0.001)
    assert (facts.codec, facts.sample_rate, facts.channels, facts.audible) == (codec, 44_100, 1, True)


@pytest.mark.parametrize(
    ("amplitude", "audible"), [(0.5, True), (0.02, True), (0.004, False), (0.0002, False), (0.0, False)]
)
def test_audible(tmp_path: Path, amplitude: float, audible: bool) -> None:
    """Quiet speech can be heard; the noise of a quiet room and silence cannot."""
    assert measure_audio(make_sound(tmp_path / "s.wav", 2.0, amplitude=amplitude, codec="pcm_s16le")).audible is audible


def test_film(tmp_path: Path) -> None:
    """A good film's streams, size, pace, lengths and looks are measured."""
    facts = measure_video(make_film(tmp_path / "film.mp4", Film(duration_s=3.0)))
    assert (facts.container, facts.video_codec, facts.pix_fmt, facts.audio_codec) == ("mp4", "h264", "yuv420p", "aac")
    assert (facts.width, facts.height, facts.fps, facts.frames) == (320, 180, 25.0, 75)
    assert facts.video_duration_s == pytest.approx(3.0, abs=0.001)
    assert facts.audio_duration_s == pytest.approx(3.0, abs=0.05)
    assert facts.faststart
    assert facts.audible
    assert facts.black_share == 0
    assert facts.frozen_share < 0.5
    assert facts.mean_motion > 0


@pytest.mark.parametrize("crf", ["18", "35"])
def test_frozen_film(tmp_path: Path, crf: str) -> None:
    """A still picture is frozen throughout however coarsely it was encoded, key frames included."""
    film = Film(duration_s=12.0, look="frozen", crf=crf, amplitude=None)
    facts = measure_video(make_film(tmp_path / "film.mp4", film))
    assert facts.frozen_share > MAX_FROZEN_SHARE
    assert (facts.audio_codec, facts.audio_duration_s, facts.audible) == (None, None, False)


def test_black_film(tmp_path: Path) -> None:
    """A black film is black throughout."""
    assert measure_video(make_film(tmp_path / "film.mp4", Film(look="black"))).black_share == 1


def test_silent_film(tmp_path: Path) -> None:
    """A sound stream of silence has a length but no loudness."""
    facts = measure_video(make_film(tmp_path / "film.mp4", Film(amplitude=0.0)))
    assert facts.audio_duration_s == pytest.approx(2.0, abs=0.05)
    assert (facts.loudness_lufs, facts.audible) == (None, False)


def test_index_at_the_end(tmp_path: Path) -> None:
    """An MP4 whose index comes last does not start fast."""
    assert not measure_video(make_film(tmp_path / "film.mp4", Film(faststart=False))).faststart


def test_webm(tmp_path: Path) -> None:
    """A VP9 film in WebM is measured as what it is, under whatever name."""
    film = Film(video_codec="libvpx-vp9", audio_codec="libopus", duration_s=1.0)
    facts = measure_video(make_film(tmp_path / "film.webm", film).rename(tmp_path / "film.mp4"))
    assert (facts.container, facts.video_codec, facts.audio_codec) == ("webm", "vp9", "opus")
    assert not facts.faststart


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_cut_off_film(tmp_path: Path, share: float) -> None:
    """A film whose end is missing is invalid although its index is whole."""
    path = make_film(tmp_path / "film.mp4", Film(duration_s=4.0, amplitude=None))
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * share)])
    with pytest.raises(MediaInvalid):
        measure_video(path)


def test_film_that_ends_between_two_frames(tmp_path: Path) -> None:
    """A film cut where one frame ends and the next begins decodes without a complaint, and is invalid all the same."""
    path = make_film(tmp_path / "film.mp4", Film(duration_s=4.0, amplitude=None))
    with av.open(str(path)) as container:
        ends = sorted((packet.pos or 0) + packet.size for packet in container.demux(video=0) if packet.size)
    path.write_bytes(path.read_bytes()[: ends[70]])
    with pytest.raises(MediaInvalid, match="cut off: 71 of 100 frames"):
        measure_video(path)


def test_list_of_films(tmp_path: Path) -> None:
    """A playlist is not the film that it names, even when that film is good and stands beside it."""
    make_film(tmp_path / "good.mp4", Film(duration_s=1.0))
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile good.mp4\n")
    with pytest.raises(MediaInvalid):
        measure_video(tmp_path / "list.mp4")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html><body>Not found</body></html>" * 40,
        b'{"detail": "expired"}',
        b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
    ],
    ids=["empty", "html", "json", "hls", "concat"],
)
def test_no_media(tmp_path: Path, content: bytes) -> None:
    """Error pages and playlists are never media, whatever their name says, and no other file or address is opened."""
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    for measure in (measure_audio, measure_video, measure_picture):
        with pytest.raises(MediaInvalid) as caught:
            measure(path)
        assert caught.value.reason
        assert caught.value.facts["file"] == "film.mp4"


def test_wrong_kind(tmp_path: Path) -> None:
    """Sound is no film and a film without sound is no sound."""
    with pytest.raises(MediaInvalid, match="no pictures"):
        measure_video(make_sound(tmp_path / "s.mp3", 1.0))
    with pytest.raises(MediaInvalid, match="no sound"):
        measure_audio(make_film(tmp_path / "f.mp4", Film(amplitude=None)))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_picture(tmp_path: Path, form: str) -> None:
    """The three kinds of picture are known by content, and damage is noticed."""
    path = tmp_path / "picture.bin"
    Image.effect_noise((400, 300), 80).convert("RGB").save(path, form)
    facts = measure_picture(path)
    assert (facts.format, facts.width, facts.height) == (form.lower(), 400, 300)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(MediaInvalid):
        measure_picture(path)


def test_turned_picture(tmp_path: Path) -> None:
    """A photograph taken upright has the size that people see."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (400, 300)).save(tmp_path / "p.jpg", exif=exif)
    facts = measure_picture(tmp_path / "p.jpg")
    assert (facts.width, facts.height) == (300, 400)


def test_other_pictures(tmp_path: Path) -> None:
    """Vector graphics, other formats and decompression bombs are refused before they are decoded."""
    (tmp_path / "a.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="900" height="900"/>')
    Image.new("RGB", (400, 300)).save(tmp_path / "a.gif")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    Image.new("1", (9_000, 9_000)).save(tmp_path / "large.png")
    for name in ("a.svg", "a.gif", "bomb.png", "large.png"):
        with pytest.raises(MediaInvalid):
            measure_picture(tmp_path / name)
