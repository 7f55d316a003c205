"""Keeps worker processes running, as a service manager would: one that dies is started again."""

import multiprocessing
import signal
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess

from bench.chaos.worker import Assignment, main

# Workers are forked from one process that has imported everything: starting one takes a tenth of a second, not three.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["bench.chaos.worker"])


@dataclass
class Keeper:
    """One worker process, started again whenever it has died: `deaths` by SIGKILL, `exits` in any other way."""

    assignment: Assignment
    deaths: int = 0
    exits: int = 0
    _process: ForkServerProcess | None = field(default=None, init=False)

    def keep(self) -> None:
        """Start the worker unless it runs."""
        if self._process is not None:
            if self._process.is_alive():
                return
            killed = self._process.exitcode == -signal.SIGKILL
            self.deaths += killed
            self.exits += not killed
            self._process.close()
        self._process = _FORKS.Process(target=main, args=(self.assignment,), daemon=True)
        self._process.start()

    def kill(self) -> None:
        """Kill the worker at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.join()

    def close(self) -> None:
        """Kill the worker for good."""
        if self._process is not None:
            self.kill()
            self._process.close()
            self._process = None
