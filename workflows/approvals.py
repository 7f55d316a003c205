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
from models.scene import ApprovalPlan
from workflows.calls import execute
from workflows.policies import RECORD_DECISION

EXPIRED_BY = "the end of its time"


class Approvals:
    """One question at a time; `round` counts them from 1."""

    def __init__(self, run: RunRef) -> None:
        self._run = run
        self._token: str | None = None
        self._taken: tuple[ApprovalDecision, ApprovalAnswer] | None = None
        self._recorded: dict[int, DecisionRecorded] = {}
        self.round = 0

    def check(self, answer: ApprovalAnswer) -> None:
        """Raises ApplicationError for an answer that comes twice, late, to another picture or after a cancel."""
        if workflow.cancellation_reason() is not None:
            raise _refused("the run was canceled")
        if self._token is None:
            raise _refused("no picture waits for approval now")
        if answer.token != self._token:
            raise _refused(f"another picture waits now: {self._token}")
        if self._taken is not None:
            raise _refused(f"it was {self._taken[0]} by {self._taken[1].by} already")

    async def take(self, decision: ApprovalDecision, answer: ApprovalAnswer) -> DecisionRecorded:
        """Take an answer that `check` let pass; returns when it is kept in the database."""
        asked = self.round
        self._taken = (decision, answer)
        await workflow.wait_condition(lambda: asked in self._recorded)
        return self._recorded[asked]

    async def answer_to(self, token: str, plan: ApprovalPlan) -> tuple[ApprovalDecision, ApprovalAnswer]:
        """Wait for a person as long as the plan allows, for weeks if need be."""
        self._token, self._taken = token, None
        expires = None if plan.expires_s is None else timedelta(seconds=plan.expires_s)
        try:
            with suppress(TimeoutError, asyncio.TimeoutError):
                await workflow.wait_condition(lambda: self._taken is not None, timeout=expires)
            self._taken = self._taken or _expired(token, plan)
            return self._taken
        except asyncio.CancelledError:
            self._token = None
            raise

    async def record(self, decision: ApprovalDecision, answer: ApprovalAnswer) -> DecisionRecorded:
        """Keep who decided what, and when."""
        order = RecordDecisionInput(run=self._run, round=self.round, decision=decision, answer=answer)
        recorded = await execute(RECORD_DECISION, order, f"{decision} by {answer.by}")
        self._recorded[self.round] = recorded
        self._token = None
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
