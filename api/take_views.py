"""What the API answers about takes."""

from datetime import datetime
from typing import Any, Self, cast

from pydantic import Field
from pydantic.alias_generators import to_camel

from api.views import ArtifactView, View
from domain.takes import TakeDiff
from models.enums import GenerationMode, Provider, Step
from models.take_tables import Take
from runtime.catalog.takes import SceneTake


class TakeModelsView(View):
    """The models that made it; `image` is unset where a headshot served."""

    speech: str
    image: str | None
    video: str
    video_provider: Provider
    lipsync: str


class TakeView(View):
    """What one run made; `costMicros` is what that run paid, in millionths of a dollar: 0 for what was reused.

    `startedBy` is an API key's name or who ran the command, unset where a program started the workflow; `fresh` are the
    steps that were to be made anew; `faceScore` how much the picture resembles the identity, where that is checked.
    """

    number: int
    current: bool
    run_id: str
    started_by: str | None
    created_at: datetime
    fresh: list[Step]
    mode: GenerationMode
    models: TakeModelsView
    image_seed: int | None
    lora_fingerprint: str | None
    clip_seconds: list[int]
    sync_mode: str
    speech_duration_s: float
    film_duration_s: float
    cost_micros: int
    face_score: float | None

    @classmethod
    def of(cls, chosen: SceneTake) -> Self:
        """The row, and whether it is the scene's current one."""
        inputs = _camel(chosen.take.inputs)
        return cls.model_validate(chosen.take.model_dump() | {"current": chosen.current, "inputs": inputs})


class FullTakeView(TakeView):
    """A take with what it was made of (the scene, the identity and the plan as they were) and what it made."""

    inputs: dict[str, Any]
    artifacts: dict[str, ArtifactView | list[ArtifactView]]


class TakesView(View):
    """All takes of a scene, oldest first."""

    items: list[TakeView]
    current_take: int | None


class TakeSideView(View):
    """One of two takes that are compared."""

    number: int
    cost_micros: int
    started_by: str | None

    @classmethod
    def of(cls, take: Take) -> Self:
        """The row in short."""
        return cls.model_validate(take.model_dump())


class DifferenceView(View):
    """An input that differs, by its dotted name, such as `scene.moodLighting`."""

    field: str
    before: Any
    after: Any


class ArtifactDifferenceView(View):
    """An artifact whose content differs; clips are `clip 1` and so on."""

    name: str
    before: ArtifactView | None
    after: ArtifactView | None


class TakeDiffView(View):
    """What differs from one take to another; `costDifferenceMicros` is how much more the later one cost."""

    before: TakeSideView = Field(serialization_alias="from")
    after: TakeSideView = Field(serialization_alias="to")
    inputs: list[DifferenceView]
    artifacts: list[ArtifactDifferenceView]
    cost_difference_micros: int

    @classmethod
    def of(cls, diff: TakeDiff) -> Self:
        """The comparison in the API's spelling."""
        return cls(
            before=TakeSideView.of(diff.before),
            after=TakeSideView.of(diff.after),
            inputs=[DifferenceView(field=_path(d.field), before=d.before, after=d.after) for d in diff.inputs],
            artifacts=[ArtifactDifferenceView.model_validate(each) for each in diff.artifacts],
            cost_difference_micros=diff.cost_micros,
        )


def _path(field: str) -> str:
    return ".".join(to_camel(part) for part in field.split("."))


def _camel(values: dict[str, Any]) -> dict[str, Any]:
    nested = {name: cast("dict[str, Any]", value) for name, value in values.items() if isinstance(value, dict)}
    return {to_camel(name): _camel(nested[name]) if name in nested else value for name, value in values.items()}
