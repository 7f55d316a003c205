"""The clip plan: properties for any length, and refusals."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clips import SYNC_SO_MAX_SPEECH_S, plan_clips
from domain.rejections import RejectedError
from domain.video_models import VIDEO_MODELS
from models.enums import ClipPolicy, FailureCode, SyncMode
from models.scene import ClipPlan

FIVE_OR_TEN = (5, 10)
THREE_TO_FIFTEEN = tuple(range(3, 16))
ON_SALE = st.sampled_from([FIVE_OR_TEN, THREE_TO_FIFTEEN])
SPEECH_S = st.one_of(st.floats(1, 300), st.integers(1, 300).map(float))
LOOP, COVER = ClipPolicy.LOOP, ClipPolicy.COVER


def plan(policy: ClipPolicy, speech_s: float, durations: tuple[int, ...] = FIVE_OR_TEN, **more: bool) -> ClipPlan:
    end_frame = more.get("takes_end_frame", True)
    return plan_clips(policy, speech_s, durations=durations, takes_end_frame=end_frame, max_speech_s=300.0)


def least_and_fewest(speech_s: float, durations: tuple[int, ...]) -> tuple[int, int]:
    """By counting sums of one clip, two clips, ...: the least total that covers, and the fewest clips that make it."""
    sums: dict[int, int] = {0: 0}
    for number in range(1, math.ceil(speech_s / min(durations)) + 1):
        for total in [total for total, count in sums.items() if count == number - 1]:
            for duration in durations:
                sums.setdefault(total + duration, number)
    least = min(total for total in sums if total >= speech_s)
    return least, sums[least]


@given(speech_s=SPEECH_S, durations=ON_SALE)
def test_cover(speech_s: float, durations: tuple[int, ...]) -> None:
    """`cover` buys the least total that covers the speech, in the fewest clips that make it."""
    seconds = plan(COVER, speech_s, durations).seconds
    least, fewest = least_and_fewest(speech_s, durations)
    assert set(seconds) <= set(durations)
    assert sum(seconds) == least >= speech_s
    assert len(seconds) == fewest


@given(speech_s=SPEECH_S, durations=ON_SALE)
def test_loop(speech_s: float, durations: tuple[int, ...]) -> None:
    """`loop` buys one clip: the shortest that covers the speech, else the longest on sale."""
    (second,) = plan(LOOP, speech_s, durations).seconds
    assert second in durations
    assert second >= speech_s or second == max(durations)
    assert not any(speech_s <= other < second for other in durations)


@pytest.mark.parametrize(
    ("policy", "speech_s", "durations", "seconds"),
    [
        (LOOP, 1.0, FIVE_OR_TEN, [5]),
        (LOOP, 5.0, FIVE_OR_TEN, [5]),
        (LOOP, 5.01, FIVE_OR_TEN, [10]),
        (LOOP, 300.0, FIVE_OR_TEN, [10]),
        (LOOP, 1.0, THREE_TO_FIFTEEN, [3]),
        (COVER, 12.0, FIVE_OR_TEN, [10, 5]),
        (COVER, 31.0, FIVE_OR_TEN, [10, 10, 10, 5]),
        (COVER, 16.0, THREE_TO_FIFTEEN, [13, 3]),
        (COVER, 300.0, FIVE_OR_TEN, [10] * 30),
        (COVER, 300.0, THREE_TO_FIFTEEN, [15] * 20),
        (COVER, 1.0, (7,), [7]),
    ],
)
def test_examples(policy: ClipPolicy, speech_s: float, durations: tuple[int, ...], seconds: list[int]) -> None:
    """Plans that were worked out by hand; of equals, the longest clips come first."""
    result = plan(policy, speech_s, durations)
    assert result.policy is policy
    assert sum(result.seconds) == sum(seconds)
    assert len(result.seconds) == len(seconds)
    assert result.seconds == sorted(result.seconds, reverse=True)


@pytest.mark.parametrize("policy", [LOOP, COVER])
def test_sync_mode(policy: ClipPolicy) -> None:
    """A clip that ends on its first frame repeats; any other has to go back and forth."""
    assert plan(policy, 7.0, takes_end_frame=True).sync_mode is SyncMode.LOOP
    assert plan(policy, 7.0, takes_end_frame=False).sync_mode is SyncMode.BOUNCE


@pytest.mark.parametrize("policy", [LOOP, COVER])
@pytest.mark.parametrize("speech_s", [0.0, -1.0, math.nan])
def test_no_speech(policy: ClipPolicy, speech_s: float) -> None:
    """A speech without any length is refused."""
    with pytest.raises(RejectedError, match="no sound") as caught:
        plan(policy, speech_s)
    assert caught.value.field == "dialogue"


@pytest.mark.parametrize("policy", [LOOP, COVER])
@pytest.mark.parametrize("speech_s", [300.04, 1e9, math.inf])
def test_over_limit(policy: ClipPolicy, speech_s: float) -> None:
    """A speech beyond the limit is refused, with both figures."""
    with pytest.raises(RejectedError, match="the limit is 300 s") as caught:
        plan(policy, speech_s)
    assert caught.value.code is FailureCode.INVALID_REQUEST


def test_models_on_sale() -> None:
    """The lengths tested here are those of the models that are known, and the limit is sync.so's."""
    assert {model.durations for model in VIDEO_MODELS.values()} == {FIVE_OR_TEN, THREE_TO_FIFTEEN}
    assert SYNC_SO_MAX_SPEECH_S == 300.0
