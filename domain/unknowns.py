"""What to do about a purchase whose answer was lost, where the vendor cannot tell what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from models.enums import Step

FIRST_RECHECK_S = 2.0  # a vendor that was away for a moment can tell very soon
SHARE_OF_AGE = 0.5  # asked again after half as long as it has been unknown: at most a third of the wait is idle
NEVER_ARRIVED = timedelta(minutes=10)  # a vendor lists what it took within seconds; ours are cut off after four minutes
LONGEST_RECHECK_S = 3600.0  # a webhook, a person or the reconciler wakes the scene earlier


@dataclass(frozen=True)
class UnknownPolicy:
    """`rebuy_after`: buy again so long after the request went out; unset: hold, for a person or a webhook."""

    rebuy_after: timedelta | None = None


HOLD = UnknownPolicy()

# A picture costs cents and a scene waits for it; a clip or a lipsync costs as much as all the rest.
DEFAULTS: Mapping[Step, UnknownPolicy] = {
    Step.SPEECH: HOLD,
    Step.IMAGE: UnknownPolicy(timedelta(minutes=2)),
    Step.VIDEO: HOLD,
    Step.LIPSYNC: HOLD,
}


def parse_policy(text: str) -> UnknownPolicy:
    """`hold`, or `rebuy_after:SECONDS`. Raises ValueError."""
    name, _, seconds = text.partition(":")
    if text == "hold":
        return HOLD
    if name == "rebuy_after" and seconds.isascii() and seconds.isdigit():
        return UnknownPolicy(timedelta(seconds=int(seconds)))
    raise ValueError("must be `hold`, or `rebuy_after:` and a number of seconds")


def recheck_s(age_s: float, policy: UnknownPolicy) -> float:
    """Seconds until a purchase that has been unknown for `age_s` is looked at again."""
    pause = min(max(FIRST_RECHECK_S, SHARE_OF_AGE * age_s), LONGEST_RECHECK_S)
    if policy.rebuy_after is None:
        return pause
    return min(pause, max(0.1, policy.rebuy_after.total_seconds() - age_s))
