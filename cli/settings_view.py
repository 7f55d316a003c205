"""The settings as `starter.py doctor` shows them: what is set and what is missing, never a secret or a part of one."""

from typing import Any, cast

from pydantic import AliasChoices, SecretStr
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from activities.anchor import without_query
from cli.checks import Check, State
from models.enums import Provider
from runtime.settings import Settings

_WHERE_KEYS_ARE = {
    Provider.ELEVENLABS: "Make a key at https://elevenlabs.io/app/settings/api-keys",
    Provider.FAL: "Make a key at https://fal.ai/dashboard/keys",
    Provider.SYNC: "Make a key at https://sync.so/settings/api-keys",
    Provider.KLING: "Set it, or remove KLING_ACCESS_KEY to use Kling through fal",
}
_S3 = ("R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY")
_FOLDER = ("DEVATAR_FILES_URL", "DEVATAR_FILES_SIGNING_KEY")


def setting_checks(settings: Settings) -> list[Check]:
    """One check a variable, in the order of `.env.example`."""
    needed = _needed(settings)
    checks: list[Check] = []
    for field, info in Settings.model_fields.items():
        alias = info.validation_alias
        variable = str(alias.choices[0]) if isinstance(alias, AliasChoices) else field
        checks.append(_check(variable, getattr(settings, field), info.default, needed.get(variable)))
    return checks


def _check(variable: str, value: Any, default: Any, remedy: str | None) -> Check:
    if value is None or value in ("", frozenset()):
        if remedy:
            return Check(variable, State.MISSING, "", remedy)
        return Check(variable, State.UNSET, "", needed=False)
    return Check(variable, State.OK, _shown(variable, value) + (" (default)" if value == default else ""))


def _needed(settings: Settings) -> dict[str, str]:
    """What to do about each variable without which no scene can be filmed."""
    missing = {variable: _WHERE_KEYS_ARE[provider] for provider, variable in settings.missing().items()}
    if not settings.kling_access_key:
        missing.pop("KLING_SECRET_KEY", None)
    if settings.uses_s3:
        store: dict[str, str] = dict.fromkeys(_S3, "Make an API token for R2, or another S3's keys")
        if not settings.r2_endpoint_url:
            store["R2_ACCOUNT_ID"] = "Set it, or R2_ENDPOINT_URL for another S3"
        return missing | store
    if settings.files_url or settings.files_signing_key:
        return missing | dict.fromkeys(_FOLDER, "Both are needed to keep films in a folder")
    return missing | {"R2_BUCKET_NAME": "Name a bucket; only `starter.py demo` does without one"}


def _shown(variable: str, value: Any) -> str:
    if variable == "DATABASE_URL":
        return _database(value.get_secret_value())
    if isinstance(value, SecretStr):
        return "set"
    text = ", ".join(sorted(cast(frozenset[str], value))) if isinstance(value, frozenset) else str(value)
    return without_query(text) if text.startswith(("http://", "https://")) else text


def _database(url: str) -> str:
    """Without password and query, where one may stand too."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return "set, but no address of a database"
    return parsed.set(password="***" if parsed.password else None, query={}).render_as_string(hide_password=True)
