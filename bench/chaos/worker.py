"""The worker of a drill: the real one of `runtime.worker` with its crash points armed; `keeper` starts it."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import runtime.worker
from bench.chaos import sabotage
from bench.chaos.hooks import watch_inside, watched_parts
from bench.chaos.plan import Crash
from bench.chaos.trigger import Trigger
from domain.rejections import RejectedError
from runtime.logs import configure_logging
from runtime.settings import Settings, load_settings
from runtime.wiring import Parts, assembled
from store.database import DatabaseUnavailableError


@dataclass(frozen=True)
class Assignment:
    """What one worker process is told: its whole environment, where it logs, and how it will come to grief."""

    environment: Mapping[str, str]
    log: Path
    marks: Path
    crashes: tuple[Crash, ...] = ()
    broken_puts: int = 0
    sabotage: str = ""


def main(assignment: Assignment) -> None:
    """Serve until killed. Runs in a process of its own."""
    _end_with_parent()
    with assignment.log.open("ab") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    os.environ.clear()
    os.environ.update(assignment.environment)
    settings = load_settings()
    configure_logging(settings.log_level)
    try:
        with ExitStack() as stack:
            stack.enter_context(patch.object(runtime.worker, "assembled", _armed(assignment, stack)))
            asyncio.run(runtime.worker.serve(settings))
    except (RejectedError, DatabaseUnavailableError) as error:
        sys.exit(f"worker: {error}")  # the database or Temporal is down: our keeper starts us again


def _armed(assignment: Assignment, stack: ExitStack) -> Callable[[Settings], AbstractAsyncContextManager[Parts]]:
    """`assembled` of the wiring with the sabotage committed first and the crash points watched on top of it."""
    trigger = Trigger(assignment.crashes, assignment.marks)
    sabotage.commit(assignment.sabotage, stack)
    watch_inside(trigger, stack)

    @asynccontextmanager
    async def armed(settings: Settings) -> AsyncGenerator[Parts]:
        async with assembled(settings) as parts:
            yield watched_parts(sabotage.spoiled(assignment.sabotage, parts, stack), trigger, assignment.broken_puts)

    return armed


def _end_with_parent() -> None:
    """A drill that was itself killed leaves no worker behind."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
