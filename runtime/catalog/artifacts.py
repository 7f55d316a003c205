"""Objects that nothing refers to any more: found, and removed on request."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.keys import ARTIFACTS, object_keys
from domain.moments import moment_of
from domain.rejections import RejectedError
from models.tables import ProviderJob, Scene, now
from store.database import Database
from store.objects.port import ObjectStore

LEAST_AGE = timedelta(hours=1)  # an activity may have stored what its row or its run's history does not name yet
DEFAULT_AGE = "24h"
_AT_ONCE = 100  # removed before it is asked again what is needed by now

HeldByRuns = Callable[[Sequence[Scene]], Awaitable[set[str]]]


@dataclass(frozen=True)
class Shelf:
    """Where to look: the objects, the database, and what tells the objects that the runs of scenes hold."""

    database: Database
    objects: ObjectStore
    held_by_runs: HeldByRuns


@dataclass(frozen=True)
class Garbage:
    """An object that nothing needs; `purchase` is set when it was bought, and would be bought anew."""

    key: str
    size: int
    stored_at: datetime
    purchase: ProviderJob | None = None


def stored_before(older_than: str, moment: datetime | None = None) -> datetime:
    """`7d` as the time before which an object must be stored to be garbage. Raises RejectedError below one hour."""
    today = moment or now()
    before = moment_of("older_than", older_than, today)
    if before > today - LEAST_AGE:
        problem = f"{older_than!r} is too short: a run may have stored a thing that nothing names yet"
        raise RejectedError("older_than", problem, "Give an hour (1h) or more")
    return before


async def find_garbage(shelf: Shelf, *, before: datetime, purchases: bool = False) -> list[Garbage]:
    """What was stored before that time and is needed by nothing, by key; purchased results only with `purchases`."""
    listed = [entry for entry in await shelf.objects.list_objects(ARTIFACTS) if object_keys(entry.key) == {entry.key}]
    # Only then what is needed: something that begins to be while we look is seen.
    needed = await _needed(shelf)
    async with shelf.database.transaction() as tx:
        bought = await tx.references.bought()
    return [
        Garbage(entry.key, entry.size, entry.stored_at, bought.get(entry.key))
        for entry in listed
        if entry.key not in needed and entry.stored_at < before and (purchases or entry.key not in bought)
    ]


async def remove_garbage(shelf: Shelf, found: Sequence[Garbage]) -> list[Garbage]:
    """Remove these, but for those that something needs by now. Gives what was removed."""
    removed: list[Garbage] = []
    for start in range(0, len(found), _AT_ONCE):
        needed = await _needed(shelf)
        some = [each for each in found[start : start + _AT_ONCE] if each.key not in needed]
        removed += [each for each in some if await _remove(shelf, each.key)]
    return removed


async def _needed(shelf: Shelf) -> set[str]:
    async with shelf.database.transaction() as tx:
        needed = await tx.references.lasting() | await tx.references.in_use()
        generating = await tx.scenes.generating()
    return needed | await shelf.held_by_runs(generating) if generating else needed


async def _remove(shelf: Shelf, key: str) -> bool:
    """False when somebody makes an asset of it, or a run begins to use it, at this moment."""
    async with shelf.database.transaction() as tx:
        await tx.assets.lock_object(key)
        if await tx.assets.with_key(key) or await tx.references.is_reused(key):
            return False
        await shelf.objects.delete(key)
    return True
