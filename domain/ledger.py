"""What a purchase means in money, as a pure function of where it stands and what the vendor charged."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from models.enums import JobState, Provider, Step

Key = TypeVar("Key")


class Booking(StrEnum):
    """Where the money of a purchase stands."""

    ESTIMATED = "estimated"
    ACCEPTED = "accepted"
    SETTLED = "settled"
    RELEASED = "released"
    UNKNOWN = "unknown"


_OF_STATE = {
    JobState.INTENT: Booking.ESTIMATED,
    JobState.SENT: Booking.ESTIMATED,
    JobState.ACCEPTED: Booking.ACCEPTED,
    JobState.SUCCEEDED: Booking.ACCEPTED,
    JobState.STORED: Booking.SETTLED,
    JobState.UNKNOWN: Booking.UNKNOWN,
}


def booking_of(state: JobState, actual_cost_micros: int | None) -> Booking:
    """How a purchase is booked. One that ended without a result may have been charged unless the vendor's figure says.

    The amount of each is the vendor's figure where it is known, else the estimate.
    """
    if state in _OF_STATE:
        return _OF_STATE[state]
    if actual_cost_micros is None:
        return Booking.UNKNOWN
    return Booking.SETTLED if actual_cost_micros else Booking.RELEASED


@dataclass(frozen=True)
class Costs:
    """Sums in micro-dollars: charged, bought but not delivered, perhaps charged for nothing, and not bought again.

    `unknown_count` is the number of purchases whose charge a person could look up.
    """

    spent_micros: int = 0
    in_flight_micros: int = 0
    unknown_micros: int = 0
    saved_micros: int = 0
    unknown_count: int = 0

    @property
    def committed_micros(self) -> int:
        """What a budget has to cover so far: everything that was or may be charged."""
        return self.spent_micros + self.in_flight_micros + self.unknown_micros

    def __add__(self, other: "Costs") -> "Costs":
        return Costs(
            self.spent_micros + other.spent_micros,
            self.in_flight_micros + other.in_flight_micros,
            self.unknown_micros + other.unknown_micros,
            self.saved_micros + other.saved_micros,
            self.unknown_count + other.unknown_count,
        )


@dataclass(frozen=True)
class Line:
    """The costs of one step at one vendor; `owner` is the scene or project that they are added up for, if any."""

    owner: str | None
    provider: Provider
    step: Step
    costs: Costs


def booked(booking: Booking, micros: int, count: int) -> Costs:
    """So many purchases, `micros` together, all booked alike."""
    match booking:
        case Booking.ESTIMATED | Booking.ACCEPTED:
            return Costs(in_flight_micros=micros)
        case Booking.SETTLED:
            return Costs(spent_micros=micros)
        case Booking.UNKNOWN:
            return Costs(unknown_micros=micros, unknown_count=count)
        case Booking.RELEASED:
            return Costs()


def total(lines: Iterable[Line]) -> Costs:
    """All together."""
    return sum((line.costs for line in lines), Costs())


def totals(lines: Iterable[Line], key: Callable[[Line], Key]) -> dict[Key, Costs]:
    """Together by key, in the order in which the keys come."""
    sums: dict[Key, Costs] = defaultdict(Costs)
    for line in lines:
        sums[key(line)] += line.costs
    return dict(sums)
