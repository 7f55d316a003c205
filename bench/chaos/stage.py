"""The drill's servers: Temporal, the studio, files, SQLite and PostgreSQL; each can be killed and comes back."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from bench.chaos.plan import DATABASES, Misfortune
from runtime.embedded import Embedded, embedded
from runtime.migrate import upgrade
from runtime.settings import load_settings
from runtime.wiring import assembled
from tests.support.postgres import Postgres, running_postgres
from tests.support.stack import ANY_PORTS, Stack

DATABASE = "drill"
PICTURE = "160x90"
READY_S = 60.0
DOWN_S = 1.5  # how long a killed server stays away
LATENCY = {"queue_s": 0.2, "processing_s": 1.0}  # of each vendor's jobs, so that a kill can fall while they run


@dataclass
class Stage:
    """Running servers; `stacks` are our parts on each database."""

    servers: Embedded
    stacks: Mapping[str, Stack]
    postgres: Postgres
    urls: Mapping[str, str]
    _started: list[subprocess.Popen[Any]] = field(default_factory=list[subprocess.Popen[Any]])

    @property
    def folder(self) -> Path:
        """Where logs and marks of the runs go."""
        return self.servers.data_dir

    async def befall(self, misfortune: Misfortune) -> None:
        """Kill a server with SIGKILL and start it again on what it has left on disk."""
        match misfortune:
            case Misfortune.NONE:
                return
            case Misfortune.DATABASE_KILLED:
                await asyncio.to_thread(self._restart_postgres)
            case Misfortune.TEMPORAL_KILLED:
                await self._restart("start-dev", self.servers.environment["TEMPORAL_ADDRESS"])
            case Misfortune.STUDIO_RESTARTED:
                await self._restart("studio", urlsplit(self.servers.studio_url).netloc)

    def close(self) -> None:
        """Stop what was started here."""
        for process in self._started:
            process.send_signal(signal.SIGINT)
            process.wait(READY_S)

    async def _restart(self, word: str, address: str) -> None:
        pid = _child(word)
        command, environment = _command(pid), _environment(pid)
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(DOWN_S)
        await self.servers.processes.start(f"{word}-{time.time_ns()}", *command, environment=environment)
        await _answers(address)

    def _restart_postgres(self) -> None:
        """A postmaster that finds its predecessor's processes still dying gives up: it is started until it stays."""
        data = self.postgres.socket_folder / "data"
        pid = int((data / "postmaster.pid").read_text().split()[0])
        command, user = _command(pid), Path(f"/proc/{pid}").stat().st_uid
        os.kill(pid, signal.SIGKILL)
        self._reap(pid)
        time.sleep(DOWN_S)
        account: dict[str, Any] = {"user": user, "extra_groups": ()} if os.geteuid() == 0 else {}
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            with (self.folder / "logs" / "postgres-again.log").open("ab") as log:
                process = subprocess.Popen(command, stdout=log, stderr=log, cwd=data.parent, **account)  # noqa: S603
            if self._ready(process):
                self._started.append(process)
                return
        raise TimeoutError("PostgreSQL did not come back")

    def _reap(self, pid: int) -> None:
        """A dead postmaster that nobody has waited for counts as alive to its successor."""
        for process in self._started:
            if process.pid == pid:
                process.wait()
                self._started.remove(process)
                return
        os.waitpid(pid, 0)

    def _ready(self, process: subprocess.Popen[Any]) -> bool:
        while process.poll() is None:
            try:
                psycopg.connect(self.postgres.url("postgres")).close()
            except psycopg.OperationalError:
                time.sleep(0.1)
            else:
                return True
        return False


@asynccontextmanager
async def staged(folder: Path) -> AsyncGenerator[Stage]:
    """Everything started, and stopped after the block."""
    counter = iter(range(1, 1_000_000))
    with running_postgres() as postgres:
        url = _durable(postgres)
        async with embedded(folder, picture=PICTURE, ports=ANY_PORTS) as servers:
            urls = {"sqlite": servers.environment["DATABASE_URL"], "postgresql": url}
            settings = {name: load_settings(servers.environment | {"DATABASE_URL": url}) for name, url in urls.items()}
            async with assembled(settings["sqlite"]) as files, assembled(settings["postgresql"]) as tables:
                parts = {"sqlite": files, "postgresql": tables}
                stacks = {name: Stack(servers, parts[name], lambda: next(counter)) for name in DATABASES}
                await stacks["sqlite"].control("PUT", "/control/latency", json=LATENCY)
                stage = Stage(servers, stacks, postgres, urls)
                try:
                    yield stage
                finally:
                    await asyncio.to_thread(stage.close)


def _durable(postgres: Postgres) -> str:
    """A migrated database that keeps what it has committed when it is killed, which the tests' server does not."""
    url = postgres.create(DATABASE)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER DATABASE drill SET synchronous_commit = on")
    upgrade(url)
    return url


async def _answers(address: str) -> None:
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(READY_S):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            return


def _child(word: str) -> int:
    """Our own child process with this word in its command."""
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and word in _command(pid):
                return pid
        except OSError:
            continue  # it ended meanwhile
    raise LookupError(f"no child runs {word}")


def _command(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]


def _environment(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")[:-1]
    return dict(pair.split("=", 1) for pair in pairs)
