"""Real media for tests: small films, sounds and pictures with known faults."""

import array
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw

RATE = 44_100


def tone(duration_s: float, amplitude: float = 0.2, rate: int = RATE) -> AudioFrame:
    """A 220 Hz tone as one frame."""
    count = round(duration_s * rate)
    peak = amplitude * 32767
    samples = array.array("h", (round(peak * math.sin(2 * math.pi * 220 * n / rate)) for n in range(count)))
    frame = AudioFrame(format="s16", layout="mono", samples=count)
    frame.planes[0].update(samples.tobytes())
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    return frame


def make_sound(path: Path, duration_s: float, *, amplitude: float = 0.2, codec: str = "libmp3lame") -> Path:
    """A sound file of exactly that length."""
    with av.open(str(path), "w") as opened:
        output = cast("Any", opened)
        stream = output.add_stream(codec, rate=RATE, layout="mono")
        output.mux(stream.encode(tone(duration_s, amplitude)))
        output.mux(stream.encode(None))
    return path


@dataclass(frozen=True)
class Film:
    """How a film is to be made; `amplitude=None` makes it without a sound stream."""

    duration_s: float = 2.0
    fps: int = 25
    size: tuple[int, int] = (320, 180)
    look: str = "talking"  # or "frozen", "black"
    amplitude: float | None = 0.2
    sound_s: float | None = None  # as long as the pictures
    video_codec: str = "libx264"
    audio_codec: str = "aac"
    pix_fmt: str = "yuv420p"
    faststart: bool = True
    comment: str = "studio mark"
    crf: str = "23"
    preset: str = "veryfast"
    keyframe_every: int = 250
    first_frame_at: int = 0  # in frames
    seed: int = 1


def make_film(path: Path, film: Film) -> Path:
    """A film with a patch of colour for a face and a mouth that opens and shuts."""
    options = {"movflags": "+faststart"} if film.faststart and path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=options) as opened:
        output = cast("Any", opened)
        output.metadata["comment"] = film.comment
        video = output.add_stream(film.video_codec, rate=film.fps, options={"preset": film.preset, "crf": film.crf})
        video.width, video.height, video.pix_fmt = *film.size, film.pix_fmt
        video.gop_size = film.keyframe_every
        sound = None
        if film.amplitude is not None:
            sound = output.add_stream(film.audio_codec, rate=RATE if film.audio_codec == "aac" else 48_000)
            sound.layout = "mono"
        for number in range(round(film.duration_s * film.fps)):
            frame = cast("Any", VideoFrame).from_image(picture_of(film, number))
            frame.pts, frame.time_base = film.first_frame_at + number, Fraction(1, film.fps)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        if sound is not None and film.amplitude is not None:
            output.mux(sound.encode(tone(film.sound_s or film.duration_s, film.amplitude, sound.rate)))
            output.mux(sound.encode(None))
    return path


def picture_of(film: Film, number: int) -> Image.Image:
    """One frame of a film."""
    width, height = film.size
    if film.look == "black":
        return Image.new("RGB", film.size, (4, 4, 4))
    image = Image.new("RGB", film.size, (40 * film.seed % 200, 90, 120))
    draw = ImageDraw.Draw(image)
    draw.ellipse((width * 0.35, height * 0.15, width * 0.65, height * 0.85), fill=(210, 170, 140))
    opening = 0.06 if film.look == "frozen" else 0.02 + 0.06 * abs(math.sin(number * 0.9))
    draw.ellipse((width * 0.45, height * 0.62, width * 0.55, height * (0.63 + opening)), fill=(90, 20, 30))
    return image
