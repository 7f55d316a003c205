"""The clip plan: how many clips of which length carry a speech of a measured length."""

from itertools import count

from domain.rejections import RejectedError
from models.enums import ClipPolicy, FailureCode, SyncMode
from models.scene import ClipPlan

SYNC_SO_MAX_SPEECH_S = 300.0  # PROVIDERS 3.5: generation_audio_length_exceeded above 300 s


def plan_clips(
    policy: ClipPolicy, speech_s: float, *, durations: tuple[int, ...], takes_end_frame: bool, max_speech_s: float
) -> ClipPlan:
    """Plan from the measured speech, in seconds.

    `loop`: one clip, the shortest that covers the speech, else the longest on sale, repeated by the lipsync.
    `cover`: the fewest clips whose lengths sum to the least total that covers the speech.
    Raises RejectedError when the speech is empty or longer than `max_speech_s`.
    """
    if not speech_s > 0:  # also when the length is no number
        raise RejectedError("dialogue", "the speech has no sound in it", "Write words that can be spoken")
    if speech_s > max_speech_s:
        raise RejectedError(
            "dialogue",
            f"the speech takes {speech_s:.1f} s and the limit is {max_speech_s:g} s",
            "Split the scene, or raise DEVATAR_MAX_SPEECH_SECONDS (at most 300)",
            FailureCode.INVALID_REQUEST,
        )
    # A clip that ends on its first frame repeats without a jump; without an end frame only ping-pong does.
    sync_mode = SyncMode.LOOP if takes_end_frame else SyncMode.BOUNCE
    seconds = [_shortest_cover(speech_s, durations)] if policy is ClipPolicy.LOOP else _fewest(speech_s, durations)
    return ClipPlan(policy=policy, seconds=seconds, sync_mode=sync_mode)


def _shortest_cover(speech_s: float, durations: tuple[int, ...]) -> int:
    return min((d for d in durations if d >= speech_s), default=max(durations))


def _fewest(speech_s: float, durations: tuple[int, ...]) -> list[int]:
    """Change-making over whole seconds: `ways[t]` is the shortest list of durations that sums to exactly t."""
    ways: dict[int, list[int]] = {0: []}
    for total in count(1):
        options = [[*ways[total - d], d] for d in durations if total - d in ways]
        if options:
            ways[total] = min(options, key=len)
            if total >= speech_s:
                return sorted(ways[total], reverse=True)
    raise AssertionError("unreachable: count() has no end")
