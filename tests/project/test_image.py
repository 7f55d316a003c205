"""The worker's image: what its Dockerfile copies is enough to run, and no more than that."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.settings import ROOT
from tests.support.stack import Stack

DOCKERFILE = (ROOT / "Dockerfile").read_text()
NOT_IN_THE_IMAGE = {"studio", "tests", "bench", "docs", "examples"}


def copied() -> set[str]:
    """The names at the top of the project that the image gets."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    return {name for line in lines for name in line.split()}


def test_each_stage_starts_from_one_pinned_release() -> None:
    """The base image is a release of Python with its patch number, the same for building and running."""
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)

    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim", bases[0])


def test_packages_come_hashed_from_the_production_lock() -> None:
    """pip refuses what the lock does not name; neither the demo's nor the tests' packages are there."""
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    assert not {name for name in copied() if name.startswith("requirements-")}


def test_the_worker_runs_without_rights_and_with_a_health_check() -> None:
    """The last stage ends as another user than root, checks its way to Temporal and starts the worker."""
    last = DOCKERFILE.rpartition("\nFROM ")[2]

    assert re.search(r"^USER devatar$", last, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK ", last, re.MULTILINE)
    assert last.rstrip().endswith('CMD ["python", "worker.py"]')


def test_only_what_is_copied_reaches_the_build() -> None:
    """`.dockerignore` leaves out everything, secrets above all, and lets in just those names."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]

    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == copied()
    assert not copied() & (NOT_IN_THE_IMAGE | {".env", ".devatar", ".venv"})


@pytest.mark.parametrize("command", [["starter.py", "--help"], ["-c", "import worker, runtime.migrate"]])
def test_what_is_copied_is_enough_to_run(command: list[str], tmp_path: Path) -> None:
    """The programs start from a folder that holds nothing but what the image gets."""
    for name in copied() - {"requirements.lock"}:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def check_health(address: str) -> subprocess.CompletedProcess[str]:
    """Run the health check's own command against an address."""
    code = re.search(r'CMD \["python", "-c", "(import asyncio.*)"\]', DOCKERFILE)
    assert code
    return subprocess.run(
        [sys.executable, "-c", code[1]],
        cwd=ROOT,
        env={**os.environ, "TEMPORAL_ADDRESS": address},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def test_the_health_check_passes_where_temporal_answers(stack: Stack) -> None:
    """A worker that can reach Temporal is healthy."""
    done = await asyncio.to_thread(check_health, stack.servers.environment["TEMPORAL_ADDRESS"])

    assert (done.returncode, done.stderr) == (0, "")


def test_the_health_check_fails_where_nothing_answers() -> None:
    """A worker that is cut off is not, and the check says why."""
    done = check_health("127.0.0.1:9")

    assert done.returncode == 1
    assert "no Temporal service answers at 127.0.0.1:9" in done.stderr
