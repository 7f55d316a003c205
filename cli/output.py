"""How commands answer: text for people, JSON for programs, one line and an exit code for errors."""

import asyncio
import json
import sys
from collections.abc import Coroutine, Iterable
from datetime import datetime
from enum import IntEnum
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import SQLModel
from temporalio.service import RPCError

from domain.rejections import ConflictError, RejectedError, StaleError
from media.errors import MediaInvalid
from models.enums import FailureCode
from runtime.processes import ProcessDiedError
from store.database import DatabaseUnavailableError
from store.objects.port import StoreError

# Two short-lived connections in twelve crash or hang at exit without a moment for the SDK's threads (sdk-python #300).
SDK_GRACE_S = 0.05
PLAIN_WIDTH = 240  # columns where no terminal says how many there are: files and pipes are not folded at 80

Answer = TypeVar("Answer")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, for programs.")]


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else PLAIN_WIDTH)


console = _console(stderr=False)
errors = _console(stderr=True)


class Exit(IntEnum):
    """What scripts can tell apart."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    UNAVAILABLE = 4
    CANCELED = 5
    CONFLICT = 6
    INTERRUPTED = 130


_EXIT_OF = {
    FailureCode.NOT_FOUND: Exit.NOT_FOUND,
    FailureCode.PROVIDER_UNAVAILABLE: Exit.UNAVAILABLE,
    FailureCode.UNAUTHORIZED: Exit.UNAVAILABLE,
}


def run(work: Coroutine[Any, Any, Answer], *, as_json: bool = False) -> Answer:
    """Run a command's work; errors that a user can mend end it with one line and an exit code, without a traceback."""
    try:
        return asyncio.run(_with_grace(work))
    except (ConflictError, StaleError) as error:
        fail(str(error), Exit.CONFLICT, as_json=as_json)
    except RejectedError as error:
        fail(str(error), _EXIT_OF.get(error.code, Exit.USAGE), as_json=as_json)
    except (MediaInvalid, StoreError) as error:
        fail(str(error), Exit.USAGE, as_json=as_json)
    except IntegrityError:
        fail("somebody wrote the same at this moment. Look at it and try again", Exit.CONFLICT, as_json=as_json)
    except (DatabaseUnavailableError, DBAPIError) as error:
        problem = f"the database does not answer, or was never migrated: {str(error).splitlines()[0]}"
        fail(f"{problem}. Run `make migrate`, or correct DATABASE_URL", Exit.UNAVAILABLE, as_json=as_json)
    except (RPCError, TimeoutError) as error:
        fail(
            f"Temporal does not answer: {str(error) or 'no answer in time'}. See TEMPORAL_ADDRESS and "
            "`starter.py doctor`; a run that was started goes on by itself",
            Exit.UNAVAILABLE,
            as_json=as_json,
        )
    except ProcessDiedError as error:
        fail(str(error), Exit.UNAVAILABLE, as_json=as_json)
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None


def fail(message: str, code: int, *, as_json: bool = False) -> NoReturn:
    """End the command with a message on standard error, and for programs as a JSON document."""
    errors.print(Text.assemble(("error: ", "red"), message), soft_wrap=True)
    if as_json:
        print_json({"error": {"message": message, "exit_code": int(code)}})
    raise typer.Exit(code)


def say(text: str, style: str = "") -> None:
    """One line for people; nothing in `text` is taken for markup."""
    console.print(Text(text, style), soft_wrap=True)


def note(text: str) -> None:
    """A remark on standard error, beside the answer."""
    errors.print(Text(text, "yellow"), soft_wrap=True)


def print_table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Rows for people; a None shows as nothing."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console.print(table)


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Name and value, one a line; what is None or empty is left out."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        if value is not None and value != "":
            table.add_row(name, Text(str(value)))
    console.print(table)


def print_json(value: object, *, indent: int | None = 2) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, default=_plain, indent=indent) + "\n")
    sys.stdout.flush()


def row_document(row: SQLModel, *without: str) -> dict[str, Any]:
    """A row for programs, its fields in the order of the table."""
    values = row.model_dump(mode="json")
    return {name: values[name] for name in type(row).model_fields if name not in without}


def clock(moment: datetime | None) -> str:
    """A time for people, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S}Z" if moment else ""


def _plain(value: object) -> object:
    if isinstance(value, BaseModel | SQLModel):
        return value.model_dump(mode="json")
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


async def _with_grace(work: Coroutine[Any, Any, Answer]) -> Answer:
    try:
        return await work
    finally:
        await asyncio.sleep(SDK_GRACE_S)
