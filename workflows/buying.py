"""How a run buys: it submits, collects, and waits, for as long as it takes, where a purchase cannot go on."""

from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError

from models.enums import Step
from models.messages import Collected, CollectInput, JobTicket, PurchaseResult, RunRef
from workflows.board import Board
from workflows.branches import Branches
from workflows.calls import call
from workflows.failures import may_buy_again
from workflows.policies import PURCHASES_PER_STEP, Call, InputT

OutcomeT = TypeVar("OutcomeT", JobTicket, Collected)


class Buyer:
    """Buys for one run, and shows on its board what a purchase waits for."""

    def __init__(self, run: RunRef, board: Board, branches: Branches, fresh: Collection[Step]) -> None:
        self._run = run
        self._board = board
        self._branches = branches
        self._fresh = frozenset(fresh)
        self._changes = 0

    def fresh(self, step: Step) -> str:
        """The name of this run's deliberate purchase, where the step is to be made anew."""
        return self._run.run_id if step in self._fresh else ""

    def purchase_changed(self) -> None:
        """Somebody moved a purchase: whoever waits for one looks again."""
        self._changes += 1

    async def buy_at_once(
        self, step: Step, activity: Call[InputT, Collected], order: InputT, label: str
    ) -> PurchaseResult:
        """Buy where the vendor answers with the thing itself."""
        return _result_of(await self._patiently(step, activity, order, label))

    async def buy(
        self,
        step: Step,
        submit: Call[InputT, JobTicket],
        order: InputT,
        collect: Call[CollectInput, Collected],
        label: str,
    ) -> PurchaseResult:
        """Submit and collect; buy anew a bounded number of times when the vendor's own job broke down."""
        for purchase in range(1, PURCHASES_PER_STEP + 1):
            self._branches.stop_if_failed()
            ticket = await self._patiently(step, submit, order, label)
            if ticket.result is not None:
                return ticket.result
            try:
                order_of_result = CollectInput(run=self._run, job_id=ticket.job_id)
                return _result_of(await self._patiently(step, collect, order_of_result, f"{label}: result"))
            except ActivityError as error:
                if purchase == PURCHASES_PER_STEP or not may_buy_again(error):
                    raise
        raise AssertionError("unreachable: the last purchase returns or raises")

    async def _patiently(self, step: Step, activity: Call[InputT, OutcomeT], order: InputT, summary: str) -> OutcomeT:
        """Run an activity of a purchase, again each time after what it waits for has happened, or may have."""
        while True:
            seen = self._changes
            outcome = await call(activity, order, summary)
            if outcome.waits is None:
                return outcome
            self._board.waits(step, summary, outcome.waits.reason)
            await self._until_changed(seen, timedelta(seconds=outcome.waits.recheck_s))
            self._branches.stop_if_failed()
            self._board.waits(step, summary, None)

    async def _until_changed(self, seen: int, recheck: timedelta) -> None:
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._changes > seen or self._branches.failed, timeout=recheck)


def _result_of(outcome: Collected) -> PurchaseResult:
    if outcome.result is None:
        raise AssertionError("unreachable: what waits for nothing has a result")
    return outcome.result
