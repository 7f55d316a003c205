"""What goes into and comes out of checking a picture, and of asking a person whether it is good enough."""

from typing import Annotated

from pydantic import Field, field_validator

from models.artifacts import ArtifactRef
from models.base import Message
from models.enums import ApprovalDecision
from models.inputs import Line, Reference, Seed, Words, storable
from models.messages import RunRef
from models.scene import ClipPlan, ImagePlan, ScenePlan


class CheckFaceInput(Message):
    """For `check_face`."""

    run: RunRef
    picture: ArtifactRef
    identity_id: str | None
    threshold: float


class AskApprovalInput(Message):
    """For `ask_approval`: what a person is to decide on, in which round of this run.

    `fresh` names the run's clips where they are made anew, as in `SubmitVideoInput`. `token` is what an answer has to
    carry, the picture's sha256 where a run names none.
    """

    run: RunRef
    round: int
    plan: ScenePlan
    clip_plan: ClipPlan
    picture: ArtifactRef
    speech: ArtifactRef
    face_score: float | None
    note: str
    fresh: str = ""
    token: str | None = None


class ApprovalQuestion(Message):
    """From `ask_approval`: `price_micros` is what is left to buy at most; with nothing left there is no question.

    `token` is what the question was kept under, if it says so, else the picture's sha256.
    """

    needed: bool
    price_micros: int
    token: str | None = None


class ApprovalAnswer(Message):
    """The input of the Updates `approve`, `reject` and `redraw`. `token` names the question, `by` who answers.

    `reason` goes with a rejection; `seed` and `prompt` are what to change for another picture, as in the scene.
    """

    token: Reference
    by: Annotated[Line, Field(min_length=1)]
    reason: Words | None = None
    seed: Seed | None = None
    prompt: Words | None = None

    @field_validator("*")
    @classmethod
    def _can_be_stored(cls, value: object) -> object:
        return storable(value)


class RecordDecisionInput(Message):
    """For `record_decision`. A redraw goes by the run's own `plan`; without one, by the scene as it is now."""

    run: RunRef
    round: int
    decision: ApprovalDecision
    answer: ApprovalAnswer
    plan: ScenePlan | None = None


class DecisionRecorded(Message):
    """From `record_decision`: the picture to draw next, after a redraw; the answer to an Update too."""

    decision: ApprovalDecision
    image: ImagePlan | None = None
