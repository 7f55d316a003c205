"""Blocking file work for object stores: in threads that stop when nobody waits, and writes that are whole or absent."""

import asyncio
import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol, TypeVar

CHUNK_BYTES = 1024 * 1024

T = TypeVar("T")


class Stopped(Exception):
    """The caller was cancelled; only its abandoned thread sees this."""


class Readable(Protocol):
    """What can be read in pieces."""

    def read(self, size: int, /) -> bytes: ...


async def run_stoppable(work: Callable[[threading.Event], T]) -> T:
    """Run `work` in a thread; the event it is given is set once nobody waits for it, so that it can stop early."""
    stop = threading.Event()
    try:
        return await asyncio.to_thread(work, stop)
    finally:
        stop.set()


def copy_hashed(source: Readable, sink: IO[bytes] | None, stop: threading.Event) -> str:
    """Copy to the end (or only read, without a sink) and return the SHA-256 in hex; `Stopped` when the event is set."""
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK_BYTES):
        if stop.is_set():
            raise Stopped
        digest.update(chunk)
        if sink is not None:
            sink.write(chunk)
    return digest.hexdigest()


def sync_file(file: IO[bytes]) -> None:
    """Force a written file to the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to the disk: without it a rename may be lost in a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def written_whole(to: Path) -> Generator[IO[bytes]]:
    """Give a file to write; it takes the name `to` when the block ends well and leaves nothing when it does not."""
    to.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=to.parent, prefix=".incoming-")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            sync_file(file)
        temporary.replace(to)
    finally:
        temporary.unlink(missing_ok=True)
