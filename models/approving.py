"""What goes into and comes out of checking a picture, and of asking a person whether it is good enough."""

from pydantic import Field

from models.artifacts import ArtifactRef
from models.base import Message
from models.enums import ApprovalDecision
from models.messages import RunRef
from models.scene import ClipPlan, ImagePlan, ScenePlan


class CheckFaceInput(Message):
    """For `check_face`."""

    run: RunRef
    picture: ArtifactRef
    identity_id: str | None
    threshold: float


class AskApprovalInput(Message):
    """For `ask_approval`: what a person is to decide on, in which round of this run."""

    run: RunRef
    round: int
    plan: ScenePlan
    clip_plan: ClipPlan
    picture: ArtifactRef
    speech: ArtifactRef
    face_score: float | None
    note: str


class ApprovalQuestion(Message):
    """From `ask_approval`: `price_micros` is what is left to buy at most; with nothing left there is no question."""

    needed: bool
    price_micros: int


class ApprovalAnswer(Message):
    """The input of the Updates `approve`, `reject` and `redraw`. `token` is the picture's sha256, `by` who answers.

    `reason` goes with a rejection; `seed` and `prompt` are what to change for another picture.
    """

    token: str
    by: str = Field(min_length=1)
    reason: str | None = None
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    prompt: str | None = None


class RecordDecisionInput(Message):
    """For `record_decision`."""

    run: RunRef
    round: int
    decision: ApprovalDecision
    answer: ApprovalAnswer


class DecisionRecorded(Message):
    """From `record_decision`: the picture to draw next, after a redraw; the answer to an Update too."""

    decision: ApprovalDecision
    image: ImagePlan | None = None
