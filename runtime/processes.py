"""Child processes that end with us: started in groups of their own, watched, and stopped in the reverse order."""

import asyncio
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

STOP_PATIENCE_S = 20.0  # a worker drains for ten seconds; what has not ended by then is killed
LOG_TAIL_LINES = 15


class ProcessDiedError(Exception):
    """A child ended by itself; the message has the end of its log."""


@dataclass(frozen=True)
class Child:
    """One running child; its output goes to `log`."""

    name: str
    process: asyncio.subprocess.Process
    log: Path


class Processes:
    """Starts children and stops all of them, whatever happened in between."""

    def __init__(self, logs: Path, *, held_open: tuple[int, ...] = ()) -> None:
        self._logs = logs
        self._held_open = held_open  # file descriptors that stay open for as long as any child lives
        self._children: list[Child] = []

    async def start(self, name: str, *command: str | Path, environment: Mapping[str, str]) -> Child:
        """Start a child in a session of its own: a Ctrl-C in the terminal reaches us alone, and we stop it in order."""
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *map(str, command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
                pass_fds=self._held_open,
            )
        child = Child(name, process, log)
        self._children.append(child)
        return child

    async def watch(self) -> None:
        """Return never; raises ProcessDiedError as soon as a child ends."""
        ends = {asyncio.create_task(child.process.wait()): child for child in self._children}
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in ends:
                task.cancel()
        raise died(ends[done.pop()])

    async def stop(self) -> None:
        """End all children, the last started first; kill what does not end in time."""
        for child in reversed(self._children):
            await _stop(child)
        self._children.clear()


def died(child: Child) -> ProcessDiedError:
    """The error that tells how a child ended and what it said last."""
    tail = child.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:]
    said = "\n".join(f"  {line}" for line in tail)
    return ProcessDiedError(f"{child.name} ended with exit code {child.process.returncode}; see {child.log}\n{said}")


async def _stop(child: Child) -> None:
    """Ask the child alone, so that it can end its own children in order; then sweep up what is left of its group."""
    if child.process.returncode is None:
        child.process.terminate()
    try:
        async with asyncio.timeout(STOP_PATIENCE_S):
            await child.process.wait()
    except TimeoutError:
        _kill_group(child)
        await child.process.wait()
    _kill_group(child)


def _kill_group(child: Child) -> None:
    try:
        os.killpg(child.process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
