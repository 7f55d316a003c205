"""Video and audio to a talking video: the frames of the video that came in, with a mouth that follows the sound."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from studio.media.film import AUDIO_RATE_HZ, FilmReader, FilmWriter, Planes, read_sound
from studio.media.painter import GuessPainter, MouthPainter, RigPainter
from studio.media.rig import rig_from_json
from studio.media.timeline import STUDIO_MARK, unpack_timeline
from studio.media.visemes import track_mouth

SYNC_MODES = ("bounce", "loop", "cut_off", "silence", "remap")


def lipsync(video: bytes, audio: bytes, *, sync_mode: str = "bounce") -> bytes:
    """An H.264 and AAC MP4 of the video's frames, with the mouth moving to the audio.

    When lengths differ, sync_mode decides as at sync.so: bounce and loop repeat the video, cut_off ends with the
    shorter, silence ends with the longer, remap stretches the video. Raises ValueError for an unknown mode, undecodable
    inputs, a video without pictures and audio without sound.
    """
    if sync_mode not in SYNC_MODES:
        raise ValueError(f"unknown sync mode: {sync_mode}")
    reader = FilmReader(video)
    sound = read_sound(audio)
    facts = reader.facts
    samples = fit_samples(sound.samples, facts.frames / float(facts.fps), sync_mode)
    mouths = track_mouth(samples, AUDIO_RATE_HZ, unpack_timeline(sound.tag), float(facts.fps))
    painter = _pick_painter(reader)
    comment = facts.comment or STUDIO_MARK
    writer = FilmWriter(facts.width, facts.height, facts.fps, comment=comment, crf=20, with_audio=True)
    heard = 0
    for i, (planes, mouth) in enumerate(zip(frames_for(reader, len(mouths), sync_mode), mouths, strict=True)):
        painter.paint(planes, mouth)
        writer.add_planes(planes)
        until = round((i + 1) / facts.fps * AUDIO_RATE_HZ) // 1024 * 1024  # whole AAC frames, so none is cut short
        writer.add_sound(samples[heard:until])
        heard = max(heard, until)
    writer.add_sound(samples[heard:])
    return writer.close()


def _pick_painter(reader: FilmReader) -> MouthPainter:
    rig = rig_from_json(reader.facts.comment)
    if rig:
        return RigPainter(rig, reader.facts)
    return GuessPainter(next(reader.read(0, 1)), reader.facts)


def fit_samples(samples: NDArray[np.int16], video_s: float, sync_mode: str) -> NDArray[np.int16]:
    """The sound track of the result: cut to the video by cut_off, padded to it by silence, else unchanged."""
    wanted = round(video_s * AUDIO_RATE_HZ)
    if sync_mode == "cut_off":
        return samples[:wanted]
    if sync_mode == "silence" and len(samples) < wanted:
        return np.concatenate([samples, np.zeros(wanted - len(samples), np.int16)])
    return samples


def frames_for(reader: FilmReader, count: int, sync_mode: str) -> Iterator[Planes]:
    """The `count` frames of the result in order; each is a copy that may be painted on."""
    frames = reader.facts.frames
    if sync_mode == "remap":
        yield from _remapped(reader, count)
        return
    given, forwards = 0, True
    while given < count:
        span = min(frames, count - given)
        if forwards:
            yield from reader.read(0, span)
        elif span:
            yield from reader.read_backwards(frames - span, frames)
        given += span
        if sync_mode in ("bounce", "silence"):
            forwards = not forwards


def _remapped(reader: FilmReader, count: int) -> Iterator[Planes]:
    """Frames dropped or repeated evenly so that the first and last stay where they are."""
    frames = reader.facts.frames
    borders = np.rint(np.arange(frames + 1) * count / frames).astype(int)
    for planes, (first, last) in zip(reader.read(0, frames), pairwise(borders.tolist()), strict=True):
        for _ in range(first, last):
            yield planes.copy()
