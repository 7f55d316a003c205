"""Measuring while frames stream by: loudness of sound, darkness and movement of pictures."""

from dataclasses import dataclass

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.error import BlockingIOError as NotReady
from av.error import EOFError as Drained
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from PIL import Image, ImageChops

AUDIBLE_LUFS = -50.0  # speech of the vendors lies at -14 to -30 LUFS, a whisper above -45; a quiet room at -55
_SILENCE_LUFS = -70.0  # EBU R 128's absolute gate: what the meter shows when no block was louder
_AUDIBLE_PEAK_DB = -40.0  # for sounds shorter than the meter's 400 ms block
_BLOCK_S = 0.4

_SAMPLE_EVERY_S = 0.2  # five looks a second: a mouth opens and shuts about four times a second
_LOOK = (96, 54)  # small enough to cost nothing, large enough that a mouth is some pixels
_BLACK_LUMA = 26  # 10 % of 255, as FFmpeg's blackdetect
_BLACK_PIXELS = 0.98  # share of pixels that must be black, as blackdetect
_STILL_LUMA = 8  # a key frame of a coarsely encoded still picture changes a look by up to that, a mouth by 40 and more


class LoudnessMeter:
    """EBU R 128 loudness of decoded sound."""

    def __init__(self, stream: AudioStream) -> None:
        self._graph = Graph()
        source = self._graph.add_abuffer(template=stream)
        meter = self._graph.add("ebur128", "metadata=1:peak=sample")
        self._graph.link_nodes(source, meter, self._graph.add("abuffersink")).configure()
        self._shown: dict[str, str] = {}
        self._samples = 0
        self._rate = 1

    def feed(self, frame: AudioFrame) -> None:
        """Measure one frame."""
        self._samples += frame.samples
        self._rate = frame.sample_rate
        self._graph.push(frame)
        self._read()

    @property
    def duration_s(self) -> float:
        """Length of what was fed, in seconds."""
        return self._samples / self._rate

    def finish(self) -> tuple[float | None, bool]:
        """Give the integrated loudness in LUFS, None when too short or quiet to say, and whether one can hear it."""
        self._graph.push(None)
        self._read()
        loudness = float(self._shown.get("lavfi.r128.I", _SILENCE_LUFS))
        if loudness > _SILENCE_LUFS:
            return round(loudness, 2), loudness >= AUDIBLE_LUFS
        peak = max((float(v) for k, v in self._shown.items() if "sample_peaks_ch" in k), default=float("-inf"))
        return None, self.duration_s < _BLOCK_S and peak >= _AUDIBLE_PEAK_DB

    def _read(self) -> None:
        while True:
            try:
                self._shown = self._graph.pull().metadata or self._shown
            except (NotReady, Drained):
                return


@dataclass
class PictureMeter:
    """Darkness and movement, from some looks a second at a small grey copy."""

    looks: int = 0
    black: int = 0
    frozen: int = 0
    motion: float = 0.0
    _next_s: float = float("-inf")
    _last: Image.Image | None = None

    def feed(self, frame: VideoFrame, time_s: float) -> None:
        """Look at the frame if it is time for the next look."""
        if time_s < self._next_s:
            return
        self._next_s = time_s + _SAMPLE_EVERY_S - 1e-6
        small = frame.reformat(*_look_of(frame), format="gray", interpolation=Interpolation.AREA)
        plane = small.planes[0]
        look = Image.frombuffer("L", (small.width, small.height), bytes(plane), "raw", "L", plane.line_size, 1)
        self.looks += 1
        self.black += sum(look.histogram()[:_BLACK_LUMA]) >= _BLACK_PIXELS * look.width * look.height
        if self._last is not None:
            changes = ImageChops.difference(look, self._last).histogram()
            self.frozen += not any(changes[_STILL_LUMA:])
            self.motion += sum(n * size for n, size in zip(changes, range(256), strict=True)) / sum(changes)
        self._last = look

    @property
    def black_share(self) -> float:
        """Share of looks that were black."""
        return self.black / max(self.looks, 1)

    @property
    def frozen_share(self) -> float:
        """Share of neighbouring looks without any change; 0 when there was one look only."""
        return self.frozen / max(self.looks - 1, 1)

    @property
    def mean_motion(self) -> float:
        """Mean change of a pixel between neighbouring looks, of 255."""
        return self.motion / max(self.looks - 1, 1)


def _look_of(frame: VideoFrame) -> tuple[int, int]:
    width, height = _LOOK
    return (width, height) if frame.width >= frame.height else (height, width)
