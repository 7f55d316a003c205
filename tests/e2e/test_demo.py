"""`make demo`'s command as a person runs it: from nothing to a checked film, and nothing left behind."""

import asyncio
import os
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path

from runtime.settings import ROOT
from tests.support.measure import film_facts, word_recall

SCRIPT = "Thank you for watching this film."


async def test_the_demo_films_a_script_and_leaves_nothing_running(tmp_path: Path) -> None:
    """The command ends with the film's path alone on a line, a checked film in it, and no process left."""
    code, output = await _demo(tmp_path, "--script", SCRIPT)
    path = re.search(r"^film: (.+)$", output, re.MULTILINE)

    assert code == 0, output
    assert path is not None
    film = Path(path.group(1))
    facts = film_facts(film)
    assert word_recall(film, SCRIPT) >= 0.8
    assert f"length: {facts.video_s:.2f} s" in output
    assert re.search(r"studio's bill for this run: \$\d+\.\d+", output)
    assert film.with_suffix(".srt").read_text().startswith("1\n00:00:00,000 --> ")
    assert film.with_suffix(".vtt").read_text().startswith("WEBVTT\n")
    assert _processes_of(tmp_path) == []


async def test_an_interrupt_stops_everything_that_the_demo_started(tmp_path: Path) -> None:
    """Ctrl-C in the middle of a run ends the command and every server it started."""
    process = await _start(tmp_path, "--script", SCRIPT)
    assert process.stdout is not None
    async with asyncio.timeout(60):
        async for line in process.stdout:
            if b"speech" in line:
                break
    assert _processes_of(tmp_path) != []
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(60):
        await process.communicate()

    assert process.returncode == 130
    assert _processes_of(tmp_path) == []


async def test_a_second_demo_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    """Two demos cannot share one database; the second says what to do."""
    first = await _start(tmp_path, "--script", SCRIPT)
    assert first.stdout is not None
    await asyncio.wait_for(first.stdout.readline(), 60)
    code, output = await _demo(tmp_path)
    first.send_signal(signal.SIGTERM)
    await asyncio.wait_for(first.communicate(), 60)

    assert code == 2
    assert "already runs on this folder" in output
    assert _processes_of(tmp_path) == []


async def test_servers_of_a_killed_demo_keep_its_folder_locked(tmp_path: Path) -> None:
    """After a kill -9 the servers live on without their parent; a second set must not open the same databases."""
    first = await _start(tmp_path, "--script", SCRIPT)
    assert first.stdout is not None
    await asyncio.wait_for(first.stdout.readline(), 60)
    first.kill()
    await asyncio.wait_for(first.wait(), 30)
    orphans = _pids_of(tmp_path)
    code, output = await _demo(tmp_path)
    for pid in orphans:
        with suppress(ProcessLookupError):  # some end by themselves when their parent does
            os.kill(pid, signal.SIGKILL)

    assert orphans != []
    assert code == 2
    assert "already runs on this folder" in output


async def _demo(folder: Path, *arguments: str) -> tuple[int | None, str]:
    process = await _start(folder, *arguments)
    output, _ = await asyncio.wait_for(process.communicate(), 150)
    return process.returncode, output.decode()


async def _start(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    environment = {**os.environ, "DEVATAR_DATA_DIR": str(folder), "DEVATAR_ENV_FILE": os.devnull}
    command = [sys.executable, str(ROOT / "starter.py"), "demo", "--picture", "320x180", *arguments]
    pipe, joined = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
    return await asyncio.create_subprocess_exec(*command, env=environment, cwd=ROOT, stdout=pipe, stderr=joined)


def _processes_of(folder: Path) -> list[str]:
    """Command lines of processes that name the folder, or that have it in their environment."""
    return list(_commands_of(folder).values())


def _pids_of(folder: Path) -> list[int]:
    return list(_commands_of(folder))


def _commands_of(folder: Path) -> dict[int, str]:
    found: dict[int, str] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            environment = (entry / "environ").read_bytes().decode(errors="replace")
        except (OSError, UnicodeDecodeError):
            continue
        if int(entry.name) != os.getpid() and (str(folder) in command or f"={folder}" in environment):
            found[int(entry.name)] = command
    return found
