"""How soon the end of a job is noticed."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.polling import LONGEST_DELAY_S, next_poll_delay_s


def polls_until(job_s: float, asked_s: float | None = None) -> list[float]:
    """When a job that ends after `job_s` is polled, the last time being the first after its end."""
    polls = [0.0]
    while polls[-1] < job_s:
        polls.append(polls[-1] + next_poll_delay_s(polls[-1], asked_s))
    return polls


@given(job_s=st.floats(0, 20))
def test_short_jobs(job_s: float) -> None:
    """The end of a job of some seconds is noticed within one second."""
    assert polls_until(job_s)[-1] - job_s < 1.0


@given(job_s=st.floats(20, 4 * 3600))
def test_long_jobs(job_s: float) -> None:
    """The end of a longer job is noticed within 5 % of its length, and never later than the longest delay."""
    late_s = polls_until(job_s)[-1] - job_s
    assert late_s <= 0.05 * job_s
    assert late_s <= LONGEST_DELAY_S


@pytest.mark.parametrize(("job_s", "most"), [(5.0, 21), (60.0, 90), (600.0, 150), (3600.0, 300)])
def test_polls_are_few(job_s: float, most: int) -> None:
    """Noticing early does not take a stream of requests: the pace slows as the job gets older."""
    polls = polls_until(job_s)
    delays = [later - earlier for earlier, later in pairwise(polls)]
    assert len(polls) - 1 <= most
    assert all(earlier <= later + 1e-9 for earlier, later in pairwise(delays))


@given(elapsed_s=st.floats(-3600, 4 * 3600), asked_s=st.floats(0, 600))
def test_vendor_is_honoured(elapsed_s: float, asked_s: float) -> None:
    """A vendor's wish is never undercut, and a short one does not hurry our own pace."""
    assert next_poll_delay_s(elapsed_s, asked_s) == max(asked_s, next_poll_delay_s(elapsed_s))


@given(elapsed_s=st.floats(-3600, 1e9))
def test_bounds(elapsed_s: float) -> None:
    """Every delay is some fraction of a second at least, also when clocks disagree, and the longest one at most."""
    assert 0.25 <= next_poll_delay_s(elapsed_s) <= LONGEST_DELAY_S
    assert math.isfinite(next_poll_delay_s(elapsed_s))
