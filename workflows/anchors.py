"""The picture that starts every clip: here already, or still to be drawn."""

from typing import Self

from temporalio.exceptions import ApplicationError

from domain.failures import user_message
from domain.identity_check import describe
from models.artifacts import ArtifactRef
from models.base import Message
from models.enums import FacePolicy, FaceVerdict, FailureCode
from models.faces import FaceCheck, FacePlan
from models.requests import Lora
from models.scene import ApprovalPlan, ImagePlan


class Anchor(Message):
    """The picture that starts every clip, and how far it shows the identity, where that is checked.

    `approved` says that a person approved it for the current take, so that the check decides nothing any more.
    """

    picture: ArtifactRef
    seed: int | None = None
    lora_fingerprint: str | None = None
    face: FaceCheck | None = None
    approved: bool = False

    @property
    def score(self) -> float | None:
        """How much the face resembles the references."""
        return self.face.similarity if self.face else None

    @property
    def note(self) -> str:
        """The check in a clause, for the person who is asked."""
        return f"; {describe(self.face)}" if self.face else ""

    @property
    def may_be_filmed(self) -> bool:
        """Whether the face passed, or a person said before that it is good enough."""
        return self.approved or (self.face is not None and self.face.verdict is FaceVerdict.PASSED)

    def doubt(self, plan: FacePlan | None) -> ApprovalPlan | None:
        """Whether a person is to be asked because the check did not pass."""
        if plan is None or self.face is None or self.may_be_filmed:
            return None
        if plan.policy is not FacePolicy.APPROVE:
            return None
        return ApprovalPlan(expires_s=plan.approval_expires_s, on_expiry=plan.on_expiry)


class Drawing(Message):
    """A picture that is still to be drawn, with the LoRA that was checked for it."""

    image: ImagePlan
    lora: Lora | None

    def with_seed(self, seed: int | None) -> Self:
        """The same with another seed."""
        return self.model_copy(update={"image": self.image.model_copy(update={"seed": seed})})


def mismatch(anchor: Anchor) -> ApplicationError:
    """The scene's end when no picture shows the identity, and the policy is to fail."""
    code = FailureCode.FACE_MISMATCH
    detail = describe(anchor.face) if anchor.face else "it was not checked"
    facts = {"code": code, "detail": detail}
    return ApplicationError(f"{user_message(code)}: {detail}", facts, type=code, non_retryable=True)
