"""How often a vendor is asked whether it is done, and for how long a scene's own activity does the asking."""

from datetime import timedelta

from models.enums import Step

FIRST_DELAY_S = 0.25  # a job of some seconds is noticed well below a second after it ends
SHARE_OF_ELAPSED = 0.04  # a long job is noticed within 5 % of its length, one request's time included
LONGEST_DELAY_S = 20.0  # below the heartbeat and cancel latency that operators expect, also for jobs of an hour


def next_poll_delay_s(elapsed_s: float, asked_s: float | None = None) -> float:
    """Seconds to wait before the next poll of a job accepted `elapsed_s` ago; a vendor's own wish is honoured."""
    own = min(max(FIRST_DELAY_S, SHARE_OF_ELAPSED * elapsed_s), LONGEST_DELAY_S)
    return own if asked_s is None else max(own, asked_s)


# Beyond this a job is parked: the scene says so and waits, and the reconciler does the asking. Several times what a job
# takes, queues included: pictures 5-15 s, clips 1-10 minutes, lipsync of five minutes of film up to an hour.
PATIENCE: dict[Step, timedelta] = {
    Step.IMAGE: timedelta(minutes=15),
    Step.VIDEO: timedelta(minutes=50),
    Step.LIPSYNC: timedelta(minutes=110),
}

# After this nothing can come any more: fal and Kling keep requests and results for 30 days.
LONGEST_WAIT = timedelta(days=30)
