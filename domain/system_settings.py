"""Settings that the database holds: which keys there are, what they may be, and how they go over the environment's."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from domain.prices import MICROS_PER_LIPSYNC_SECOND
from domain.rejections import RejectedError
from models.enums import FailureCode
from models.money import micros_of
from models.settings import PlanSettings
from models.system_settings import SystemSettings

DEFAULT_HEADSHOT = "default_headshot_asset"
KEYS = tuple(SystemSettings.model_fields)
_TYPES: dict[str, TypeAdapter[Any]] = {key: TypeAdapter(SystemSettings.__annotations__[key]) for key in KEYS}


def check_key(key: str) -> None:
    """Raises RejectedError (`not_found`) for a setting that does not exist."""
    if key not in KEYS:
        raise RejectedError(
            "key", f"there is no setting {key!r}", f"Use one of: {', '.join(KEYS)}", FailureCode.NOT_FOUND
        )


def check_value(key: str, value: object) -> Any:
    """The value as it is stored, as JSON; types are strict. Raises RejectedError for one that the key cannot have."""
    try:
        checked = _TYPES[key].validate_json(json.dumps(value), strict=True)
    except (ValidationError, TypeError, ValueError) as error:
        problem = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise RejectedError(key, problem, "Correct the value") from None
    if key == "lipsync_model" and checked is not None and checked not in MICROS_PER_LIPSYNC_SECOND:
        known = ", ".join(MICROS_PER_LIPSYNC_SECOND)
        raise RejectedError(key, f"{checked!r} is not a lipsync model known here", f"Use one of: {known}")
    return _TYPES[key].dump_python(checked, mode="json")


def overlay(settings: PlanSettings, values: Mapping[str, Any]) -> PlanSettings:
    """The settings of the environment with those of the database put over them."""
    stored = SystemSettings.model_validate(dict(values))
    changes: dict[str, Any] = {
        "default_voice_id": stored.default_voice_id,
        "has_default_headshot": True if stored.default_headshot_asset else None,
        "on_missing_lora": stored.on_missing_lora,
        "safety_checker": stored.safety_checker,
        "max_speech_s": stored.max_speech_seconds,
        "lipsync_model": stored.lipsync_model,
        "scene_budget_micros": micros_of(stored.scene_budget_usd),
        "monthly_budget_micros": micros_of(stored.monthly_budget_usd),
    }
    return settings.model_copy(update={name: value for name, value in changes.items() if value is not None})
