"""What a run would cost and take, from what is known before it."""

from typing import Any

import pytest

from domain.estimates import (
    CHARACTERS_PER_SECOND,
    DEFAULT_S,
    Obstacle,
    PlannedStep,
    RunPlan,
    Timing,
    Verdict,
    estimated_speech_s,
    expected_time,
)
from models.enums import FailureCode, Step


def step(step: Step, seconds: float = 0.0, cost_micros: int = 0, **fields: Any) -> PlannedStep:
    """A purchase."""
    return PlannedStep(step, Verdict.BUY, "why", timing=Timing(seconds, "b"), cost_micros=cost_micros, **fields)


def run(*steps: PlannedStep, obstacles: tuple[Obstacle, ...] = ()) -> RunPlan:
    """A run of these steps."""
    return RunPlan("s1", "scene", False, (), None, None, steps, obstacles, ())


@pytest.mark.parametrize(
    ("past", "elapsed", "expected"),
    [
        ([], 0.0, Timing(DEFAULT_S[Step.VIDEO], "default")),
        ([], 20.0, Timing(DEFAULT_S[Step.VIDEO] - 20.0, "default")),
        ([7.0], 0.0, Timing(7.0, "median of 1 past job")),
        ([90.0, 60.0, 600.0], 0.0, Timing(90.0, "median of 3 past jobs")),
        ([90.0, 60.0, 600.0, 70.0], 0.0, Timing(80.0, "median of 4 past jobs")),
        ([10.0], 11.0, Timing(0.0, "median of 1 past job")),
    ],
)
def test_expected_time(past: list[float], elapsed: float, expected: Timing) -> None:
    """Our own records go before the default, one slow job does not spoil them, and what has passed is taken off."""
    assert expected_time(Step.VIDEO, past, elapsed_s=elapsed) == expected


def test_every_paid_step_has_a_default() -> None:
    """A first run has a time, too."""
    assert set(DEFAULT_S) == {Step.SPEECH, Step.IMAGE, Step.VIDEO, Step.LIPSYNC}


@pytest.mark.parametrize(
    ("rates", "speed", "rate"),
    [([], 1.0, CHARACTERS_PER_SECOND), ([], 1.2, CHARACTERS_PER_SECOND * 1.2), ([10.0, 12.0, 99.0], 0.7, 8.4)],
)
def test_speech(rates: list[float], speed: float, rate: float) -> None:
    """A text takes as long as the voice's past ones did, faster or slower as it is set to speak."""
    assert estimated_speech_s("a" * 100, speed, rates) == pytest.approx(100 / rate)


def test_critical_path() -> None:
    """Speech and picture are made side by side, clips too; then comes the lipsync."""
    clips = step(Step.VIDEO, 60.0, clip=1), step(Step.VIDEO, 90.0, clip=2)
    assert run(step(Step.SPEECH, 5.0), step(Step.IMAGE, 10.0), *clips, step(Step.LIPSYNC, 30.0)).seconds == 130.0
    assert run(step(Step.SPEECH, 15.0), step(Step.IMAGE, 10.0)).seconds == 15.0
    assert run().seconds == 0.0


def test_totals() -> None:
    """The costs of all steps, exact when each is; anything in the way makes the run not feasible."""
    plan = run(step(Step.SPEECH, cost_micros=7), step(Step.LIPSYNC, cost_micros=100, exact=False))
    stopped = run(obstacles=(Obstacle(FailureCode.UNAUTHORIZED, "no key", "set it"),))
    assert (plan.cost_micros, plan.exact, plan.feasible) == (107, False, True)
    assert (stopped.cost_micros, stopped.exact, stopped.feasible) == (0, True, False)
