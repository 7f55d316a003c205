"""`starter.py apikey`: the keys with which programs use the HTTP API."""

from typing import Annotated, Any

import typer

from cli.inputs import draft_of
from cli.output import AsJson, clock, print_json, print_table, row_document, run, say
from cli.session import session
from models.admin_tables import ApiKey
from models.enums import ApiScope
from models.inputs import ApiKeyDraft
from runtime.catalog.apikeys import NewApiKey, create_api_key, list_api_keys, revoke_api_key

app = typer.Typer(help="Keys for the HTTP API.", no_args_is_help=True)


@app.command("create")
def create(
    name: Annotated[str, typer.Option(help="Who or what uses it.")],
    scope: Annotated[list[ApiScope], typer.Option(help="What it allows; may be repeated.")],
    as_json: AsJson = False,
) -> None:
    """Make a key. Its token is printed now and never again."""

    async def work() -> NewApiKey:
        draft = draft_of(ApiKeyDraft, None, name=name, scopes=scope)
        async with session() as open_session:
            return await create_api_key(open_session.database, draft)

    made = run(work(), as_json=as_json)
    if as_json:
        print_json(_document(made.key) | {"token": made.token})
    else:
        say(f"key {made.key.name} made: {made.key.id}, allows {', '.join(made.key.scopes)}")
        say("its token, shown this once:")
        say(made.token)


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """All keys, oldest first, without their tokens."""

    async def work() -> list[ApiKey]:
        async with session() as open_session:
            return await list_api_keys(open_session.database)

    keys = run(work(), as_json=as_json)
    if as_json:
        print_json([_document(key) for key in keys])
    elif keys:
        rows = (
            (k.id, k.name, f"{k.prefix}…", ", ".join(k.scopes), clock(k.last_used_at) or "never", clock(k.revoked_at))
            for k in keys
        )
        print_table(("ID", "NAME", "BEGINS", "ALLOWS", "LAST USED", "REVOKED"), rows)
    else:
        say("no keys yet: starter.py apikey create --name NAME --scope read")


@app.command("revoke")
def revoke(
    reference: Annotated[str, typer.Argument(metavar="REF", help="The key's id, or how its token begins.")],
    as_json: AsJson = False,
) -> None:
    """End a key for good."""

    async def work() -> ApiKey:
        async with session() as open_session:
            return await revoke_api_key(open_session.database, reference)

    key = run(work(), as_json=as_json)
    if as_json:
        print_json(_document(key))
    else:
        say(f"key {key.name} ({key.prefix}…) is revoked since {clock(key.revoked_at)}")


def _document(key: ApiKey) -> dict[str, Any]:
    return row_document(key, "token_sha256")
