"""What a run would do, cost and take, told before it is started."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from domain.budgets import Budget
from models.artifacts import ArtifactRef
from models.enums import FailureCode, Provider, Step
from models.scene import ModeDecision

# "40,000 characters (~40 minutes of audio)": help.elevenlabs.io, article 13298164480913, read 2026-11-22.
CHARACTERS_PER_SECOND = 1000 / 60

# Where there are no records yet, queues included. Speech: faster than it is listened to. Picture: 5 to 15 s by fal's
# model pages. Clip: 79 to 151 s for 5 s of Kling 1.6 to 3.0 on fal, measured 2026-04-11 (dl.nedoborov.com, Kling video
# models comparison). Lipsync: "within a few minutes", sync.so/docs/product/generation-times. All read 2026-11-22.
DEFAULT_S: dict[Step, float] = {Step.SPEECH: 5.0, Step.IMAGE: 10.0, Step.VIDEO: 120.0, Step.LIPSYNC: 180.0}


class Verdict(StrEnum):
    """What a run would do about a step. `held`: it would wait for a person or the vendor's word."""

    REUSE = "reuse"
    BUY = "buy"
    IN_FLIGHT = "in_flight"
    HELD = "held"
    SKIP = "skip"


@dataclass(frozen=True)
class Timing:
    """Expected seconds, and where the figure comes from, in words."""

    seconds: float = 0.0
    basis: str = ""


NOW = Timing()


@dataclass(frozen=True)
class PlannedStep:
    """One purchase that a run would make or not; `cost_micros` is what it would add to the ledger, in micro-dollars.

    `exact`: verdict and cost do not hang on the length of a speech that is yet to be bought, on which picture the
    identity check lets be filmed, or on a purchase under way. `artifact` is the stored result that would be reused.
    """

    step: Step
    verdict: Verdict
    why: str
    provider: Provider | None = None
    model: str | None = None
    clip: int | None = None
    cost_micros: int = 0
    timing: Timing = NOW
    exact: bool = True
    artifact: ArtifactRef | None = None


@dataclass(frozen=True)
class Obstacle:
    """Why a run would end without a film, and what to do about it."""

    code: FailureCode
    problem: str
    remedy: str


@dataclass(frozen=True)
class PlannedBudget:
    """A budget that covers the run, as people call it."""

    whose: str
    budget: Budget


@dataclass(frozen=True)
class RunPlan:
    """A run before it is started: what is bought before an obstacle would end it, or all of it.

    `decision` and `speech_s` are unset where the plan ends before they are known; `running` says that a run is under
    way, which another start would join; `notes` what else people should know before they start it.
    """

    scene_id: str
    scene_name: str
    running: bool
    fresh: tuple[Step, ...]
    decision: ModeDecision | None
    speech_s: float | None
    steps: tuple[PlannedStep, ...]
    obstacles: tuple[Obstacle, ...]
    budgets: tuple[PlannedBudget, ...]
    notes: tuple[str, ...] = ()

    @property
    def feasible(self) -> bool:
        """Whether nothing is known that would end the run without a film."""
        return not self.obstacles

    @property
    def cost_micros(self) -> int:
        """What the run would add to the ledger."""
        return sum(step.cost_micros for step in self.steps)

    @property
    def exact(self) -> bool:
        """Whether all of its steps are."""
        return all(step.exact for step in self.steps)

    @property
    def seconds(self) -> float:
        """Its critical path: speech next to the picture, then the clips side by side, then the lipsync."""
        longest = dict.fromkeys(Step, 0.0)
        for step in self.steps:
            longest[step.step] = max(longest[step.step], step.timing.seconds)
        return max(longest[Step.SPEECH], longest[Step.IMAGE]) + longest[Step.VIDEO] + longest[Step.LIPSYNC]


def estimated_speech_s(text: str, speed: float, past_rates: Sequence[float]) -> float:
    """Seconds that a text is expected to take, by the characters per second of past speeches in the same voice."""
    return len(text) / ((median(past_rates) if past_rates else CHARACTERS_PER_SECOND) * speed)


def expected_time(step: Step, past_s: Sequence[float], *, elapsed_s: float = 0.0) -> Timing:
    """How long a purchase is expected to take from now on, by what past ones of the same model took."""
    whole, basis = DEFAULT_S[step], "default"
    if past_s:
        whole, basis = median(past_s), f"median of {len(past_s)} past {'job' if len(past_s) == 1 else 'jobs'}"
    return Timing(round(max(0.0, whole - elapsed_s), 1), basis)
