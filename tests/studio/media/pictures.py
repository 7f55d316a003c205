"""Small makers and readers of media that the studio did not make itself."""

import io
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from studio.media.film import FilmWriter

Numbers = NDArray[Any]


def photograph(width: int = 320, height: int = 200) -> bytes:
    """A JPEG without a rig."""
    rows = np.linspace(60, 200, height)[:, None, None] * np.asarray([1.0, 0.8, 0.7])
    waves = 20 * np.sin(np.arange(width) / 9)[None, :, None]
    out = io.BytesIO()
    Image.fromarray((rows + waves).clip(0, 255).astype(np.uint8)).save(out, "JPEG")
    return out.getvalue()


def pixels(picture: bytes) -> Numbers:
    """RGB rows of an encoded picture."""
    with Image.open(io.BytesIO(picture)) as opened:
        return np.asarray(opened.convert("RGB"), np.float32)


def frames(film: bytes) -> list[Numbers]:
    """RGB rows of each frame of a film."""
    with av.open(io.BytesIO(film)) as container:
        opened: Any = container
        return [frame.to_ndarray(format="rgb24").astype(np.float32) for frame in opened.decode(video=0)]


def distance(one: Numbers, other: Numbers) -> float:
    """Mean difference of two pictures, of 255."""
    return float(np.abs(one - other).mean())


def tag_of(media: bytes) -> str:
    """The comment that a film or a recording carries."""
    with av.open(io.BytesIO(media)) as container:
        return str(container.metadata.get("comment", ""))


def joined(clips: list[bytes], *, comment: str | None = None) -> bytes:
    """Clips after one another by stream copy, with the tag of the first unless a comment is given."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        film: Any = container
        film.metadata["comment"] = tag_of(clips[0]) if comment is None else comment
        stream: Any = None
        offset = 0
        for clip in clips:
            with av.open(io.BytesIO(clip)) as container_in:
                source: Any = container_in
                stream = stream or film.add_stream_from_template(source.streams.video[0])
                offset = _copy(source, film, stream, offset)
    return out.getvalue()


def _copy(source: Any, film: Any, stream: Any, offset: int) -> int:
    end = offset
    for packet in source.demux(source.streams.video[0]):
        if packet.dts is None:
            continue
        packet.stream, packet.pts, packet.dts = stream, packet.pts + offset, packet.dts + offset
        end = max(end, packet.pts + packet.duration)
        film.mux(packet)
    return end


def numbered_film(count: int) -> bytes:
    """A film whose frames are told apart by their grey: 30 for the first, 4 more for each that follows."""
    writer = FilmWriter(128, 72, Fraction(25), comment="", crf=10)
    for i in range(count):
        writer.add_rgb(np.full((72, 128, 3), 30 + 4 * i, np.uint8))
    return writer.close()


def tone(seconds: float, rate_hz: int = 16_000, volume: float = 0.5) -> bytes:
    """A WAV of a humming tone that comes and goes ever faster, without a tag."""
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    wave = np.sin(2 * np.pi * 180 * at) * (np.sin(2 * np.pi * (0.8 * at + 0.25 * at**2)) > 0)
    out = io.BytesIO()
    with av.open(out, "w", format="wav") as container:
        recording: Any = container
        stream = recording.add_stream("pcm_s16le", rate=rate_hz, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            (wave * volume * 32_000).astype(np.int16)[None, :], format="s16", layout="mono"
        )
        frame.sample_rate = rate_hz
        recording.mux(stream.encode(frame))
        recording.mux(stream.encode(None))
    return out.getvalue()
