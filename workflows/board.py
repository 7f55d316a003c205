"""The state of a run as others see it: the `progress` query, the Web UI's details, the search attributes."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from temporalio import workflow
from temporalio.exceptions import is_cancelled_exception

from models.artifacts import ArtifactRef
from models.enums import SceneStatus, Step, StepState
from models.messages import Failure, PurchaseResult
from models.progress import ApprovalProgress, SceneProgress, StepProgress
from models.scene import ScenePlan
from workflows.visibility import as_markdown, dollars, keyword_updates


class Board:
    """Holds one `SceneProgress` and publishes each change of it."""

    def __init__(self, scene_id: str) -> None:
        self.progress = SceneProgress(
            scene_id=scene_id,
            status=SceneStatus.GENERATING,
            started_at=workflow.now(),
            steps=[StepProgress(step=step) for step in Step],
        )
        self._searchable = False
        self._usual: dict[Step, str] = {}
        self._held: dict[Step, dict[str, str]] = {}

    def planned(self, plan: ScenePlan) -> None:
        """The plan is known: show the mode, and make the run findable."""
        self._searchable = plan.search_attributes
        self._change(decision=plan.decision)
        self._search(scene=plan.scene_id, identity=plan.identity_id, project=plan.project_id, mode=plan.decision.mode)

    @contextmanager
    def step(self, step: Step, waiting_for: str) -> Generator[None]:
        """Running until the block ends; done unless `bought` or `skipped` has said more, failed when it raises."""
        self._usual[step] = waiting_for
        self._set(step, state=StepState.RUNNING, started_at=workflow.now(), waiting_for=waiting_for)
        self._search(step=step)
        try:
            yield
        except BaseException as error:
            canceled = is_cancelled_exception(error)
            self._set(step, state=StepState.CANCELED if canceled else StepState.FAILED, ended_at=workflow.now())
            raise
        state = StepState.DONE if self.of(step).state is StepState.RUNNING else self.of(step).state
        self._set(step, state=state, ended_at=workflow.now(), waiting_for=None)

    def waits(self, step: Step, purchase: str, reason: str | None) -> None:
        """Why a purchase of a running step cannot go on; None when it goes on again."""
        held = self._held.setdefault(step, {})
        held.pop(purchase, None)
        if reason is not None:
            held[purchase] = reason
        self._set(step, waiting_for="; ".join(held.values()) or self._usual.get(step))

    def asks(self, token: str, picture: ArtifactRef, price_micros: int, note: str) -> None:
        """A person is asked about a picture; `price_micros` is what goes on to be bought at most."""
        question = ApprovalProgress(token=token, picture=picture, price_micros=price_micros, note=note)
        self._change(approval=question)
        waiting_for = f"approval of the picture; {dollars(price_micros)} left to buy{note}"
        self._set(Step.APPROVAL, waiting_for=waiting_for)

    def asks_no_more(self) -> None:
        """The answer is there."""
        self._change(approval=None)
        self._set(Step.APPROVAL, waiting_for=self._usual.get(Step.APPROVAL))

    def bought(self, step: Step, results: list[PurchaseResult], detail: str) -> None:
        """What a step cost this run, on top of what it cost before; `reused` when nothing of it was bought."""
        cost = self.of(step).cost_micros + sum(result.cost_micros for result in results)
        state = StepState.REUSED if all(result.reused for result in results) else StepState.DONE
        self._set(step, state=state, cost_micros=cost, detail=detail)
        self._change(cost_micros=sum(item.cost_micros for item in self.progress.steps))

    def detail(self, step: Step, detail: str) -> None:
        """What came out of a step."""
        self._set(step, detail=detail)

    def back_to(self, before: StepProgress, detail: str) -> None:
        """A step as it stood before another try that it did without."""
        stood = before.model_copy(update={"detail": detail})
        self._change(steps=[stood if item.step is stood.step else item for item in self.progress.steps])

    def skipped(self, step: Step, why: str) -> None:
        """A step that this scene has no need of."""
        self._set(step, state=StepState.SKIPPED, detail=why)

    def ended(self, status: SceneStatus, failure: Failure | None = None) -> None:
        """The run is over."""
        self._change(status=status, failure=failure, approval=None)
        if failure is not None:
            self._search(failure=failure.code)

    def running_step(self) -> Step | None:
        """The step that failed, else the first one under way: where to look when a run ends early."""
        states = (StepState.FAILED, StepState.RUNNING, StepState.CANCELED)
        found = (item.step for state in states for item in self.progress.steps if item.state is state)
        return next(found, None)

    def of(self, step: Step) -> StepProgress:
        """One step as it stands."""
        return next(item for item in self.progress.steps if item.step is step)

    def _set(self, step: Step, **changes: Any) -> None:
        steps = [item.model_copy(update=changes) if item.step is step else item for item in self.progress.steps]
        self._change(steps=steps)

    def _change(self, **changes: Any) -> None:
        self.progress = self.progress.model_copy(update=changes)
        workflow.set_current_details(as_markdown(self.progress, workflow.now()))

    def _search(self, **values: str | None) -> None:
        if self._searchable:
            cast(Any, workflow).upsert_search_attributes(keyword_updates(**values))  # its stub is partly untyped
