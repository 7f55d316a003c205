"""`starter.py temporal`: making a namespace ready."""

from dataclasses import dataclass

import typer
from temporalio.service import RPCError, RPCStatusCode

from cli.output import AsJson, print_json, run, say
from cli.session import session
from domain.rejections import RejectedError
from models.enums import FailureCode
from runtime.search_attributes import NAMES, add_search_attributes, missing_search_attributes

_CLOSED = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.UNIMPLEMENTED)

app = typer.Typer(help="The Temporal namespace.", no_args_is_help=True)


@dataclass(frozen=True)
class SetUp:
    """What the namespace had, and what it was given."""

    namespace: str
    present: list[str]
    added: list[str]


@app.callback()
def group() -> None:
    """The Temporal namespace."""


@app.command("setup")
def setup(as_json: AsJson = False) -> None:
    """Register the search attributes by which runs are found; what is there already is left alone."""
    done = run(_set_up(), as_json=as_json)
    if as_json:
        print_json({"namespace": done.namespace, "present": done.present, "added": done.added})
        return
    say(f"namespace {done.namespace}")
    say(f"was there: {', '.join(done.present) or 'nothing'}")
    say(f"added:     {', '.join(done.added) or 'nothing'}")


async def _set_up() -> SetUp:
    async with session() as open_session:
        client = await open_session.temporal()
        try:
            missing = await missing_search_attributes(client)
            if missing:
                await add_search_attributes(client, missing)
        except RPCError as error:
            if error.status not in _CLOSED:
                raise
            raise RejectedError(
                f"namespace {client.namespace}",
                f"we may not register search attributes ({error.status.name})",
                f"Have its owner add these, each a Keyword: {', '.join(NAMES)}. Devatar runs without them, but runs "
                "cannot be found by scene",
                FailureCode.UNAUTHORIZED,
            ) from None
    return SetUp(client.namespace, [name for name in NAMES if name not in missing], missing)
