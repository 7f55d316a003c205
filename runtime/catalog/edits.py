"""What all edits share: one transaction, the version that was read, the changes put over what is there."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy.exc import IntegrityError

from domain.rejections import RejectedError, StaleError
from models.enums import FailureCode
from models.inputs import Draft, is_storable
from models.money import micros_of, usd_text
from runtime.catalog.drafts import draft_from
from store.database import Database, Transaction

BUDGET = "budget_usd"
_COLUMN = {BUDGET: "budget_micros"}

Result = TypeVar("Result")
Row = TypeVar("Row")
DraftT = TypeVar("DraftT", bound=Draft)


class Versioned(Protocol):
    """A row whose edits are counted."""

    version: int


@dataclass(frozen=True)
class Page(Generic[Row]):
    """A part of a list; `total` counts the whole."""

    items: list[Row]
    total: int
    limit: int
    offset: int


async def in_transaction(database: Database, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
    """Do it in one transaction; once more when somebody took a unique value in between, which its checks then see."""
    try:
        async with database.transaction() as tx:
            return await work(tx)
    except IntegrityError:
        async with database.transaction() as tx:
            return await work(tx)


async def required(kind: str, reference: str, find: Callable[[str], Awaitable[Row | None]]) -> Row:
    """The row. Raises RejectedError (`not_found`), also for a reference that no database could hold."""
    row = await find(reference) if is_storable(reference) else None
    if row is None:
        raise RejectedError(
            kind, f"there is no {kind} {reference!r}", f"See `starter.py {kind} list`", FailureCode.NOT_FOUND
        )
    return row


def check_version(row: Versioned, expected: int | None) -> None:
    """Raises StaleError when an edit was meant for another version; None means that any will do."""
    if expected is not None and row.version != expected:
        raise StaleError(row.version)


def merged(kind: type[DraftT], row: object, changes: Mapping[str, object], *, without: Collection[str]) -> DraftT:
    """The row's fields with the changes put over them, by the rules of new ones; `without` names the references.

    Raises RejectedError.
    """
    return draft_from(kind, written(kind, row, without=without) | dict(changes))


def written(kind: type[Draft], row: object, *, without: Collection[str] = ()) -> dict[str, Any]:
    """The row's fields as a draft has them: budgets in US dollars."""
    fields = {name: getattr(row, _COLUMN.get(name, name)) for name in kind.model_fields if name not in without}
    if fields.get(BUDGET) is not None:
        fields[BUDGET] = usd_text(fields[BUDGET])
    return fields


def columns(draft: Draft, *, without: Collection[str] = ()) -> dict[str, Any]:
    """The draft's fields as a row has them: budgets in micro-dollars."""
    fields = draft.model_dump(exclude=set(without))
    if BUDGET in fields:
        fields[_COLUMN[BUDGET]] = micros_of(fields.pop(BUDGET))
    return fields


def edit(row: Versioned, values: Mapping[str, object]) -> dict[str, object]:
    """Write what differs and count the edit; gives what was changed."""
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in changed.items():
        setattr(row, name, value)
    if changed:
        row.version += 1
    return changed
