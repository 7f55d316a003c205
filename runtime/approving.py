"""Pictures that wait for a person: finding the question, and answering it."""

import asyncio
from dataclasses import dataclass
from typing import Any, cast

from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from domain.rejections import ConflictError, RejectedError
from models.approving import ApprovalAnswer, DecisionRecorded
from models.enums import ApprovalDecision, FailureCode
from models.tables import Scene
from models.take_tables import Approval
from runtime.catalog.scenes import find_scene
from runtime.launching import scene_handle
from store.database import Database

ANSWER_PATIENCE_S = 15.0  # a worker takes an Update within a second; the decision is one row

_UPDATES = {
    ApprovalDecision.APPROVED: "approve",
    ApprovalDecision.REJECTED: "reject",
    ApprovalDecision.REDRAWN: "redraw",
}


@dataclass(frozen=True)
class SceneApproval:
    """The picture of a scene that waits for a person, if one does, and what was asked before, oldest first."""

    scene: Scene
    waiting: Approval | None
    past: list[Approval]

    def token(self) -> str:
        """What an answer to the waiting picture has to carry. Raises ConflictError when none waits."""
        if self.waiting is None:
            problem = f"no picture of {self.scene.name!r} waits for approval"
            raise ConflictError("approval", problem, f"See `starter.py scene approval {self.scene.name}`")
        return self.waiting.token


async def approval_of(database: Database, reference: str) -> SceneApproval:
    """By the scene's id or name. Raises RejectedError (`not_found`)."""
    async with database.transaction() as tx:
        scene = await find_scene(tx, reference)
        waiting = (await tx.approvals.waiting([scene.id])).get(scene.id)
        rows = await tx.approvals.of_scene(scene.id)
    return SceneApproval(scene, waiting, [row for row in rows if waiting is None or row.id != waiting.id])


async def send_answer(
    client: Client,
    scene: Scene,
    decision: ApprovalDecision,
    answer: ApprovalAnswer,
    patience_s: float = ANSWER_PATIENCE_S,
) -> DecisionRecorded:
    """Answer the question of a scene's run; returns when the decision is in the database.

    Raises ConflictError when it is not taken, with the reason: twice, late, to another picture, after a cancel.
    Raises RejectedError (`provider_unavailable`) when no worker answers; the answer may still be taken then.
    """
    handle = scene_handle(client, scene.id)
    try:
        async with asyncio.timeout(patience_s):
            sending = cast(Any, handle).execute_update  # its stub is partly untyped
            return await sending(_UPDATES[decision], answer, result_type=DecisionRecorded)
    except WorkflowUpdateFailedError as error:
        why = error.cause.message if isinstance(error.cause, ApplicationError) else str(error.cause)
        raise ConflictError("approval", why, f"See `starter.py scene approval {scene.name}`") from None
    except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError):
        raise RejectedError(
            "approval",
            "no worker has taken the answer yet; it may still be taken",
            f"Start a worker, and look at `starter.py scene approval {scene.name}` before you answer again",
            FailureCode.PROVIDER_UNAVAILABLE,
        ) from None
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        problem = f"the answer is not taken: no run of {scene.name!r} is under way"
        raise ConflictError("approval", problem, f"See `starter.py scene approval {scene.name}`") from None
