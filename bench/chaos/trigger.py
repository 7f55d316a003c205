"""The worker's own death: armed from outside, each crash once, told by a mark on disk that survives it."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from temporalio import activity

from bench.chaos.plan import Crash, Point
from models.enums import Step

_STEPS = {step.value: step for step in (Step.SPEECH, Step.IMAGE, Step.VIDEO, Step.LIPSYNC)}


class Trigger:
    """Kills this process at the first crash that has left no mark in `marks` yet."""

    def __init__(self, crashes: Sequence[Crash], marks: Path) -> None:
        armed = [(marks / str(number), crash) for number, crash in enumerate(crashes, 1)]
        self._next = next(((mark, crash) for mark, crash in armed if not mark.exists()), None)
        self._hits = 0

    def hit(self, point: Point, step: Step | None) -> None:
        """Pass a point; does not return when it is the one to die at."""
        if self._next is None:
            return
        mark, crash = self._next
        if point != crash.point or crash.step not in (None, step):
            return
        self._hits += 1
        if self._hits >= crash.hit and _made(mark):
            os.kill(os.getpid(), signal.SIGKILL)


def _made(mark: Path) -> bool:
    """False when the other worker of a pair has died of it already."""
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def paid_step() -> Step | None:
    """The paid step that the running activity works for, by the activity's name; None for all others."""
    if not activity.in_activity():
        return None
    return _STEPS.get(activity.info().activity_type.rpartition("_")[2])
