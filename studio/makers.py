"""The functions that run in the worker processes, where alone the media libraries are imported."""

import io
from dataclasses import dataclass


@dataclass(frozen=True)
class Speech:
    """Encoded speech and the start and end of each character, in seconds."""

    audio: bytes
    duration_s: float
    characters: list[str]
    starts_s: list[float]
    ends_s: list[float]


class UnspeakableError(ValueError):
    """The text has no sounds."""


class BadMediaError(ValueError):
    """An input that cannot be decoded."""


@dataclass(frozen=True)
class PictureFacts:
    """Size of a picture in pixels and its format as Pillow names it."""

    width: int
    height: int
    format: str


@dataclass(frozen=True)
class MediaFacts:
    """Length of each kind of stream in seconds; None where there is none."""

    video_s: float | None
    audio_s: float | None


def make_speech(text: str, *, voice: str, speed: float, output_format: str) -> Speech:
    """Speaks a text. Raises UnspeakableError, or ValueError for a format the studio does not encode."""
    from studio.media.speech import NothingToSay, speak

    try:
        spoken = speak(text, voice=voice, speed=speed, output_format=output_format)
    except NothingToSay as error:
        raise UnspeakableError(str(error)) from None
    return Speech(spoken.audio, spoken.duration_s, spoken.characters, spoken.starts_s, spoken.ends_s)


def make_portrait(
    prompt: str, *, face: str, seed: int, width: int, height: int, output_format: str, black: bool = False
) -> bytes:
    """Draws a portrait; `black` gives the picture that a vendor returns for a flagged one."""
    from studio.media.portrait import draw_portrait

    return draw_portrait(
        prompt, face=face, seed=seed, width=width, height=height, output_format=output_format, black=black
    )


def make_clip(image: bytes, *, tail: bytes | None, seconds: int, width: int, height: int, sound: bool = False) -> bytes:
    """Animates a picture, with a soundtrack if asked. Raises ValueError for a bad picture."""
    from studio.media.clip import animate
    from studio.soundtrack import add_soundtrack

    film = animate(image, tail=tail, seconds=seconds, width=width, height=height)
    return add_soundtrack(film) if sound else film


def make_lipsync(video: bytes, audio: bytes, *, sync_mode: str) -> bytes:
    """Paints a speaking mouth on a film. Raises ValueError for bad inputs."""
    from studio.media.lipsync import lipsync

    return lipsync(video, audio, sync_mode=sync_mode)


def picture_facts(data: bytes) -> PictureFacts:
    """Size and format of a picture. Raises BadMediaError."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return PictureFacts(image.width, image.height, image.format or "")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadMediaError(str(error)) from None


def media_facts(data: bytes) -> MediaFacts:
    """Lengths of the streams of a film or a sound. Raises BadMediaError."""
    import av
    from av.error import FFmpegError

    try:
        with av.open(io.BytesIO(data), "r") as container:
            total = float(container.duration or 0) / av.time_base
            lengths: dict[str, float] = {}
            for stream in container.streams:
                own = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else total
                lengths[stream.type] = own
            return MediaFacts(lengths.get("video"), lengths.get("audio"))
    except (FFmpegError, ValueError) as error:
        raise BadMediaError(str(error)) from None
