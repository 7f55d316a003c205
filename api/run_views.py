"""What the API answers about runs, logs and purchases."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from api.views import CostsView, FailureView, View
from domain.ledger import Booking, booking_of
from models.enums import (
    AnchorSource,
    FailureCode,
    GenerationMode,
    JobState,
    LogLevel,
    LogStep,
    SceneStatus,
    Step,
    StepState,
)
from models.tables import ProviderJob


class LogView(View):
    """One event; `durationMs` in milliseconds, `costMicros` in millionths of a dollar."""

    id: int
    run_id: str
    created_at: datetime
    level: LogLevel
    step: LogStep
    provider: str
    message: str
    duration_ms: int | None
    cost_micros: int | None
    error_code: FailureCode | None
    payload: dict[str, Any]


class LogPageView(View):
    """A part of the log; `nextAfter` is the cursor of the next part, unset at the end."""

    items: list[LogView]
    next_after: int | None


class JobView(View):
    """One purchase; costs in millionths of a dollar, `booking` says in which sum.

    `parkedAt`: left to be collected late; `writtenOffAt`: waited for no longer, a possible loss.
    """

    id: str
    scene_id: str
    run_id: str
    step: str
    clip: int | None
    take: int
    provider: str
    model: str
    idempotency_key: str
    state: JobState
    booking: Booking
    request_id: str | None
    estimated_cost_micros: int
    actual_cost_micros: int | None
    error_code: FailureCode | None
    error_detail: str | None
    intent_at: datetime
    sent_at: datetime | None
    accepted_at: datetime | None
    succeeded_at: datetime | None
    stored_at: datetime | None
    ended_at: datetime | None
    parked_at: datetime | None
    written_off_at: datetime | None

    @classmethod
    def of(cls, row: ProviderJob) -> Self:
        """The row as it is booked."""
        return cls.from_row(row, booking=booking_of(JobState(row.state), row.actual_cost_micros))


class JobsView(View):
    """The purchases of one scene, and what all of its runs cost so far."""

    items: list[JobView]
    costs: CostsView


class StartedView(View):
    """A run that was started or, when `joined`, that was under way; the link is unset without a Web UI configured."""

    workflow_id: str
    run_id: str
    temporal_url: str | None
    joined: bool


class CancelView(View):
    """The run was asked to stop; `/status` and `/events` show when it has."""

    workflow_id: str
    requested: bool


class StepView(View):
    """One step; `waitingFor` in words, `costMicros` what this run paid for it in millionths of a dollar."""

    step: Step
    state: StepState
    started_at: datetime | None
    ended_at: datetime | None
    waiting_for: str | None
    detail: str | None
    cost_micros: int


class ModeView(View):
    """The mode asked for, the mode used, where the face comes from, and why."""

    requested: GenerationMode
    mode: GenerationMode
    source: AnchorSource
    reason: str
    fallback: bool


class PendingView(View):
    """An activity under way: what it waits for, and what its last attempt failed with."""

    name: str
    attempt: int
    waiting_for: str | None
    retry: str | None


class StatusView(View):
    """How a scene stands. Without a run, or while Temporal is `away`, it is what the record says.

    `steps` and `mode` are the run's own words and unset where no worker answers; `workers` counts those that could.
    With `waitsForApproval` the picture is at `/approval`.
    """

    scene_id: str
    name: str
    status: SceneStatus
    temporal: str = Field(examples=["ok"], pattern="^(ok|away)$")
    workflow_id: str
    run_id: str | None
    temporal_url: str | None
    over: bool
    workers: int | None
    mode: ModeView | None
    mode_fallback: bool
    waits_for_approval: bool
    steps: list[StepView]
    pending: list[PendingView]
    cost_micros: int | None
    film_duration_s: float | None
    failure: FailureView | None
