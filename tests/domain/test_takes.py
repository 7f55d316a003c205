"""Two takes side by side."""

from typing import Any

import pytest

from domain.takes import compare
from models.take_tables import Take

ARTIFACT = {"media_type": "video/mp4", "size": 1}


def artifact(content: str) -> dict[str, Any]:
    """One of that content."""
    return ARTIFACT | {"key": f"artifacts/{content}", "sha256": content}


def take(number: int, **fields: Any) -> Take:
    """A take of one clip."""
    plan: dict[str, Any] = {
        "scene_id": "s",
        "name": "one",
        "speech": {"text": "Hello.", "voice": {"voice_id": "v", "speed": 1.0}},
        "image": {"model": "flux", "seed": None},
        "video": {"model": "kling", "durations": [5, 10]},
    }
    given: dict[str, Any] = {
        "inputs": {"scene": {"dialogue": "Hello."}, "identity": {"lora_scale": 0.9}, "plan": plan},
        "artifacts": {"film": artifact("f"), "clips": [artifact("c")]},
        "mode": "standard",
        "models": {},
        "clip_seconds": [5],
        "sync_mode": "loop",
        "speech_duration_s": 1.0,
        "film_duration_s": 1.0,
        "cost_micros": 100,
    } | fields
    return Take(scene_id="s", number=number, run_id=f"run-{number}", **given)


def with_inputs(**parts: Any) -> dict[str, Any]:
    """The inputs of a take, these parts changed."""
    inputs = take(1).inputs
    return {"inputs": {name: inputs[name] | parts.get(name, {}) for name in inputs}}


@pytest.mark.parametrize(
    ("fields", "inputs"),
    [
        ({}, {}),
        (with_inputs(scene={"dialogue": "Bye."}), {"scene.dialogue": ("Hello.", "Bye.")}),
        (with_inputs(identity={"lora_scale": 0.0}), {"identity.lora_scale": (0.9, 0.0)}),
        (with_inputs(scene={"added": "later"}), {"scene.added": (None, "later")}),
        (with_inputs(plan={"image": None}), {"plan.image.model": ("flux", None)}),
        (
            with_inputs(plan={"speech": {"text": "Bye.", "voice": {"voice_id": "w", "speed": 1.0}}}),
            {"plan.speech.voice.voice_id": ("v", "w")},
        ),
        (with_inputs(plan={"name": "two", "scene_id": "t"}), {}),
        ({"clip_seconds": [5, 5]}, {"clip_seconds": ([5], [5, 5])}),
        ({"lora_fingerprint": "l", "image_seed": 0}, {"lora_fingerprint": (None, "l"), "image_seed": (None, 0)}),
        ({"started_by": "anna", "fresh": ["image"], "film_duration_s": 2.0}, {}),
    ],
)
def test_inputs(fields: dict[str, Any], inputs: dict[str, Any]) -> None:
    """Every input that differs by its dotted name, with both values; who asked for it and what came of it are none."""
    diff = compare(take(1), take(2, **fields))
    assert {each.field: (each.before, each.after) for each in diff.inputs} == inputs
    assert diff.artifacts == ()


def test_artifacts_and_costs() -> None:
    """Artifacts differ by content and not by place; a clip that only one take has is told."""
    moved = artifact("f") | {"key": "elsewhere"}
    other = take(2, artifacts={"film": moved, "clips": [artifact("d"), artifact("e")]}, cost_micros=40)
    diff = compare(take(1), other)
    found = {
        each.name: (each.before and each.before.sha256, each.after and each.after.sha256) for each in diff.artifacts
    }
    assert found == {"clip 1": ("c", "d"), "clip 2": (None, "e")}
    assert diff.cost_micros == -60
