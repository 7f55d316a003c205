"""The film as it is delivered: made to fit the speech, then checked."""

import heapq
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from av.container import InputContainer

from media.encode import DEFAULT_FPS, AnyPacket, Mp4Writer, copied, encoded, encoded_sound, paced
from media.errors import MediaInvalid
from media.levels import AUDIBLE_LUFS
from media.probe import VideoFacts, measure_video
from media.source import opened

GOOD_AS_IS_S = 0.020  # half a frame at 25 fps: nothing that a cut could better
MAX_CORRECTION_S = 0.5  # the vendors round up to their own grid; more than that is another film than was asked for
MAX_VIDEO_OFF_S = 0.040  # one frame at 25 fps, the shortest lip-sync error that viewers notice (ITU-R BT.1359: 45 ms)
MAX_AUDIO_OFF_S = 0.100  # encoders fill their last block: up to 47 ms at 22 kHz, twice over
MAX_BLACK_SHARE = 0.5  # a fade is short; a blacked-out film is black for most of its length
MAX_FROZEN_SHARE = 0.95  # a talking face pauses; one that never moves was not animated
_PIX_FMT = "yuv420p"  # the only one that every player shows


@dataclass(frozen=True)
class FilmReport:
    """A film that passed: what was measured, and how far its streams are from the speech, in seconds."""

    facts: VideoFacts
    speech_duration_s: float
    video_off_s: float
    audio_off_s: float


def finish_film(source: Path, speech: Path | None, to: Path, speech_duration_s: float) -> None:
    """Write the deliverable: H.264 and AAC in an MP4 that starts fast, as long as the speech to within one frame.

    What is good is copied without loss, what is not is encoded anew: pictures are cut or the last one held, sound is
    cut or followed by silence. With `speech` given, new sound is made from it, else from the film's own. Tags are kept.
    Raises `MediaInvalid` when the film is more than half a second off, or when there is no sound to be had.
    """
    facts = measure_video(source)
    off_s = facts.video_duration_s - speech_duration_s
    if abs(off_s) > MAX_CORRECTION_S:
        raise MediaInvalid(
            f"the film is {facts.video_duration_s:.2f} s long, the speech {speech_duration_s:.2f} s",
            asdict(facts) | {"speech_duration_s": speech_duration_s},
        )
    if facts.audio_codec is None and speech is None:
        raise MediaInvalid("the film has no sound", asdict(facts))
    picture_is_good = (facts.video_codec, facts.pix_fmt) == ("h264", _PIX_FMT) and abs(off_s) <= GOOD_AS_IS_S
    sound_is_good = facts.audio_codec == "aac" and _sound_off_s(facts, speech_duration_s) <= MAX_AUDIO_OFF_S
    if picture_is_good and sound_is_good and facts.container == "mp4" and facts.faststart:
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, to)
        return
    picture_s = None if picture_is_good else speech_duration_s
    sound_s = None if sound_is_good else speech_duration_s
    voice = source if sound_is_good or speech is None else speech
    with opened(source) as film, opened(voice) as sound, Mp4Writer(to, film.metadata) as output:
        packets = (_pictures(film, output, picture_s), _sound(sound, output, sound_s))
        output.write(heapq.merge(*packets, key=lambda packet: (packet.dts or 0) * packet.time_base))


def check_film(path: Path, speech_duration_s: float) -> FilmReport:
    """Measure a finished film; `MediaInvalid` with every reason at once when it may not be delivered."""
    facts = measure_video(path)
    reasons = _reasons(facts, speech_duration_s)
    if reasons:
        raise MediaInvalid("; ".join(reasons), asdict(facts) | {"speech_duration_s": speech_duration_s})
    return FilmReport(
        facts=facts,
        speech_duration_s=speech_duration_s,
        video_off_s=facts.video_duration_s - speech_duration_s,
        audio_off_s=(facts.audio_duration_s or 0) - speech_duration_s,
    )


def _pictures(film: InputContainer, output: Mp4Writer, fit_s: float | None) -> Iterator[AnyPacket]:
    source = film.streams.video[0]
    if fit_s is None:
        return copied(film.demux(source), output.add_copy(source))
    fps = source.average_rate or DEFAULT_FPS
    target = output.add_h264(source.width, source.height, fps)
    return encoded(paced(film.decode(source), fps, max(1, round(fit_s * fps))), target)


def _sound(voice: InputContainer, output: Mp4Writer, fit_s: float | None) -> Iterator[AnyPacket]:
    if not voice.streams.audio:
        raise MediaInvalid("the speech file has no sound")
    source = voice.streams.audio[0]
    if fit_s is None:
        return copied(voice.demux(source), output.add_copy(source))
    return encoded_sound(voice, output.add_aac(source.codec_context.sample_rate), fit_s)


def _sound_off_s(facts: VideoFacts, speech_duration_s: float) -> float:
    return abs((facts.audio_duration_s or 0) - speech_duration_s)


def _reasons(facts: VideoFacts, speech_duration_s: float) -> list[str]:
    video_off_s = facts.video_duration_s - speech_duration_s
    checks = [
        (facts.container == "mp4", f"the container is {facts.container}, not mp4"),
        (facts.video_codec == "h264", f"the pictures are {facts.video_codec}, not h264"),
        (facts.pix_fmt == _PIX_FMT, f"the pixel format is {facts.pix_fmt}, not {_PIX_FMT}"),
        (facts.faststart, "the index is not at the start of the file"),
        (
            abs(video_off_s) <= MAX_VIDEO_OFF_S,
            f"the pictures last {facts.video_duration_s:.3f} s, the speech {speech_duration_s:.3f} s",
        ),
        (facts.black_share < MAX_BLACK_SHARE, f"{facts.black_share:.0%} of the film is black"),
        (facts.frozen_share <= MAX_FROZEN_SHARE, "the picture never moves"),
    ]
    return [reason for holds, reason in checks if not holds] + _sound_reasons(facts, speech_duration_s)


def _sound_reasons(facts: VideoFacts, speech_duration_s: float) -> list[str]:
    if facts.audio_codec is None:
        return ["there is no sound"]
    loudness = "silent" if facts.loudness_lufs is None else f"{facts.loudness_lufs:.1f} LUFS"
    checks = [
        (facts.audio_codec == "aac", f"the sound is {facts.audio_codec}, not aac"),
        (
            _sound_off_s(facts, speech_duration_s) <= MAX_AUDIO_OFF_S,
            f"the sound lasts {facts.audio_duration_s:.3f} s, the speech {speech_duration_s:.3f} s",
        ),
        (facts.audible, f"the sound cannot be heard ({loudness}, at least {AUDIBLE_LUFS:.0f} LUFS are needed)"),
    ]
    return [reason for holds, reason in checks if not holds]
