"""Everything on one machine: a Temporal development server, the studio, a file server, a worker, the HTTP API.

For development and demonstration. State stays in the data folder, so runs survive a restart.
"""

import asyncio
import fcntl
import os
import random
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from temporalio.client import Client

from domain.rejections import RejectedError
from models.enums import FailureCode
from runtime.migrate import upgrade
from runtime.processes import Child, Processes, died
from runtime.search_attributes import NAMES
from runtime.settings import ROOT
from runtime.temporal import connect

ENV_FILE = "embedded.env"
HOST = "127.0.0.1"
READY_PATIENCE_S = 60.0
PREFERRED_PORTS = {"temporal": 7233, "ui": 8233, "studio": 8321, "files": 8322, "api": 8080}
OTHER_PORTS = range(20_000, 32_000)  # kernels give out ports from 32,768 (Linux) or 49,152 (RFC 6335) on
STUDIO_KEYS = {
    "FAL_KEY": "studio:studio",
    "ELEVENLABS_API_KEY": "studio",
    "SYNC_API_KEY": "studio",
    "SYNC_WEBHOOK_SECRET": "whsec_studio",
}  # the studio takes any key; these open nothing else

# TEMPORAL.md's measured set: WAL survives a killed process at no cost, the queue reads are not throttled to 20/s.
TEMPORAL_OPTIONS = (
    ("--sqlite-pragma", "journal_mode=WAL"),
    ("--sqlite-pragma", "synchronous=NORMAL"),
    ("--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000"),
    ("--dynamic-config-value", "history.timerProcessorMaxPollRPS=2000"),
    ("--dynamic-config-value", "matching.numTaskqueueReadPartitions=1"),
    ("--dynamic-config-value", "matching.numTaskqueueWritePartitions=1"),
    ("--dynamic-config-value", "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute=2"),
    ("--log-level", "warn"),
)


@dataclass(frozen=True)
class Embedded:
    """The running servers: `environment` is what points any of our programs at them."""

    data_dir: Path
    environment: dict[str, str]
    studio_url: str
    ui_url: str
    api_url: str
    client: Client
    processes: Processes

    @property
    def env_file(self) -> Path:
        """The environment as a file, for `DEVATAR_ENV_FILE`."""
        return self.data_dir / ENV_FILE


@asynccontextmanager
async def embedded(
    data_dir: Path, *, picture: str, ports: Mapping[str, int] = PREFERRED_PORTS, api: bool = False
) -> AsyncGenerator[Embedded]:
    """Start everything, the HTTP API only when told so, wait until it answers, stop everything after the block.

    `ports` are taken where they are free, else any (0 asks for any); `picture` caps the studio's pictures as
    WIDTHxHEIGHT. Raises RejectedError when another one runs on this folder, ProcessDiedError when a part fails.
    """
    with _only_one(data_dir) as lock:
        processes = Processes(data_dir / "logs", held_open=(lock.fileno(),))
        try:
            async with _choosing_ports():
                running = await _start(data_dir, processes, picture, ports, api=api)
                if api:
                    await _start_api(running)
            yield running
        finally:
            (data_dir / ENV_FILE).unlink(missing_ok=True)
            await processes.stop()


async def _start(
    data_dir: Path, processes: Processes, picture: str, preferred: Mapping[str, int], *, api: bool
) -> Embedded:
    ports = free_ports(preferred)
    urls = {name: f"http://{HOST}:{port}" for name, port in ports.items()}
    environment = _environment(data_dir, ports, urls) | {"DEVATAR_PUBLIC_URL": urls["api"] if api else ""}
    everything = {**os.environ, **environment}
    await asyncio.to_thread(_write_environment, data_dir / ENV_FILE, environment)
    await asyncio.to_thread(upgrade, environment["DATABASE_URL"])
    temporal = await processes.start("temporal", *_temporal_command(data_dir, ports), environment=everything)
    studio = await processes.start(
        "studio",
        *(sys.executable, "-m", "studio", "--port", str(ports["studio"])),
        *("--data", data_dir / "studio", "--picture", picture),
        *("--webhook-secret", environment["SYNC_WEBHOOK_SECRET"]),
        environment=everything,
    )
    files = await processes.start(
        "files",
        *(sys.executable, "-m", "runtime.file_server"),
        *("--root", data_dir / "objects", "--port", str(ports["files"])),
        environment=everything,
    )
    await asyncio.gather(*(_answers(child, ports[child.name]) for child in (temporal, studio, files)))
    client = await connect(environment)
    await processes.start("worker", sys.executable, ROOT / "worker.py", environment=everything)
    return Embedded(data_dir, environment, urls["studio"], urls["ui"], urls["api"], client, processes)


