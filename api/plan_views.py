"""What the API answers about runs that are not started yet."""

from typing import Self

from api.run_views import ModeView
from api.views import BudgetView, View
from domain.estimates import RunPlan, Verdict
from models.enums import FailureCode, Provider, Step


class TimingView(View):
    """Expected seconds, and where the figure comes from."""

    seconds: float
    basis: str


class PlannedStepView(View):
    """One purchase that a run would make or not; `costMicros` is what it would cost in millionths of a dollar.

    `exact` is false where that hangs on the length of a speech that is yet to be bought, on which picture the identity
    check lets be filmed, or on a purchase under way.
    """

    step: Step
    clip: int | None
    verdict: Verdict
    why: str
    provider: Provider | None
    model: str | None
    cost_micros: int
    timing: TimingView
    exact: bool


class ObstacleView(View):
    """Why a run would end without a film, and what to do about it."""

    code: FailureCode
    problem: str
    remedy: str


class PlannedBudgetView(View):
    """A budget that covers the run, and how people call it."""

    whose: str
    budget: BudgetView


class RunPlanView(View):
    """A run before it is started; `steps` are those that it would come to. `seconds` is the critical path.

    `mode` and `speechS` are unset where an obstacle comes before they are known; `running` says that a run is under
    way, which another start would join; `notes` what else people should know before they start it.
    """

    scene_id: str
    scene_name: str
    running: bool
    fresh: list[Step]
    feasible: bool
    cost_micros: int
    exact: bool
    seconds: float
    speech_s: float | None
    mode: ModeView | None
    steps: list[PlannedStepView]
    obstacles: list[ObstacleView]
    budgets: list[PlannedBudgetView]
    notes: list[str]

    @classmethod
    def of(cls, plan: RunPlan) -> Self:
        """The plan as it is shown."""
        totals = {name: getattr(plan, name) for name in ("feasible", "cost_micros", "exact", "seconds")}
        return cls.model_validate(vars(plan) | totals | {"mode": plan.decision})
