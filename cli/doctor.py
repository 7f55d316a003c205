"""`starter.py doctor`: which settings are there, which services answer, what is missing and how to get it."""

from typing import Any

from pydantic import SecretStr
from rich.table import Table
from rich.text import Text

from cli.checks import Check, State, service_checks
from cli.output import Exit, console, print_json, run, say
from cli.settings_view import setting_checks
from domain.rejections import RejectedError
from runtime.settings import Settings, load_settings
from runtime.wiring import assembled, object_store

_STYLE = {State.OK: "green", State.UNSET: "dim", State.MISSING: "bold yellow", State.FAILED: "bold red"}


def examine(*, as_json: bool) -> int:
    """Print every check; the exit code, 0 only when nothing that a scene needs is missing."""
    settings, services = run(_examined(), as_json=as_json)
    checks = [*settings, *services]
    bad = [check for check in checks if not check.passed]
    if as_json:
        print_json({"ok": not bad, "checks": [_document(check) for check in checks]})
    else:
        _print("SETTINGS", settings)
        _print("\nSERVICES", services)
        names = ", ".join(check.name for check in bad)
        say(f"\nstands in the way: {names}" if bad else "\neverything is ready", "bold red" if bad else "bold green")
    return Exit.UNAVAILABLE if bad else Exit.OK


async def _examined() -> tuple[list[Check], list[Check]]:
    try:
        settings = load_settings()
    except RejectedError as error:
        return [Check(error.field, State.FAILED, error.problem, error.remedy)], []

    async def services() -> list[Check]:
        async with assembled(_assemblable(settings)) as parts:
            return await service_checks(settings, parts)

    return setting_checks(settings), await services()


def _assemblable(settings: Settings) -> Settings:
    """The vendors are checked also where database or object store are set wrongly: these two have their own checks."""
    stand_in: dict[str, Any] = {"database_url": SecretStr("sqlite://")}
    try:
        object_store(settings)
    except RejectedError:
        stand_in |= {"r2_bucket_name": None, "files_url": "http://127.0.0.1", "files_signing_key": SecretStr("none")}
    return settings.model_copy(update=stand_in)


def _print(title: str, checks: list[Check]) -> None:
    say(title, "bold")
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        detail = check.detail if check.state in (State.OK, State.UNSET) else _with_remedy(check)
        table.add_row(Text(check.name), Text(check.state, _STYLE[check.state]), Text(detail))
    console.print(table)


def _with_remedy(check: Check) -> str:
    parts = [check.detail, check.remedy, "" if check.needed else "(not needed)"]
    return ". ".join(part for part in parts[:2] if part) + (f" {parts[2]}" if parts[2] else "")


def _document(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "state": check.state,
        "detail": check.detail,
        "remedy": check.remedy or None,
        "needed": check.needed,
    }
