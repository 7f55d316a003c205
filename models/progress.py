"""The answer to the workflow's `progress` query."""

from datetime import datetime

from models.artifacts import ArtifactRef
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


class ApprovalProgress(Message):
    """The picture that waits for a person: `token` goes with the answer, `price_micros` is left to buy at most."""

    token: str
    picture: ArtifactRef
    price_micros: int
    note: str


class SceneProgress(Message):
    """A run of a scene as it stands."""

    scene_id: str
    status: SceneStatus
    started_at: datetime
    decision: ModeDecision | None = None
    steps: list[StepProgress]
    cost_micros: int = 0
    failure: Failure | None = None
    approval: ApprovalProgress | None = None
