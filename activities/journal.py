"""The generation log: one row an event in the database, and the same line in the worker's log."""

import logging
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity

from models.enums import FailureCode, LogLevel, LogStep, Step
from models.messages import RunRef
from models.tables import GenerationLog
from store.database import Transaction

LOG_STEP: dict[Step, LogStep] = {
    Step.SPEECH: LogStep.AUDIO_GENERATION,
    Step.IDENTITY_ANCHOR: LogStep.IDENTITY_ANCHOR,
    Step.IMAGE: LogStep.IMAGE_GENERATION,
    Step.APPROVAL: LogStep.IMAGE_GENERATION,
    Step.VIDEO: LogStep.VIDEO_GENERATION,
    Step.JOIN: LogStep.VIDEO_ASSEMBLY,
    Step.LIPSYNC: LogStep.LIPSYNC_APPLICATION,
    Step.MEDIA_CHECK: LogStep.VIDEO_ASSEMBLY,
    Step.PUBLISH: LogStep.UPLOAD,
}

_PYTHON_LEVEL = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARN: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}


@dataclass(frozen=True)
class Entry:
    """One event. `event` names it within its run: a second write under the same name is dropped."""

    event: str
    step: LogStep
    message: str
    level: LogLevel = LogLevel.INFO
    provider: str = "system"
    duration_ms: int | None = None
    cost_micros: int | None = None
    error_code: FailureCode | None = None
    payload: dict[str, Any] = field(default_factory=dict[str, Any])


async def write(tx: Transaction, run: RunRef, entry: Entry) -> None:
    """Write the row in the caller's transaction, so that the log tells what was committed and nothing else."""
    row = GenerationLog(
        scene_id=run.scene_id,
        run_id=run.run_id,
        event_key=f"{run.run_id}:{entry.event}",
        level=entry.level,
        step=entry.step,
        provider=entry.provider,
        message=entry.message,
        duration_ms=entry.duration_ms,
        cost_micros=entry.cost_micros,
        error_code=entry.error_code,
        payload=entry.payload,
    )
    if await tx.logs.write_once(row):
        activity.logger.log(_PYTHON_LEVEL[entry.level], "[%s] %s", entry.step, entry.message)
