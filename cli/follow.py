"""Live progress of a scene: a table on a terminal, a line a change elsewhere."""

import asyncio
from datetime import UTC, datetime
from time import monotonic

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text
from temporalio.client import Client

from models.enums import Step, StepState
from models.progress import SceneProgress, StepProgress
from runtime.launching import PendingActivity, Run, SceneHandle, look, query_progress

REFRESH_S = 0.5
SILENCE_S = 3.0  # a worker that starts beside us, as in the demo, takes a second or two
_STYLE = {
    StepState.WAITING: "dim",
    StepState.RUNNING: "bold cyan",
    StepState.DONE: "green",
    StepState.REUSED: "green",
    StepState.SKIPPED: "dim",
    StepState.FAILED: "bold red",
    StepState.CANCELED: "yellow",
}
_STEP_OF = {
    "synthesize_speech": "speech",
    "validate_identity_anchor": "identity_anchor",
    "prepare_headshot": "image",
    "submit_image": "image",
    "collect_image": "image",
    "check_face": "image",
    "ask_approval": "approval",
    "record_decision": "approval",
    "submit_video": "video",
    "collect_video": "video",
    "join_clips": "join",
    "submit_lipsync": "lipsync",
    "collect_lipsync": "lipsync",
    "check_media": "media_check",
    "publish_scene": "publish",
}


async def follow(client: Client, handle: SceneHandle, scene_id: str, console: Console) -> None:
    """Show progress until the run ends."""
    if console.is_terminal:
        await _follow_live(client, handle, scene_id, console)
    else:
        await _follow_lines(client, handle, scene_id, console)


async def observe(client: Client, handle: SceneHandle, scene_id: str) -> tuple[Run, SceneProgress | None]:
    """The run as the server and as the workflow see it; the latter is not asked when no worker could answer."""
    run = await look(client, handle)
    return run, await query_progress(client, scene_id, run.run_id) if run.workers else None


def unanswered(run: Run) -> str:
    """Why a run says nothing of itself."""
    if run.workers == 0:
        return f"no worker serves task queue {run.task_queue}: start one with `python worker.py`"
    return "waiting for a worker to answer"


def progress_table(progress: SceneProgress, pending: list[PendingActivity]) -> RenderableType:
    """Each step with its state, elapsed time, and what it waits for."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for step in progress.steps:
        style = _STYLE[step.state]
        table.add_row(Text(str(step.step), style), Text(str(step.state), style), _elapsed(step), _note(step, pending))
    parts: list[RenderableType] = [Text(f"scene {progress.scene_id}: {progress.status}", "bold")]
    if (decision := progress.decision) is not None:
        mode = Text(f"mode {decision.mode} (asked: {decision.requested}): {decision.reason}")
        mode.stylize("bold yellow" if decision.fallback else "")
        parts.append(mode)
    parts.append(table)
    if progress.approval is not None:
        parts.append(Text(_to_decide(progress), "bold yellow"))
    return Group(*parts)


async def _follow_live(client: Client, handle: SceneHandle, scene_id: str, console: Console) -> None:
    with Live(console=console, refresh_per_second=4) as live:
        while True:
            run, progress = await observe(client, handle, scene_id)
            live.update(progress_table(progress, run.pending) if progress else Text(unanswered(run), "yellow"))
            if run.over:
                return
            await asyncio.sleep(REFRESH_S)


async def _follow_lines(client: Client, handle: SceneHandle, scene_id: str, console: Console) -> None:
    shown: dict[str, str] = {}
    silent_since: float | None = monotonic()
    remark = ""
    while True:
        run, progress = await observe(client, handle, scene_id)
        silent_since = None if progress else silent_since or monotonic()
        silent_long = silent_since is not None and monotonic() - silent_since >= SILENCE_S
        if silent_long and not run.over and remark != unanswered(run):
            remark = unanswered(run)
            console.print(remark, highlight=False, markup=False, soft_wrap=True)
        for step in progress.steps if progress else []:
            line = f"{step.step:<16} {step.state:<9} {_note(step, run.pending)}".rstrip()
            if step.state is not StepState.WAITING and shown.get(step.step) != line:
                shown[step.step] = line
                console.print(f"{_elapsed(step):>8}  {line}", highlight=False, markup=False, soft_wrap=True)
                if step.step is Step.APPROVAL and progress is not None and progress.approval is not None:
                    console.print(_to_decide(progress), highlight=False, markup=False, soft_wrap=True)
        if run.over:
            return
        await asyncio.sleep(REFRESH_S)


def _to_decide(progress: SceneProgress) -> str:
    return f"to decide: starter.py scene approval {progress.scene_id}"


def _elapsed(step: StepProgress) -> str:
    if step.started_at is None:
        return ""
    return f"{((step.ended_at or datetime.now(UTC)) - step.started_at).total_seconds():.1f} s"


def _note(step: StepProgress, pending: list[PendingActivity]) -> str:
    if step.state is not StepState.RUNNING:
        return step.detail or ""
    mine = [item for item in pending if _STEP_OF.get(item.name) == step.step]
    retries = [item.retry for item in mine if item.retry]
    waits = [item.waiting_for for item in mine if item.waiting_for]
    return next(iter(retries or waits), step.waiting_for or "")
