"""Recorded runs replay with today's code: workflow code is forever."""

import base64
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from workflows.generate_scene import GenerateSceneWorkflow

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))
KINDS = {
    "twin_loop",
    "twin_cover",
    "twin_fallback",
    "standard_text",
    "standard_headshot",
    "reused",
    "failed_lora",
    "retried_and_bought_again",
    "canceled",
    "held_and_bought_again",
    "over_budget",
    "approved",
    "rejected",
    "redrawn",
    "redrawn_standard",
    "face_retried",
    "face_reused",
}


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_run_replays_from_every_point_it_was_at(path: Path) -> None:
    """Today's code decides as it did, from the whole history and from each point where a worker may have taken over."""
    events = _events(path)
    ends = [n for n, event in enumerate(events, 1) if event["eventType"] == "EVENT_TYPE_WORKFLOW_TASK_COMPLETED"]

    async def beginnings() -> AsyncIterator[WorkflowHistory]:
        for end in (*ends, len(events)):
            yield WorkflowHistory.from_json(path.stem, {"events": events[:end]})

    replayer = Replayer(workflows=[GenerateSceneWorkflow], data_converter=pydantic_data_converter)
    results = await replayer.replay_workflows(beginnings())
    assert ends
    assert not results.replay_failures


def test_each_kind_of_run_is_recorded() -> None:
    """No kind has lost its recording."""
    assert {path.stem.split("_", 1)[1] for path in HISTORIES} >= KINDS


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_history_holds_no_signed_link_and_no_bytes(path: Path) -> None:
    """What stands behind a link's question mark may be a signature, and media is large: neither may enter history."""
    text = path.read_text()
    payloads = "".join(_payloads(json.loads(text)))

    assert "scene_id" in payloads
    assert not re.search(r"https?://[^\s\"]*\?", payloads)
    assert len(text) < 400_000


def _events(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text())["events"]


def _payloads(value: object) -> list[str]:
    """Every decoded payload of a history."""
    if isinstance(value, dict):
        fields = cast(dict[str, object], value)
        data = fields.get("data")
        own = [base64.b64decode(data).decode()] if isinstance(data, str) and "metadata" in fields else []
        return own + [text for item in fields.values() for text in _payloads(item)]
    return [text for item in cast(list[object], value) for text in _payloads(item)] if isinstance(value, list) else []
