"""What the API answers, in camelCase. Links that users gave are shown without their query, where signatures stand."""

from datetime import datetime
from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from sqlmodel import SQLModel

from api.links import shown
from models.artifacts import ArtifactRef
from models.enums import (
    AspectRatio,
    AssetKind,
    ClipPolicy,
    FailureCode,
    GenerationMode,
    SceneStatus,
    Source,
)
from models.money import usd_text
from models.tables import Asset, Scene
from runtime.catalog.costs import SceneMoney
from runtime.catalog.edits import Page
from runtime.catalog.projects import CountedProject

Item = TypeVar("Item")


class View(BaseModel):
    """The base of every answer."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=False, from_attributes=True
    )

    @classmethod
    def from_row(cls, row: SQLModel, **more: Any) -> Self:
        """The fields that the row has, and more."""
        return cls.model_validate(row.model_dump() | more)


class FieldProblem(View):
    """One field that cannot be used; `remedy` says what to do about it, where that is known."""

    field: str
    problem: str
    remedy: str | None = None


class Problem(View):
    """RFC 9457 problem details; `code` is for programs, `detail` is the message for the user."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldProblem] = []


class PageView(View, Generic[Item]):
    """A part of a list; `total` counts the whole."""

    items: list[Item]
    total: int
    limit: int
    offset: int

    @classmethod
    def of(cls, page: Page[Any], items: list[Item]) -> Self:
        """The page with its rows as they are shown."""
        return cls(items=items, total=page.total, limit=page.limit, offset=page.offset)


class CostsView(View):
    """Sums in millionths of a dollar: charged; bought but not delivered; perhaps charged for nothing; not bought again.

    `unknownCount` is the number of purchases whose charge a person could look up at the vendor.
    """

    spent_micros: int
    in_flight_micros: int
    unknown_micros: int
    saved_micros: int
    unknown_count: int


class BudgetView(View):
    """What may be spent, what of it is spent or may have to be paid, and what is left, in millionths of a dollar."""

    limit_micros: int
    committed_micros: int
    left_micros: int


class ProjectView(View):
    """Scenes that belong together; `version` is the ETag, `costs` are those of all scenes that were ever in it."""

    id: str
    name: str
    display_name: str
    description: str | None
    budget_usd: str | None
    approval: bool
    scene_count: int
    costs: CostsView
    budget: BudgetView | None
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, item: CountedProject) -> Self:
        """The row with what was counted and added up."""
        facts = {"scene_count": item.scene_count, "costs": item.costs, "budget": item.budget}
        return cls.from_row(item.project, budget_usd=_usd(item.project.budget_micros), **facts)


class DeletedProjectView(View):
    """What went: the project and these of its scenes, by name."""

    id: str
    name: str
    scenes: list[str]


class ArtifactView(View):
    """A stored file; `size` in bytes, `durationS` in seconds, `width` and `height` in pixels."""

    key: str
    media_type: str
    size: int
    sha256: str
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None


class FailureView(View):
    """Why a scene has no film: `message` is for the user, `detail` for whoever mends it."""

    code: FailureCode
    step: str | None
    message: str
    detail: str


class SceneView(View):
    """What is to be filmed, and what became of it; `version` is the ETag and counts edits, not runs.

    `budgetUsd` is the scene's own; `budget` the one that applies, which may be that of the settings. `currentTake` is
    the number of the take whose film this is.
    """

    id: str
    name: str
    project_id: str | None
    position: int
    identity_id: str | None
    dialogue: str
    environment: str
    wardrobe: str
    movement: str
    camera: str
    mood_lighting: str
    prompt: str
    aspect_ratio: AspectRatio
    clip_policy: ClipPolicy
    headshot_url: str | None
    headshot_asset_id: str | None
    voice_id: str | None
    seed: int | None
    generation_mode: GenerationMode | None
    budget_usd: str | None
    approval: bool | None
    costs: CostsView
    budget: BudgetView | None
    version: int
    created_at: datetime
    updated_at: datetime
    status: SceneStatus
    failure: FailureView | None
    run_id: str | None
    started_at: datetime | None
    ended_at: datetime | None
    effective_mode: GenerationMode | None
    anchor_source: str | None
    mode_reason: str | None
    mode_fallback: bool
    voice_used: str | None
    speech_model: str | None
    image_model: str | None
    video_provider: str | None
    video_model: str | None
    lipsync_model: str | None
    sync_mode: str | None
    image_prompt: str | None
    video_prompt: str | None
    negative_prompt: str | None
    image_seed: int | None
    lora_fingerprint: str | None
    clip_seconds: list[int] | None
    speech_duration_s: float | None
    film_duration_s: float | None
    artifacts: dict[str, ArtifactView | list[ArtifactView]]
    current_take: int | None
    waits_for_approval: bool

    @classmethod
    def of(cls, row: Scene, money: SceneMoney, *, waits: bool) -> Self:
        """The row with its money; its failure as one value; whether its picture waits for a person."""
        facts = {
            "waits_for_approval": waits,
            "costs": money.costs,
            "budget": money.budget,
            "budget_usd": _usd(row.budget_micros),
        }
        return cls.from_row(row, headshot_url=shown(row.headshot_url), failure=failure_of(row), **facts)


def _usd(micros: int | None) -> str | None:
    return None if micros is None else usd_text(micros)


def failure_of(row: Scene) -> FailureView | None:
    """What the record says of the failure of the last run."""
    if row.failure_code is None:
        return None
    return FailureView(
        code=FailureCode(row.failure_code),
        step=row.failure_step,
        message=row.failure_message or "",
        detail=row.failure_detail or "",
    )


class AssetView(View):
    """A file that somebody brought; `size` in bytes, `durationS` in seconds, `width` and `height` in pixels."""

    id: str
    kind: AssetKind
    name: str
    media_type: str
    size: int
    sha256: str
    width: int | None
    height: int | None
    duration_s: float | None
    project_id: str | None
    identity_id: str | None
    created_at: datetime

    @classmethod
    def of(cls, row: Asset) -> Self:
        """The row with what is known of its object."""
        artifact = ArtifactRef.model_validate(row.artifact)
        return cls.from_row(row, media_type=artifact.media_type, sha256=artifact.sha256)


class SettingView(View):
    """A setting as it is used; `version` 0 where the database has none and the environment or a default holds."""

    key: str
    value: Any
    source: Source
    version: int
    updated_at: datetime | None


class SettingsView(View):
    """All settings."""

    items: list[SettingView]


class TakenView(View):
    """A webhook was taken, whether or not it said anything new."""

    status: str = Field(examples=["taken"])


class HealthView(View):
    """The process answers."""

    status: str = Field(examples=["alive"])


class ReadyView(View):
    """Whether requests can be served, and for each service whether it answers: `ok` or `away`."""

    ready: bool
    checks: dict[str, str]
