"""Two takes of a scene side by side: which inputs and artifacts differ, and what each cost."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from models.artifacts import ArtifactRef
from models.take_tables import Take

# In the plan, but no input of the film, or told once already: the dialogue is the scene's.
_NO_INPUTS = frozenset({"plan.scene_id", "plan.name", "plan.search_attributes", "plan.speech.text"})
_MADE_OF = ("mode", "image_seed", "lora_fingerprint", "clip_seconds", "sync_mode", "speech_duration_s")


@dataclass(frozen=True)
class Difference:
    """An input that differs, by its dotted name: `scene.wardrobe`, `plan.video.model`, `clip_seconds`."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class ArtifactDifference:
    """An artifact whose content differs; unset where a take has none of this name."""

    name: str
    before: ArtifactRef | None
    after: ArtifactRef | None


@dataclass(frozen=True)
class TakeDiff:
    """What differs from one take to another. A take's cost is what its own run paid: 0 for what was reused."""

    before: Take
    after: Take
    inputs: tuple[Difference, ...]
    artifacts: tuple[ArtifactDifference, ...]

    @property
    def cost_micros(self) -> int:
        """How much more the later one cost."""
        return self.after.cost_micros - self.before.cost_micros


def compare(before: Take, after: Take) -> TakeDiff:
    """Inputs are compared by value, artifacts by their sha256."""
    old, new = inputs_of(before), inputs_of(after)
    inputs = (Difference(name, old.get(name), new.get(name)) for name in old | new)
    was, now = artifacts_of(before), artifacts_of(after)
    artifacts = (ArtifactDifference(name, was.get(name), now.get(name)) for name in was | now)
    return TakeDiff(
        before,
        after,
        tuple(each for each in inputs if each.before != each.after),
        tuple(each for each in artifacts if _content(each.before) != _content(each.after)),
    )


def inputs_of(take: Take) -> dict[str, Any]:
    """Every input by its dotted name, with what was decided on the way: seed, LoRA content, clips."""
    named = dict(_flat("", take.inputs)) | {name: getattr(take, name) for name in _MADE_OF}
    return {name: value for name, value in named.items() if name not in _NO_INPUTS}


def artifacts_of(take: Take) -> dict[str, ArtifactRef]:
    """Every artifact by name; clips are `clip 1` and so on."""
    named = {name: value for name, value in take.artifacts.items() if name != "clips"}
    named |= {f"clip {number}": value for number, value in enumerate(take.artifacts.get("clips", []), 1)}
    return {name: ArtifactRef.model_validate(value) for name, value in named.items()}


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}.", cast("dict[str, Any]", value))
        else:
            yield f"{prefix}{name}", value


def _content(artifact: ArtifactRef | None) -> str | None:
    return artifact.sha256 if artifact else None
