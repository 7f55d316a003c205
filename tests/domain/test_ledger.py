"""How purchases are booked."""

import pytest

from domain.ledger import Booking, Costs, Line, booked, booking_of, total, totals
from models.enums import JobState, Provider, Step

S, B = JobState, Booking

# What the vendor has told of its charge:   nothing    that there is none   a figure
TABLE: dict[JobState, tuple[Booking, Booking, Booking]] = {
    S.INTENT: (B.ESTIMATED, B.ESTIMATED, B.ESTIMATED),
    S.SENT: (B.ESTIMATED, B.ESTIMATED, B.ESTIMATED),
    S.ACCEPTED: (B.ACCEPTED, B.ACCEPTED, B.ACCEPTED),
    S.SUCCEEDED: (B.ACCEPTED, B.ACCEPTED, B.ACCEPTED),
    S.STORED: (B.SETTLED, B.SETTLED, B.SETTLED),
    S.UNKNOWN: (B.UNKNOWN, B.UNKNOWN, B.UNKNOWN),
    S.FAILED: (B.UNKNOWN, B.RELEASED, B.SETTLED),
    S.CANCELED: (B.UNKNOWN, B.RELEASED, B.SETTLED),
}


@pytest.mark.parametrize("state", JobState)
def test_booking(state: JobState) -> None:
    """Each state is booked in one way; one that ended without a result by what the vendor says it charged."""
    assert tuple(booking_of(state, actual) for actual in (None, 0, 7)) == TABLE[state]


@pytest.mark.parametrize(
    ("booking", "costs"),
    [
        (B.ESTIMATED, Costs(in_flight_micros=7)),
        (B.ACCEPTED, Costs(in_flight_micros=7)),
        (B.SETTLED, Costs(spent_micros=7)),
        (B.UNKNOWN, Costs(unknown_micros=7, unknown_count=2)),
        (B.RELEASED, Costs()),
    ],
)
def test_booked(booking: Booking, costs: Costs) -> None:
    """Each booking counts in one sum; a released one in none; only those that may be lost are counted."""
    assert booked(booking, 7, 2) == costs


def test_committed() -> None:
    """A budget has to cover what was or may be charged; what was saved needs no cover."""
    assert Costs(1, 20, 300, 4000, 5).committed_micros == 321


def test_sums() -> None:
    """Lines add up as a whole, and apart by whatever they are told apart by."""
    lines = [
        Line("a", Provider.FAL, Step.IMAGE, Costs(spent_micros=1)),
        Line("b", Provider.FAL, Step.VIDEO, Costs(in_flight_micros=2, unknown_micros=3, unknown_count=1)),
        Line("a", Provider.SYNC, Step.LIPSYNC, Costs(saved_micros=4)),
    ]
    assert total(lines) == Costs(1, 2, 3, 4, 1)
    assert total([]) == Costs()
    assert totals(lines, lambda line: line.owner) == {"a": Costs(1, 0, 0, 4), "b": Costs(0, 2, 3, 0, 1)}
    assert totals(lines, lambda line: line.provider) == {
        Provider.FAL: Costs(1, 2, 3, 0, 1),
        Provider.SYNC: Costs(saved_micros=4),
    }
