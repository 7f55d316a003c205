"""The command line under test: in this process for speed, or as the program that people start."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from cli.app import app
from runtime.launching import polling_workers
from runtime.settings import ROOT, Settings
from tests.support.stack import Stack

READY_S = 30.0
NOWHERE = "http://127.0.0.1:1"  # nothing listens there: no test reaches a vendor by mistake


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document and nothing else."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Program:
    """`starter.py` with exactly this configuration: nothing of the surroundings' own settings gets in."""

    environment: Mapping[str, str]

    @property
    def file(self) -> Path:
        """Its database, where that is a file of its own."""
        return Path(self.environment["DATABASE_URL"].removeprefix("sqlite:///"))

    def content(self) -> list[str]:
        """All that this file holds, as SQL."""
        with closing(sqlite3.connect(self.file)) as connection:
            return list(connection.iterdump())

    def run(self, *arguments: str, **variables: str) -> Answer:
        """Run a command in this process, in a thread of its own: it brings its own event loop."""
        everything: dict[str, str | None] = dict.fromkeys(_settings_variables())
        everything |= {**self.environment, **variables}
        with ThreadPoolExecutor(1) as thread:
            result = thread.submit(lambda: CliRunner().invoke(app, arguments, env=everything)).result()
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    async def waited(self, *arguments: str, **variables: str) -> Answer:
        """Run a command that takes long while the event loop of the test goes on."""
        return await asyncio.to_thread(self.run, *arguments, **variables)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the program itself; its output comes line by line."""
        hidden = _settings_variables()
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        return subprocess.Popen(
            [sys.executable, ROOT / "starter.py", *arguments],
            cwd=ROOT,
            env={**kept, **self.environment, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def offline(folder: Path) -> Program:
    """With a database, and nothing else that answers."""
    return Program(
        {
            "DATABASE_URL": f"sqlite:///{folder / 'devatar.db'}",
            "DEVATAR_ENV_FILE": os.devnull,
            "DEVATAR_DATA_DIR": str(folder),
            "TEMPORAL_ADDRESS": "127.0.0.1:1",
            "FAL_QUEUE_URL": NOWHERE,
            "FAL_RUN_URL": NOWHERE,
            "ELEVENLABS_BASE_URL": NOWHERE,
            "SYNC_BASE_URL": NOWHERE,
            "KLING_BASE_URL": NOWHERE,
        }
    )


def on_stack(stack: Stack) -> Program:
    """Pointed at running servers, as the file that `make demo KEEP=1` leaves would point it."""
    return Program(stack.servers.environment)


async def worker_ready(stack: Stack) -> None:
    """Wait for the worker's first poll. Raises TimeoutError."""
    async with asyncio.timeout(READY_S):
        while True:
            if await polling_workers(stack.servers.client, stack.parts.settings.task_queue):
                return
            await asyncio.sleep(0.1)


def _settings_variables() -> set[str]:
    standard = {"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_API_KEY", "TEMPORAL_PROFILE", "DEVATAR_ENV_FILE"}
    return standard | {str(info.validation_alias.choices[0]) for info in _fields() if info.validation_alias}


def _fields() -> list[Any]:
    return list(Settings.model_fields.values())
