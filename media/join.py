"""Joining the clips of one scene: bought in parallel from one vendor model, shown one after another."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.video.frame import VideoFrame

from media.encode import DEFAULT_FPS, Mp4Writer, copied, encoded, paced
from media.probe import VideoFacts, measure_video
from media.source import opened

_COPIED_CODECS = frozenset({"h264"})  # what every later step and player takes


def join_clips(clips: Sequence[Path], to: Path) -> VideoFacts:
    """Write one MP4 of pictures only, index first, with the first clip's tags; as many frames as the clips together.

    Streams that are alike are copied without loss; otherwise all are encoded anew at the first clip's size and rate.
    Raises `MediaInvalid` for a clip without pictures, `ValueError` without clips.
    """
    if not clips:
        raise ValueError("there are no clips to join")
    facts = [measure_video(clip) for clip in clips]
    if _are_alike(clips):
        _copy(clips, to)
        joined = measure_video(to)
        if joined.frames == sum(clip.frames for clip in facts):
            return joined
    _encode(clips, facts, to)
    return measure_video(to)


def _are_alike(clips: Sequence[Path]) -> bool:
    kinds: set[tuple[object, ...]] = set()
    for clip in clips:
        with opened(clip) as container:
            stream = container.streams.video[0]
            codec = stream.codec_context
            kinds.add(
                (
                    stream.codec.canonical_name in _COPIED_CODECS and "mp4" in container.format.name.split(","),
                    codec.extradata,
                    (codec.width, codec.height, codec.pix_fmt),
                    (stream.time_base, stream.average_rate),
                )
            )
    return len(kinds) == 1 and next(iter(kinds))[0] is True


def _copy(clips: Sequence[Path], to: Path) -> None:
    with opened(clips[0]) as first, Mp4Writer(to, first.metadata) as output:
        target = output.add_copy(first.streams.video[0])
        end = 0
        for clip in clips:
            with opened(clip) as container:
                packets = [packet for packet in container.demux(container.streams.video[0]) if packet.size]
            shift = end - min(packet.pts or 0 for packet in packets)  # a clip need not start at zero
            output.write(copied(packets, target, shift))
            end = max((packet.pts or 0) + (packet.duration or 0) for packet in packets)


def _encode(clips: Sequence[Path], facts: Sequence[VideoFacts], to: Path) -> None:
    with opened(clips[0]) as first, Mp4Writer(to, first.metadata) as output:
        fps = first.streams.video[0].average_rate or DEFAULT_FPS
        target = output.add_h264(facts[0].width, facts[0].height, fps)
        output.write(encoded(_pictures(clips, facts, fps), target))


def _pictures(clips: Sequence[Path], facts: Sequence[VideoFacts], fps: Fraction) -> Iterator[VideoFrame]:
    for clip, known in zip(clips, facts, strict=True):
        same_pace = abs(known.fps - float(fps)) < 0.01
        count = known.frames if same_pace else round(known.video_duration_s * fps)
        with opened(clip) as container:
            yield from paced(_decoded(container), fps, count)


def _decoded(container: InputContainer) -> Iterator[VideoFrame]:
    yield from container.decode(container.streams.video[0])
