"""The worker serves exactly what the workflow calls, with the types that the workflow expects."""

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from types import NoneType
from typing import Any, get_type_hints

from runtime.settings import load_settings
from runtime.wiring import activities_of, assembled
from workflows.policies import CALLS

DEFINITION = "__temporal_activity_definition"  # where the SDK's decorator keeps the registered name


def offline_settings(folder: Path) -> dict[str, str]:
    """Settings that need no service to be there."""
    return {
        "DEVATAR_ENV_FILE": os.devnull,
        "DATABASE_URL": f"sqlite:///{folder / 'devatar.db'}",
        "DEVATAR_DATA_DIR": str(folder),
        "R2_BUCKET_NAME": "",
        "DEVATAR_FILES_URL": "http://127.0.0.1:1",
        "DEVATAR_FILES_SIGNING_KEY": "key",
    }


def signature_of(activity: Callable[..., Any]) -> tuple[str, list[Any], Any]:
    """The name that an activity is registered under, what it takes and what it gives."""
    name: str = getattr(activity, DEFINITION).name
    hints = get_type_hints(activity)
    takes = [hints[parameter] for parameter in inspect.signature(activity).parameters]
    return name, takes, hints["return"]


async def test_the_worker_serves_exactly_what_the_workflow_calls(tmp_path: Path) -> None:
    """Each call has one activity of its name, with one message in and the result that the call declares."""
    async with assembled(load_settings(offline_settings(tmp_path))) as parts:
        served = [signature_of(activity) for activity in activities_of(parts, search_attributes=False)]

    called = [(call.name, [call.takes], call.gives) for call in CALLS]
    assert sorted(served, key=lambda row: row[0]) == sorted(called, key=lambda row: row[0])


def test_every_call_is_bounded() -> None:
    """Each has a limit for one attempt, a longer one for all, a bound on attempts; long ones beat."""
    for call in CALLS:
        assert call.once <= call.overall, call.name
        assert call.retry.maximum_attempts > 0, call.name
        assert call.heartbeat is not None or call.once.total_seconds() <= 120, call.name


def test_call_names_are_verbs_on_nouns_and_unique() -> None:
    """Histories hold these names for good, so they are not taken twice."""
    names = [call.name for call in CALLS]

    assert len(names) == len(set(names))
    assert all("_" in name and name == name.lower() for name in names)
    assert all(call.gives is NoneType or call.gives.__module__.startswith("models.") for call in CALLS)
