"""Writing MP4: pictures and sound, copied or encoded anew, index first. Deterministic for the same input."""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Self, TypeAlias, cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import BlockingIOError as NotReady
from av.error import EOFError as Drained
from av.filter import Graph
from av.packet import Packet
from av.stream import Stream
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

AnyPacket: TypeAlias = "Packet[Any]"  # PyAV's packets are invariant in the kind of their stream

_FASTSTART = {"movflags": "+faststart"}
DEFAULT_FPS = Fraction(25)  # for pictures whose file does not say
_CRF = "18"  # looks the same as its source
_PRESET = "veryfast"
_SPEECH_BIT_RATE = 128_000
_USUAL_RATES = (44_100, 48_000)  # in Hz; what every player takes
_CONTAINERS_OWN_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder", "creation_time"})


class Mp4Writer:
    """An MP4 being written, with its source's tags and its index first; use it as a context manager."""

    def __init__(self, to: Path, tags: dict[str, str]) -> None:
        to.parent.mkdir(parents=True, exist_ok=True)
        self._output = cast(
            "Any", av.open(str(to), "w", format="mp4", options=dict(_FASTSTART))
        )  # its stubs are partial
        kept = {name: value for name, value in tags.items() if name.lower() not in _CONTAINERS_OWN_TAGS}
        self._output.metadata.update(kept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._output.close()

    def add_copy(self, source: VideoStream | AudioStream) -> Stream:
        """Add a stream that takes the source's packets as they are."""
        return self._output.add_stream_from_template(source)

    def add_h264(self, width: int, height: int, fps: Fraction) -> VideoStream:
        """Add a stream for new pictures; odd sizes lose their last row or column, which yuv420p cannot hold."""
        stream = self._output.add_stream("libx264", rate=fps, options={"preset": _PRESET, "crf": _CRF})
        stream.width, stream.height, stream.pix_fmt = width // 2 * 2, height // 2 * 2, "yuv420p"
        return stream

    def add_aac(self, source_rate: int) -> AudioStream:
        """Add a stream for new speech: one channel, since speech has no width; 44.1 kHz unless the source has 48."""
        rate = source_rate if source_rate in _USUAL_RATES else _USUAL_RATES[0]
        stream = self._output.add_stream("aac", rate=rate, layout="mono")
        stream.bit_rate = _SPEECH_BIT_RATE
        return stream

    def write(self, packets: Iterable[AnyPacket]) -> None:
        """Write packets, which come in the order of their decoding times."""
        for packet in packets:
            self._output.mux_one(packet)


def copied(packets: Iterable[AnyPacket], stream: Stream, shift: int = 0) -> Iterator[AnyPacket]:
    """Give the packets re-addressed to another stream, later by `shift` of their own time base."""
    for packet in packets:
        if packet.size == 0:
            continue
        packet.pts = None if packet.pts is None else packet.pts + shift
        packet.dts = None if packet.dts is None else packet.dts + shift
        packet.stream = stream
        yield packet


def encoded(frames: Iterable[VideoFrame], stream: VideoStream) -> Iterator[AnyPacket]:
    """Encode pictures one frame duration apart, whatever their times were."""
    encode = cast("Callable[[VideoFrame | None], list[AnyPacket]]", cast("Any", stream).encode)
    for number, frame in enumerate(frames):
        picture = frame.reformat(stream.width, stream.height, "yuv420p")
        picture.pts, picture.time_base = number, 1 / stream.codec_context.framerate
        picture.pict_type = PictureType.NONE  # otherwise the source's kinds of frame are forced on the encoder
        yield from encode(picture)
    yield from encode(None)


def paced(frames: Iterable[VideoFrame], fps: Fraction, count: int) -> Iterator[VideoFrame]:
    """Give exactly `count` pictures at `fps`: each shows what the source shows then; its last picture is held."""
    given = 0
    start = shown = None
    for frame in frames:
        time = (frame.pts or 0) * (frame.time_base or Fraction(0))
        start = time if start is None else start
        due = round((time - start) * fps)  # the number of the first output picture that shows this frame
        while shown is not None and given < min(due, count):
            yield shown
            given += 1
        shown = frame
        if given >= count:
            return
    while shown is not None and given < count:
        yield shown
        given += 1


def encoded_sound(source: InputContainer, stream: AudioStream, duration_s: float) -> Iterator[AnyPacket]:
    """Encode the source's first audio stream, cut or followed by silence to the duration."""
    encode = cast("Callable[[AudioFrame | None], list[AnyPacket]]", cast("Any", stream).encode)
    rate = stream.codec_context.sample_rate
    for frame in _fitted(source, rate, round(duration_s * rate)):
        yield from encode(frame)
    yield from encode(None)


def _fitted(source: InputContainer, rate: int, samples: int) -> Iterator[AudioFrame]:
    graph = Graph()
    chain = [
        graph.add_abuffer(template=source.streams.audio[0]),
        graph.add("aresample", str(rate)),
        graph.add("aformat", f"sample_fmts=fltp:sample_rates={rate}:channel_layouts=mono"),
        graph.add("apad", f"whole_len={samples}"),
        graph.add("atrim", f"end_sample={samples}"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*chain).configure()
    position = 0
    for frame in (*_heard(source), None):
        graph.push(frame)
        for ready in _ready(graph):
            ready.pts, ready.time_base = position, Fraction(1, rate)
            position += ready.samples
            yield ready


def _heard(source: InputContainer) -> Iterator[AudioFrame]:
    yield from source.decode(source.streams.audio[0])


def _ready(graph: Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            frame = graph.pull()
        except (NotReady, Drained):
            return
        if isinstance(frame, AudioFrame):
            yield frame
