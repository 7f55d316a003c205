"""How often a vendor is asked whether it is done."""

FIRST_DELAY_S = 0.25  # a job of some seconds is noticed well below a second after it ends
SHARE_OF_ELAPSED = 0.04  # a long job is noticed within 5 % of its length, one request's time included
LONGEST_DELAY_S = 20.0  # below the heartbeat and cancel latency that operators expect, also for jobs of an hour


def next_poll_delay_s(elapsed_s: float, asked_s: float | None = None) -> float:
    """Seconds to wait before the next poll of a job accepted `elapsed_s` ago; a vendor's own wish is honoured."""
    own = min(max(FIRST_DELAY_S, SHARE_OF_ELAPSED * elapsed_s), LONGEST_DELAY_S)
    return own if asked_s is None else max(own, asked_s)