async def _start_api(running: Embedded) -> None:
    everything = {**os.environ, **running.environment}
    child = await running.processes.start("api", sys.executable, "-m", "api", environment=everything)
    await _answers(child, int(running.environment["DEVATAR_API_PORT"]))


def _environment(data_dir: Path, ports: dict[str, int], urls: dict[str, str]) -> dict[str, str]:
    studio = urls["studio"]
    return STUDIO_KEYS | {
        "DATABASE_URL": f"sqlite:///{data_dir / 'devatar.db'}",
        "DEVATAR_ENV_FILE": str(data_dir / ENV_FILE),  # not the user's .env, which may hold real keys
        "DEVATAR_DATA_DIR": str(data_dir),
        "TEMPORAL_ADDRESS": f"{HOST}:{ports['temporal']}",
        "TEMPORAL_NAMESPACE": "default",
        "DEVATAR_TEMPORAL_UI_URL": urls["ui"],
        "DEVATAR_FILES_URL": urls["files"],
        "DEVATAR_FILES_SIGNING_KEY": _signing_key(data_dir),
        "DEVATAR_TRUSTED_ORIGINS": f"{studio},{urls['files']}",
        "DEVATAR_STUDIO_URL": studio,
        "DEVATAR_API_HOST": HOST,
        "DEVATAR_API_PORT": str(ports["api"]),
        "FAL_QUEUE_URL": f"{studio}/fal-queue",
        "FAL_RUN_URL": f"{studio}/fal-run",
        "FAL_JWKS_URL": f"{studio}/fal-queue/.well-known/jwks.json",
        "ELEVENLABS_BASE_URL": f"{studio}/elevenlabs",
        "SYNC_BASE_URL": f"{studio}/sync",
        "KLING_BASE_URL": f"{studio}/kling",
        "KLING_ACCESS_KEY": "",
        "R2_BUCKET_NAME": "",
        "DEVEN_LORA_URL": f"{studio}/files/loras/deven.safetensors",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }


def _write_environment(path: Path, environment: Mapping[str, str]) -> None:
    """Readable by its owner alone: the file holds the key that signs links."""
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in environment.items()))


def _temporal_command(data_dir: Path, ports: dict[str, int]) -> list[str | Path]:
    binary = shutil.which("temporal", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if binary is None:
        raise RejectedError(
            "temporal", "the development server is not installed", "Run make demo", FailureCode.NOT_FOUND
        )
    options = [part for option in TEMPORAL_OPTIONS for part in option]
    attributes = [part for name in NAMES for part in ("--search-attribute", f"{name}=Keyword")]
    database = data_dir / "temporal.db"
    address = ["--ip", HOST, "--port", str(ports["temporal"]), "--ui-port", str(ports["ui"])]
    return [binary, "server", "start-dev", "--db-filename", database, *address, *options, *attributes]


def free_ports(preferred: Mapping[str, int]) -> dict[str, int]:
    """The preferred ports, so that addresses stay the same from run to run, and others where these are taken or 0.

    None that the kernel gives out by itself: Temporal asks it for some while it starts, before the others listen.
    """
    ports: dict[str, int] = {}
    for name, port in preferred.items():
        candidates = (port, *random.sample(OTHER_PORTS, 100))
        found = next((each for each in candidates if each and each not in ports.values() and _is_free(each)), None)
        if found is None:
            raise RejectedError("port", "no free port on the loopback interface", "Stop something that listens there")
        ports[name] = found
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


async def _answers(child: Child, port: int) -> None:
    """Wait until the child listens. Raises ProcessDiedError when it ends, TimeoutError when it takes too long."""
    async with asyncio.timeout(READY_PATIENCE_S):
        while True:
            if child.process.returncode is not None:
                raise died(child)
            try:
                _, writer = await asyncio.open_connection(HOST, port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return


def _signing_key(data_dir: Path) -> str:
    """Kept in a file, so that links of an earlier run stay good until they expire."""
    path = data_dir / "files.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path.read_text().strip()


@asynccontextmanager
async def _choosing_ports() -> AsyncGenerator[None]:
    """One start at a time on this machine: a port that was found free stays free until its server listens."""
    with (Path(tempfile.gettempdir()) / f"devatar-{os.getuid()}.lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _only_one(data_dir: Path) -> Generator[IO[str]]:
    """A lock on the folder. Children inherit it, so that it also holds while any of a killed demo's servers lives."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RejectedError(
                str(data_dir),
                "Devatar already runs on this folder",
                "Stop it first (Ctrl-C where it runs, or end the processes that hold its file `lock` open), or set"
                " DEVATAR_DATA_DIR to another folder",
            ) from None
        yield lock
