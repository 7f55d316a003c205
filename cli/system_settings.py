"""`starter.py setting`: settings in the database, which go before the environment's."""

import json
from typing import Annotated, Any

import typer

from cli.options import IfVersion
from cli.output import AsJson, print_json, print_table, run, say
from cli.session import session
from runtime.catalog.settings import EffectiveSetting, get_setting, list_settings, put_setting

app = typer.Typer(help="Settings in the database; they go before the environment's.", no_args_is_help=True)

Key = Annotated[str, typer.Argument(metavar="KEY", help="As `setting list` shows it.")]


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """All settings as they are used, and where each value comes from."""

    async def work() -> list[EffectiveSetting]:
        async with session() as open_session:
            return await list_settings(open_session.database, open_session.settings)

    settings = run(work(), as_json=as_json)
    if as_json:
        print_json([_document(setting) for setting in settings])
    else:
        print_table(("SETTING", "VALUE", "FROM"), ((s.key, _shown(s.value), s.source) for s in settings))


@app.command("get")
def get(key: Key, as_json: AsJson = False) -> None:
    """One setting as it is used: the bare value, empty when it has none."""

    async def work() -> EffectiveSetting:
        async with session() as open_session:
            return await get_setting(open_session.database, open_session.settings, key)

    setting = run(work(), as_json=as_json)
    if as_json:
        print_json(_document(setting))
    else:
        say(_shown(setting.value))


@app.command("set")
def put(
    key: Key,
    value: Annotated[str, typer.Argument(help="A word, number, true or false; null leaves it to the environment.")],
    if_version: IfVersion = None,
    as_json: AsJson = False,
) -> None:
    """Set one; workers use it from the next scene on."""

    async def work() -> EffectiveSetting:
        async with session() as open_session:
            return await put_setting(
                open_session.database, open_session.settings, key, _value_of(value), expected_version=if_version
            )

    setting = run(work(), as_json=as_json)
    if as_json:
        print_json(_document(setting))
    else:
        say(f"{setting.key} = {_shown(setting.value)} ({setting.source})")


def _value_of(text: str) -> object:
    """JSON, or else the text itself: a shell's quotes are enough for a word."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _shown(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _document(setting: EffectiveSetting) -> dict[str, Any]:
    return {
        "key": setting.key,
        "value": setting.value,
        "source": setting.source,
        "version": setting.version,
        "updated_at": setting.updated_at,
    }
