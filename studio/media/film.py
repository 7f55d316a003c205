"""Reading and writing of MP4 films, frame by frame, so that memory stays small whatever the length."""

import io
import tempfile
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

Numbers = NDArray[Any]
Planes = NDArray[np.uint8]  # one yuv420p frame: height * 3/2 rows of width bytes
AUDIO_RATE_HZ = 44_100
_REVERSE_SPAN = 40  # frames held at once when a film is read backwards
_X264 = {"preset": "veryfast", "threads": "2", "x264-params": "sliced-threads=0"}


class FilmWriter:
    """Writes an H.264 MP4 with the index in front, and AAC when `with_audio`; close() gives the bytes."""

    def __init__(
        self, width: int, height: int, fps: Fraction, *, comment: str, crf: int, with_audio: bool = False
    ) -> None:
        # Putting the index in front makes the muxer read its own output again, which takes a file on disk.
        self._folder = tempfile.TemporaryDirectory(prefix="studio-film-")
        self._path = Path(self._folder.name) / "film.mp4"
        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        self._container: Any = av.open(str(self._path), "w", format="mp4", options=options)
        self._container.metadata["comment"] = comment
        self._video = self._container.add_stream("libx264", rate=fps, options={**_X264, "crf": str(crf)})
        self._video.width, self._video.height, self._video.pix_fmt = width, height, "yuv420p"
        self._video.codec_context.gop_size = 50
        self._video.codec_context.time_base = 1 / fps
        self._audio = None
        if with_audio:
            self._audio = self._container.add_stream("aac", rate=AUDIO_RATE_HZ, layout="mono")
            self._audio.bit_rate = 96_000
        self._frames = 0
        self._samples = 0

    def add_rgb(self, picture: NDArray[np.uint8]) -> None:
        """Appends a frame given as rows of red, green and blue."""
        self._add(av.VideoFrame.from_ndarray(picture, format="rgb24"))

    def add_planes(self, planes: Planes) -> None:
        """Appends a frame given as yuv420p planes."""
        self._add(av.VideoFrame.from_ndarray(planes, format="yuv420p"))

    def _add(self, frame: av.VideoFrame) -> None:
        frame.pts = self._frames
        frame.time_base = self._video.codec_context.time_base
        self._frames += 1
        self._container.mux(self._video.encode(frame))

    def add_sound(self, samples: NDArray[np.int16]) -> None:
        """Appends mono samples at 44.1 kHz."""
        if self._audio is None:
            raise RuntimeError("this film has no sound track")
        size = 1024  # the AAC frame
        for start in range(0, len(samples), size):
            piece = np.ascontiguousarray(samples[None, start : start + size].astype(np.float32) / 32768)
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = AUDIO_RATE_HZ, self._samples
            self._samples += piece.shape[1]
            self._container.mux(self._audio.encode(frame))

    def close(self) -> bytes:
        """Flushes the encoders and gives the finished file."""
        self._container.mux(self._video.encode(None))
        if self._audio is not None:
            self._container.mux(self._audio.encode(None))
        self._container.close()
        film = self._path.read_bytes()
        self._folder.cleanup()
        return film


@dataclass(frozen=True)
class FilmFacts:
    """What a film says about itself."""

    width: int
    height: int
    fps: Fraction
    frames: int
    comment: str
    bt709: bool


class FilmReader:
    """Frames of a film by their number, in either direction. Raises ValueError when there is no readable picture."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        try:
            self._pts, self.facts = self._probe()
        except (FFmpegError, OSError) as error:
            raise ValueError(f"not a film that can be decoded: {error}") from error

    def _probe(self) -> tuple[list[int], FilmFacts]:
        with av.open(io.BytesIO(self._data)) as container:
            film: Any = container
            if not film.streams.video:
                raise ValueError("the film has no video stream")
            stream = film.streams.video[0]
            comment = str(film.metadata.get("comment", ""))
            width, height = stream.codec_context.width // 2 * 2, stream.codec_context.height // 2 * 2
            fps = Fraction(stream.average_rate or 25)
            pts = sorted({p.pts for p in film.demux(stream) if p.pts is not None and p.size})
            if not pts or width < 16 or height < 16:
                raise ValueError("the film has no pictures")
            film.seek(pts[0], stream=stream)
            first = next(film.decode(stream), None)
            if first is None:
                raise ValueError("the film has no pictures")
            bt709 = int(first.colorspace) == 1
        if not 5 <= fps <= 120:
            fps = Fraction(25)
        return pts, FilmFacts(width, height, fps, len(pts), comment, bt709)

    def read(self, start: int, stop: int) -> Iterator[Planes]:
        """Frames start to stop - 1; a frame that cannot be decoded is replaced by the one before it."""
        last: Planes | None = None
        at = start
        with av.open(io.BytesIO(self._data)) as container:
            film: Any = container
            stream = film.streams.video[0]
            stream.thread_type = "SLICE"
            if start:
                film.seek(self._pts[start], stream=stream, backward=True)
            reformatter = VideoReformatter()
            for frame in film.decode(stream):
                number = bisect_left(self._pts, frame.pts) if frame.pts is not None else at
                if number < start:
                    continue
                planes = self._planes(frame, reformatter)
                while at <= number and at < stop:  # a number that was skipped shows what follows it
                    yield planes.copy()
                    at += 1
                last = planes
                if at >= stop:
                    return
        if last is None:
            raise ValueError("the film has no pictures")
        while at < stop:
            yield last.copy()
            at += 1

    def read_backwards(self, start: int, stop: int) -> Iterator[Planes]:
        """Frames stop - 1 down to start."""
        while stop > start:
            low = max(start, stop - _REVERSE_SPAN)
            yield from reversed(list(self.read(low, stop)))
            stop = low

    def _planes(self, frame: Any, reformatter: VideoReformatter) -> Planes:
        facts = self.facts
        if frame.format.name != "yuv420p" or (frame.width, frame.height) != (facts.width, facts.height):
            frame = reformatter.reformat(frame, facts.width, facts.height, "yuv420p")
        return frame.to_ndarray()


@dataclass(frozen=True)
class Sound:
    """A decoded recording: mono samples at 44.1 kHz and the tag it carried."""

    samples: NDArray[np.int16]
    tag: str

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / AUDIO_RATE_HZ


def read_sound(data: bytes) -> Sound:
    """Decodes a recording. Raises ValueError when it cannot be decoded or has no audio."""
    try:
        with av.open(io.BytesIO(data)) as container:
            film: Any = container
            if not film.streams.audio:
                raise ValueError("the file has no audio stream")
            stream = film.streams.audio[0]
            tag = str(film.metadata.get("comment") or stream.metadata.get("comment") or "")
            resampler: Any = av.AudioResampler("s16", "mono", AUDIO_RATE_HZ)
            pieces = [p.to_ndarray()[0] for f in film.decode(stream) for p in resampler.resample(f)]
            pieces += [p.to_ndarray()[0] for p in resampler.resample(None)]
    except (FFmpegError, OSError) as error:
        raise ValueError(f"not a recording that can be decoded: {error}") from error
    if not pieces:
        raise ValueError("the recording is empty")
    return Sound(np.concatenate(pieces), tag)
