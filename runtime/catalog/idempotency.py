"""Requests that name an idempotency key are answered once: a repetition gets the first answer again."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from domain.rejections import ConflictError, RejectedError
from models.admin_tables import IdempotencyRecord
from models.tables import now
from store.database import Database

KEPT_FOR = timedelta(hours=24)
ABANDONED_AFTER = timedelta(minutes=2)  # whoever worked on it has died: no request takes so long
LOCAL = "local"  # the owner where no API key is needed
MAX_KEY_LENGTH = 255


@dataclass(frozen=True)
class Answered:
    """The answer that the first request got."""

    status: int
    response: Any


@dataclass(frozen=True)
class Request:
    """`owner` is an API key's id or LOCAL, `line` the method and path, `body_sha256` in hex."""

    owner: str
    key: str
    line: str
    body_sha256: str


async def begin(database: Database, request: Request) -> Answered | None:
    """None: go on, then `finish` or `abandon`. Else the first answer, to be given again.

    Raises RejectedError when the key was used for another request, ConflictError while the first is being answered.
    """
    _check_key(request.key)
    async with database.transaction() as tx:
        await tx.idempotency.forget_before(now() - KEPT_FOR)
        record = IdempotencyRecord(
            owner=request.owner, key=request.key, request=request.line, body_sha256=request.body_sha256
        )
        if await tx.idempotency.claim(record):
            return None
        first = await tx.idempotency.get(request.owner, request.key)
        if first is None:  # it was given up a moment ago
            raise _busy()
        if (first.request, first.body_sha256) != (request.line, request.body_sha256):
            raise RejectedError("Idempotency-Key", "it was used for another request", "Choose another key")
        if first.status is not None:
            return Answered(first.status, first.response)
        if now() - first.created_at < ABANDONED_AFTER:
            raise _busy()
        first.created_at = now()
        return None


async def finish(database: Database, request: Request, status: int, response: Any) -> None:
    """Keep the answer; `response` is JSON."""
    async with database.transaction() as tx:
        record = await tx.idempotency.get(request.owner, request.key)
        if record is not None:
            record.status, record.response = status, response


async def abandon(database: Database, request: Request) -> None:
    """Free the key: nothing came of the request, and it may be sent again."""
    async with database.transaction() as tx:
        record = await tx.idempotency.get(request.owner, request.key)
        if record is not None and record.status is None:
            await tx.idempotency.delete(record)


def _check_key(key: str) -> None:
    if not 0 < len(key) <= MAX_KEY_LENGTH or not key.isascii() or not key.isprintable():
        problem = f"it must be 1 to {MAX_KEY_LENGTH} printable ASCII characters"
        raise RejectedError("Idempotency-Key", problem, "Send a UUID, for example")


def _busy() -> ConflictError:
    return ConflictError("Idempotency-Key", "the first request is still being answered", "Ask again in a moment")
