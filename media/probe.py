"""Measuring media by decoding it: what a header claims is never the answer."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image, UnidentifiedImageError

from media.errors import MediaInvalid
from media.levels import LoudnessMeter, PictureMeter
from media.source import has_moov_first, opened

MAX_PIXELS = 50_000_000  # a 50-megapixel camera; a decoded picture of that size takes 150 MB
PICTURE_FORMATS = ("PNG", "JPEG", "WEBP")
_TURNED = frozenset({5, 6, 7, 8})  # EXIF orientations that lay the picture on its side
ORIENTATION = 0x0112


@dataclass(frozen=True)
class AudioFacts:
    """Sound as decoded: without the encoder's delay and padding. `loudness_lufs` is None for silence."""

    duration_s: float
    codec: str
    sample_rate: int
    channels: int
    loudness_lufs: float | None
    audible: bool


@dataclass(frozen=True)
class VideoFacts:
    """Film as decoded; shares are 0 to 1, `mean_motion` is the mean luma change of 255 between looks 0.2 s apart."""

    container: str
    video_codec: str
    pix_fmt: str
    audio_codec: str | None
    width: int
    height: int
    fps: float
    frames: int
    video_duration_s: float
    audio_duration_s: float | None
    faststart: bool
    black_share: float
    frozen_share: float
    mean_motion: float
    loudness_lufs: float | None
    audible: bool


@dataclass(frozen=True)
class PictureFacts:
    """A still picture, its size as seen (turned as EXIF says)."""

    format: str
    width: int
    height: int


def measure_audio(path: Path) -> AudioFacts:
    """Decode the first audio stream; `MediaInvalid` when there is none or nothing in it."""
    with opened(path) as container:
        if not container.streams.audio:
            raise MediaInvalid("the file has no sound", {"file": path.name})
        stream = container.streams.audio[0]
        meter = LoudnessMeter(stream)
        for frame in container.decode(stream):
            meter.feed(frame)
        loudness, audible = meter.finish()
        if not meter.duration_s:
            raise MediaInvalid("the file's sound is empty", {"file": path.name})
        return AudioFacts(
            duration_s=meter.duration_s,
            codec=stream.codec.canonical_name,
            sample_rate=stream.codec_context.sample_rate,
            channels=stream.codec_context.channels,
            loudness_lufs=loudness,
            audible=audible,
        )


def measure_video(path: Path) -> VideoFacts:
    """Decode the first video stream and the first audio stream, if any; `MediaInvalid` when no picture comes out.

    A file that ends before its own index does is invalid too. About 0.03 CPU-seconds per second of 1024x576.
    """
    with opened(path) as container:
        if not container.streams.video:
            raise MediaInvalid("the file has no pictures", {"file": path.name})
        video = container.streams.video[0]
        audio = container.streams.audio[0] if container.streams.audio else None
        sight, span, meter = _decode(container, video, audio)
        if not span.frames:
            raise MediaInvalid("no picture in the file can be decoded", {"file": path.name})
        loudness, audible = meter.finish() if meter else (None, False)
        facts = VideoFacts(
            container=_container_name(container),
            video_codec=video.codec.canonical_name,
            pix_fmt=video.codec_context.pix_fmt or "",
            audio_codec=audio.codec.canonical_name if audio else None,
            width=video.codec_context.width,
            height=video.codec_context.height,
            fps=float(video.average_rate or 0),
            frames=span.frames,
            video_duration_s=span.duration_s,
            audio_duration_s=meter.duration_s if meter else None,
            faststart=has_moov_first(path),
            black_share=sight.black_share,
            frozen_share=sight.frozen_share,
            mean_motion=sight.mean_motion,
            loudness_lufs=loudness,
            audible=audible,
        )
        if span.packets < video.frames:
            raise MediaInvalid(f"the file is cut off: {span.packets} of {video.frames} frames are there", asdict(facts))
        return facts


def measure_picture(path: Path) -> PictureFacts:
    """Decode a PNG, JPEG or WebP picture whole; `MediaInvalid` for anything else, damaged, or above 50 megapixels."""
    with opened_picture(path) as image:
        width, height = image.size
        if image.getexif().get(ORIENTATION) in _TURNED:
            width, height = height, width
        return PictureFacts(format=(image.format or "").lower(), width=width, height=height)


@contextmanager
def opened_picture(path: Path) -> Generator[Image.Image]:
    """Give the decoded picture; errors as for `measure_picture`, also when they come later in the block."""
    facts = {"file": path.name}
    try:
        with Image.open(path, formats=PICTURE_FORMATS) as unread:
            if unread.width * unread.height > MAX_PIXELS:
                raise MediaInvalid(f"the picture is too large: {unread.width} x {unread.height} pixels", facts)
            unread.verify()
        with Image.open(path, formats=PICTURE_FORMATS) as image:
            image.load()
            yield image
    except UnidentifiedImageError as error:
        raise MediaInvalid("the file is not a PNG, JPEG or WebP picture", facts) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise MediaInvalid("the picture is too large", facts) from error
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow's readers raise for damaged files
        raise MediaInvalid(f"the picture is damaged ({error})", facts) from error


@dataclass
class _Span:
    """How far the pictures reach, in the stream's own time."""

    packets: int = 0
    frames: int = 0
    start_s: float = float("inf")
    end_s: float = float("-inf")

    def add(self, frame: VideoFrame, frame_s: float) -> float:
        start_s = frame.time if frame.pts is not None else self.frames * frame_s
        length_s = float(frame.duration * (frame.time_base or 0)) or frame_s
        self.frames += 1
        self.start_s = min(self.start_s, start_s)
        self.end_s = max(self.end_s, start_s + length_s)
        return start_s

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


def _decode(
    container: InputContainer, video: VideoStream, audio: AudioStream | None
) -> tuple[PictureMeter, _Span, LoudnessMeter | None]:
    sight, span = PictureMeter(), _Span()
    meter = LoudnessMeter(audio) if audio else None
    frame_s = float(1 / (video.average_rate or Fraction(25)))
    for packet in container.demux(*([video, audio] if audio else [video])):
        span.packets += packet.stream is video and packet.size > 0
        for frame in packet.decode():
            if isinstance(frame, VideoFrame):
                sight.feed(frame, span.add(frame, frame_s))
            elif meter and isinstance(frame, AudioFrame):
                meter.feed(frame)
    return sight, span, meter


def _container_name(container: InputContainer) -> str:
    names = container.format.name.split(",")
    if "mp4" in names:
        return "mov" if container.metadata.get("major_brand", "").startswith("qt") else "mp4"
    return "webm" if "webm" in names else names[0]
