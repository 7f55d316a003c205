"""What the API answers about pictures that wait for a person."""

from collections.abc import Callable
from datetime import datetime
from typing import Self

from api.views import ArtifactView, View
from models.artifacts import ArtifactRef
from models.enums import ApprovalDecision
from models.take_tables import Approval
from runtime.approving import SceneApproval


class QuestionView(View):
    """One picture and what was said to it; `token` goes with the answer, `priceMicros` is what is left to buy at most.

    `pictureUrl` is a link that expires; `faceScore` is set where the identity check looked at the picture. Without an
    answer until `expiresAt` the settings decide.
    """

    token: str
    run_id: str
    round: int
    picture: ArtifactView
    picture_url: str
    price_micros: int
    face_score: float | None
    asked_at: datetime
    expires_at: datetime | None
    decision: ApprovalDecision | None
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    seed: int | None

    @classmethod
    def of(cls, row: Approval, link: Callable[[ArtifactRef], str]) -> Self:
        """The row with a link to its picture."""
        return cls.from_row(row, picture_url=link(ArtifactRef.model_validate(row.picture)))


class ApprovalView(View):
    """The picture of a scene that waits for a person, if one does, and what was asked before, oldest first."""

    scene_id: str
    waiting: QuestionView | None
    past: list[QuestionView]

    @classmethod
    def of(cls, found: SceneApproval, link: Callable[[ArtifactRef], str]) -> Self:
        """The questions as they are shown."""
        waiting = QuestionView.of(found.waiting, link) if found.waiting else None
        return cls(scene_id=found.scene.id, waiting=waiting, past=[QuestionView.of(row, link) for row in found.past])


class DecisionView(View):
    """The answer was taken and is kept."""

    scene_id: str
    token: str
    decision: ApprovalDecision
    decided_by: str
