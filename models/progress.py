"""The answer to the workflow's `progress` query."""

from datetime import datetime

from models.base import Message
from models.enums import SceneStatus, Step, StepState
from models.messages import Failure
from models.scene import ModeDecision


class StepProgress(Message):
    """One step: `waiting_for` says in words what it waits for, `cost_micros` what this run paid for it."""

    step: Step
    state: StepState = StepState.WAITING
    started_at: datetime | None = None
    ended_at: datetime | None = None
    waiting_for: str | None = None
    detail: str | None = None
    cost_micros: int = 0


class SceneProgress(Message):
    """A run of a scene as it stands."""

    scene_id: str
    status: SceneStatus
    started_at: datetime
    decision: ModeDecision | None = None
    steps: list[StepProgress]
    cost_micros: int = 0
    failure: Failure | None = None
