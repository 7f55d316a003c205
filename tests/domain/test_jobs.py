"""The life of a purchase: what is in the table of moves is allowed, and nothing else is."""

import itertools

import pytest

from domain.jobs import MOVES, OPEN_STATES, IllegalMoveError, check_move
from models.enums import JobState

S = JobState

ALLOWED = {
    (S.INTENT, S.SENT),
    (S.INTENT, S.FAILED),
    (S.INTENT, S.CANCELED),
    (S.SENT, S.INTENT),
    (S.SENT, S.ACCEPTED),
    (S.SENT, S.SUCCEEDED),
    (S.SENT, S.FAILED),
    (S.SENT, S.UNKNOWN),
    (S.UNKNOWN, S.INTENT),
    (S.UNKNOWN, S.ACCEPTED),
    (S.UNKNOWN, S.SUCCEEDED),
    (S.UNKNOWN, S.FAILED),
    (S.ACCEPTED, S.SUCCEEDED),
    (S.ACCEPTED, S.FAILED),
    (S.ACCEPTED, S.CANCELED),
    (S.SUCCEEDED, S.STORED),
    (S.SUCCEEDED, S.FAILED),
}


@pytest.mark.parametrize(("now", "to"), list(itertools.product(JobState, JobState)))
def test_moves(now: JobState, to: JobState) -> None:
    """A move outside the table is refused with both states in the message."""
    if (now, to) in ALLOWED:
        check_move(now, to)
        return
    with pytest.raises(IllegalMoveError, match=f"from {now} to {to}"):
        check_move(now, to)


def test_every_state_is_listed() -> None:
    """The table knows every state, and open is what can still move."""
    assert set(MOVES) == set(JobState)
    assert set(JobState) - OPEN_STATES == {S.STORED, S.FAILED, S.CANCELED}


def test_every_state_is_reached() -> None:
    """From INTENT a purchase can come to every state, and from every open state to an end."""
    reached, found = {S.INTENT}, {S.INTENT}
    while found:
        found = {to for state in found for to in MOVES[state]} - reached
        reached |= found
    assert reached == set(JobState)
    assert all(S.FAILED in MOVES[state] for state in OPEN_STATES)
