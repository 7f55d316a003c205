"""Settings in the database, which go before the environment's."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from activities.anchor import without_query
from domain.rejections import RejectedError, StaleError
from domain.system_settings import DEFAULT_HEADSHOT, KEYS, check_key, check_value
from models.admin_tables import SystemSetting
from models.enums import AssetKind, FailureCode, Source
from runtime.catalog.assets import find_asset
from runtime.catalog.edits import in_transaction
from runtime.settings import Settings
from store.database import Database, Transaction

# The environment's name for each key, as `Settings` has it.
_ENVIRONMENT = {
    DEFAULT_HEADSHOT: "default_headshot_url",
    "default_voice_id": "elevenlabs_voice_id",
    "on_missing_lora": "on_missing_lora",
    "safety_checker": "safety_checker",
    "max_speech_seconds": "max_speech_seconds",
    "lipsync_model": "lipsync_model",
    "scene_budget_usd": "scene_budget_usd",
    "monthly_budget_usd": "monthly_budget_usd",
}


@dataclass(frozen=True)
class EffectiveSetting:
    """A setting as it is used; `version` is 0 and `updated_at` unset where the database has none."""

    key: str
    value: Any
    source: Source
    version: int
    updated_at: datetime | None


async def list_settings(database: Database, settings: Settings) -> list[EffectiveSetting]:
    """All keys in their order."""
    async with database.transaction() as tx:
        rows = {row.key: row for row in await tx.settings.list()}
    return [_effective(key, rows.get(key), settings) for key in KEYS]


async def get_setting(database: Database, settings: Settings, key: str) -> EffectiveSetting:
    """Raises RejectedError (`not_found`) for a key that does not exist."""
    check_key(key)
    async with database.transaction() as tx:
        rows = {row.key: row for row in await tx.settings.list()}
    return _effective(key, rows.get(key), settings)


async def put_setting(
    database: Database, settings: Settings, key: str, value: object, *, expected_version: int | None = None
) -> EffectiveSetting:
    """Set, or with None leave it to the environment again.

    Raises RejectedError for an unknown key or a value that it cannot have, StaleError.
    """
    check_key(key)
    checked = check_value(key, value)

    async def work(tx: Transaction) -> SystemSetting | None:
        row = await tx.settings.lock(key)
        current = row.version if row else 0
        if expected_version is not None and expected_version != current:
            raise StaleError(current)
        await _check_asset(tx, key, checked)
        return await _write(tx, row, key, checked)

    return _effective(key, await in_transaction(database, work), settings)


async def _write(tx: Transaction, row: SystemSetting | None, key: str, value: Any) -> SystemSetting | None:
    if value is None:
        if row is not None:
            await tx.settings.delete(row)
        return None
    if row is None:
        return await tx.settings.put(SystemSetting(key=key, value=value))
    if row.value != value:
        row.value, row.version = value, row.version + 1
    return await tx.settings.put(row)


async def _check_asset(tx: Transaction, key: str, value: Any) -> None:
    if key != DEFAULT_HEADSHOT or value is None:
        return
    try:
        await find_asset(tx, value, AssetKind.HEADSHOT, lock=True)
    except RejectedError as error:
        raise RejectedError(key, error.problem, error.remedy, FailureCode.INVALID_REQUEST) from None


def _effective(key: str, row: SystemSetting | None, settings: Settings) -> EffectiveSetting:
    if row is not None:
        return EffectiveSetting(key, row.value, Source.DATABASE, row.version, row.updated_at)
    name = _ENVIRONMENT[key]
    value = getattr(settings, name)
    if isinstance(value, Decimal):
        value = str(value)
    if isinstance(value, str) and value.startswith(("http://", "https://")):
        value = without_query(value)
    source = Source.ENVIRONMENT if name in settings.model_fields_set else Source.DEFAULT
    return EffectiveSetting(key, value, Source.NONE if value is None else source, 0, None)
