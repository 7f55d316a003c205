"""The life of a purchase: which state may follow which. The only such table."""

from models.enums import JobState

S = JobState

MOVES: dict[JobState, frozenset[JobState]] = {
    S.INTENT: frozenset({S.SENT, S.FAILED, S.CANCELED}),
    # back to INTENT: the vendor refused, or the request never left, so nothing was bought and it may be sent again
    S.SENT: frozenset({S.INTENT, S.ACCEPTED, S.SUCCEEDED, S.FAILED, S.UNKNOWN}),
    S.ACCEPTED: frozenset({S.SUCCEEDED, S.FAILED, S.CANCELED}),
    S.SUCCEEDED: frozenset({S.STORED, S.FAILED}),
    # recovery found the job, or proved that there is none, or a person gave it up
    S.UNKNOWN: frozenset({S.INTENT, S.ACCEPTED, S.SUCCEEDED, S.FAILED}),
    S.STORED: frozenset(),
    S.FAILED: frozenset(),
    S.CANCELED: frozenset(),
}

OPEN_STATES = frozenset(state for state, following in MOVES.items() if following)


class IllegalMoveError(Exception):
    """A purchase was asked to go where it cannot."""


def check_move(now: JobState, to: JobState) -> None:
    """Raises IllegalMoveError unless the table allows the move."""
    if to not in MOVES[now]:
        raise IllegalMoveError(f"a purchase cannot go from {now} to {to}")
