"""A person decides on the picture: the question, its validators and the wait. Holds no worker while it waits."""

import asyncio
from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain.failures import user_message
from models.approving import ApprovalAnswer, DecisionRecorded, RecordDecisionInput
from models.enums import ApprovalDecision, ExpiryPolicy, FailureCode
from models.messages import RunRef
from models.scene import ApprovalPlan, ScenePlan
from workflows.calls import execute
from workflows.policies import RECORD_DECISION

EXPIRED_BY = "the end of its time"


class Approvals:
    """One question at a time; `round` counts them from 1."""

    def __init__(self, run: RunRef) -> None:
        self._run = run
        self._token: str | None = None
        self._drawn_with: int | None = None
        self._can_redraw = False
        self._said: dict[str, tuple[ApprovalDecision, ApprovalAnswer]] = {}
        self._recorded: dict[int, DecisionRecorded] = {}
        self._over = False
        self.round = 0

    def check(self, answer: ApprovalAnswer, *, redraw: bool = False, reject: bool = False) -> None:
        """Raises ApplicationError for an answer that comes twice, late, to another picture or after a cancel.

        And for a rejection without a reason, and the wish for another picture where that is not possible.
        """
        if workflow.cancellation_reason() is not None:
            raise _refused("the run was canceled")
        if answer.token in self._said:
            decision, first = self._said[answer.token]
            raise _refused(f"that picture was {decision} by {first.by} already")
        if self._token is None:
            raise _refused("no picture waits for approval now")
        if answer.token != self._token:
            raise _refused(f"another picture waits now: {self._token}")
        if reject and not answer.reason:
            raise _refused("say in a few words why, as `reason`")
        if redraw and not self._can_redraw:
            raise _refused("a headshot is filmed as it is. Reject it, give the scene another one and generate again")
        if redraw and answer.prompt is None and answer.seed is not None and answer.seed == self._drawn_with:
            raise _refused(f"seed {answer.seed} drew this very picture. Give another, or none")

    async def take(self, decision: ApprovalDecision, answer: ApprovalAnswer) -> DecisionRecorded:
        """Take an answer that `check` let pass; returns when it is kept in the database.

        Raises ApplicationError when the run ends before.
        """
        asked = self.round
        self._said[answer.token] = (decision, answer)
        await workflow.wait_condition(lambda: asked in self._recorded or self._over)
        if asked not in self._recorded:
            raise _refused("the run ended before it was kept")
        return self._recorded[asked]

    async def answer_to(
        self, token: str, plan: ApprovalPlan, *, can_redraw: bool, drawn_with: int | None
    ) -> tuple[ApprovalDecision, ApprovalAnswer]:
        """Wait for a person as long as the plan allows, for weeks if need be; `drawn_with` is the picture's seed."""
        self._token, self._can_redraw, self._drawn_with = token, can_redraw, drawn_with
        self._said.pop(token, None)  # the same picture again is a new question
        expires = None if plan.expires_s is None else timedelta(seconds=plan.expires_s)
        try:
            with suppress(TimeoutError, asyncio.TimeoutError):
                await workflow.wait_condition(lambda: token in self._said, timeout=expires)
        except asyncio.CancelledError:
            self._over = True
            raise
        return self._said.setdefault(token, _expired(token, plan))

    async def record(
        self, decision: ApprovalDecision, answer: ApprovalAnswer, plan: ScenePlan | None = None
    ) -> DecisionRecorded:
        """Keep who decided what, and when; a redraw changes the `plan`'s picture.

        A cancel that comes meanwhile ends the run before it buys more.
        """
        order = RecordDecisionInput(run=self._run, round=self.round, decision=decision, answer=answer, plan=plan)
        self._token = None
        try:
            recorded = await execute(RECORD_DECISION, order, f"{decision} by {answer.by}")
        except BaseException:
            self._over = True
            raise
        self._recorded[self.round] = recorded
        if workflow.cancellation_reason() is not None:
            raise asyncio.CancelledError("canceled while the decision was recorded")
        return recorded


def not_approved(decision: ApprovalDecision, answer: ApprovalAnswer) -> ApplicationError:
    """The scene's end after a no."""
    code = FailureCode.TIMED_OUT if decision is ApprovalDecision.EXPIRED else FailureCode.NOT_APPROVED
    detail = f"{decision} by {answer.by}" + (f": {answer.reason}" if answer.reason else "")
    facts = {"code": code, "detail": detail}
    return ApplicationError(f"{user_message(code)}: {detail}", facts, type=code, non_retryable=True)


def _expired(token: str, plan: ApprovalPlan) -> tuple[ApprovalDecision, ApprovalAnswer]:
    approve = plan.on_expiry is ExpiryPolicy.APPROVE
    decision = ApprovalDecision.APPROVED if approve else ApprovalDecision.EXPIRED
    return decision, ApprovalAnswer(token=token, by=EXPIRED_BY, reason="nobody answered in time")


def _refused(why: str) -> ApplicationError:
    return ApplicationError(f"the answer is not taken: {why}", type="refused", non_retryable=True)
