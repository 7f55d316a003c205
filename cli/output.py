"""How commands answer: text for people, JSON for programs, one line and an exit code for errors."""

import asyncio
import json
import sys
from collections.abc import Coroutine
from datetime import datetime
from enum import IntEnum
from typing import Any, TypeVar

import typer
from pydantic import BaseModel
from rich.console import Console
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel
from temporalio.service import RPCError

from domain.rejections import RejectedError
from media.errors import MediaInvalid
from models.enums import FailureCode
from runtime.processes import ProcessDiedError
from store.database import DatabaseUnavailableError
from store.objects.port import StoreError

# Two short-lived connections in twelve crash or hang at exit without a moment for the SDK's threads (sdk-python #300).
SDK_GRACE_S = 0.05

Answer = TypeVar("Answer")

console = Console()
errors = Console(stderr=True)


class Exit(IntEnum):
    """What scripts can tell apart."""

    OK = 0
    SCENE_FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    UNAVAILABLE = 4
    CANCELED = 5
    INTERRUPTED = 130


_EXIT_OF = {FailureCode.NOT_FOUND: Exit.NOT_FOUND, FailureCode.PROVIDER_UNAVAILABLE: Exit.UNAVAILABLE}


def run(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run a command's work; errors that a user can mend end it with one line and an exit code, without a traceback."""
    try:
        return asyncio.run(_with_grace(work))
    except RejectedError as error:
        fail(str(error), _EXIT_OF.get(error.code, Exit.USAGE))
    except (MediaInvalid, StoreError) as error:
        fail(str(error), Exit.USAGE)
    except (DatabaseUnavailableError, DBAPIError) as error:
        fail(f"the database does not answer: {str(error).splitlines()[0]}. Run `make migrate`, or see DATABASE_URL", 4)
    except (RPCError, TimeoutError) as error:
        fail(f"Temporal does not answer: {error}. See TEMPORAL_ADDRESS and `starter.py doctor`", Exit.UNAVAILABLE)
    except ProcessDiedError as error:
        fail(str(error), Exit.UNAVAILABLE)
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None
    raise AssertionError("unreachable: fail() raises")


def fail(message: str, code: int) -> None:
    """End the command with a message on standard error."""
    errors.print(f"[red]error:[/red] {message}", markup=True, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, default=_plain, indent=2) + "\n")


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
