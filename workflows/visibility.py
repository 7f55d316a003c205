"""What Temporal's Web UI can search and shows: typed search attributes, and a run's details in Markdown."""

from datetime import datetime

from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

from models.enums import StepState
from models.progress import SceneProgress, StepProgress

SCENE_ID = SearchAttributeKey.for_keyword("SceneId")
IDENTITY_ID = SearchAttributeKey.for_keyword("IdentityId")
PROJECT_ID = SearchAttributeKey.for_keyword("ProjectId")
GENERATION_MODE = SearchAttributeKey.for_keyword("GenerationMode")
SCENE_STEP = SearchAttributeKey.for_keyword("SceneStep")
FAILURE_CODE = SearchAttributeKey.for_keyword("FailureCode")
SEARCH_ATTRIBUTES = (SCENE_ID, IDENTITY_ID, PROJECT_ID, GENERATION_MODE, SCENE_STEP, FAILURE_CODE)

_MARK = {
    StepState.WAITING: "⏳",
    StepState.RUNNING: "▶️",
    StepState.DONE: "✅",
    StepState.REUSED: "♻️",
    StepState.SKIPPED: "⏭️",
    StepState.FAILED: "❌",
    StepState.CANCELED: "🚫",
}


def keyword_updates(**values: str | None) -> list[SearchAttributeUpdate[str]]:
    """Updates for the attributes that have a value; names are those of the keys in lower case."""
    keys = {
        "scene": SCENE_ID,
        "identity": IDENTITY_ID,
        "project": PROJECT_ID,
        "mode": GENERATION_MODE,
        "step": SCENE_STEP,
        "failure": FAILURE_CODE,
    }
    return [keys[name].value_set(value) for name, value in values.items() if value]


def as_markdown(progress: SceneProgress, now: datetime) -> str:
    """The run for people: mode and reason, each step with its time and what it waits for, the cost so far."""
    lines = [f"**Scene** `{progress.scene_id}`: **{progress.status}**, {dollars(progress.cost_micros)} so far"]
    if progress.decision is not None:
        decision = progress.decision
        lines.append(f"**Mode** {decision.mode} (asked: {decision.requested}): {decision.reason}")
        if decision.fallback:
            lines.append("⚠️ **Fallback**: this film does not show the identity's own face.")
    if progress.failure is not None:
        lines.append(f"❌ **{progress.failure.code}**: {progress.failure.user_message}. {progress.failure.detail}")
    rows = ["| | step | state | time | |", "|---|---|---|---|---|"] + [_row(step, now) for step in progress.steps]
    return "\n\n".join([*lines, "\n".join(rows)])


def dollars(micros: int) -> str:
    """Micro-dollars as people read them."""
    return f"${micros / 1_000_000:.4f}"


def _row(step: StepProgress, now: datetime) -> str:
    elapsed = ""
    if step.started_at is not None:
        elapsed = f"{((step.ended_at or now) - step.started_at).total_seconds():.1f} s"
    note = step.waiting_for if step.state is StepState.RUNNING else step.detail
    return f"| {_MARK[step.state]} | {step.step} | {step.state} | {elapsed} | {note or ''} |"
