"""The database, as SQLModel tables. Times are UTC, money is in micro-dollars, artifacts are `ArtifactRef`s as JSON."""

import secrets
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, Index, Text, text
from sqlalchemy import false as sa_false
from sqlalchemy.engine import Dialect
from sqlalchemy.types import DateTime, TypeDecorator
from sqlmodel import Field, SQLModel

from models.enums import JobState, SceneStatus

ID_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # without l, o, 0 and 1, which people mistake for one another
ID_LENGTH = 12  # 60 bits


def new_id() -> str:
    """A random id that is short enough to type."""
    return "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


_JSON = JSON(none_as_null=True)  # unset is SQL's NULL, not JSON's, so that `IS NULL` finds it
_NOTE_UPDATE = {"onupdate": now}
_IS_AWAITED = text("state NOT IN ('stored', 'failed', 'canceled') AND written_off_at IS NULL")
_FIRST_VERSION = {"server_default": "1"}  # counts edits by people, so that none overwrites another unseen


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time, on SQLite too, which itself keeps no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store UTC; a naive time is a bug and raises ValueError."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read UTC."""
        return None if value is None else value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)


class IdentityProfile(SQLModel, table=True):
    """Who speaks: a face (LoRA, trigger word, looks) and a voice."""

    __tablename__ = "identity_profile"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index(
            "one_default_identity",
            "is_default",
            unique=True,
            sqlite_where=text("is_default"),
            postgresql_where=text("is_default"),
        ),
        CheckConstraint("is_active OR NOT is_default", name="default_identity_is_active"),
        *(
            CheckConstraint(f"{share} >= 0 AND {share} <= 1", name=f"{share}_is_share")
            for share in ("lora_scale", "voice_stability", "voice_similarity", "voice_style")
        ),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    name: str = Field(unique=True)
    display_name: str
    description: str | None = Field(default=None, sa_type=Text)
    subject_description: str = Field(default="", sa_type=Text)
    trigger_word: str = Field(unique=True)
    lora_key: str | None = None
    lora_url: str | None = Field(default=None, sa_type=Text)
    lora_scale: float = 0.95
    base_model: str = "flux-dev"
    voice_id: str | None = None
    voice_model: str = "eleven_turbo_v2_5"
    voice_stability: float = 0.5
    voice_similarity: float = 0.8
    voice_style: float = 0.2
    voice_speaker_boost: bool = True
    is_default: bool = False
    is_active: bool = True
    version: int = Field(default=1, sa_column_kwargs=_FIRST_VERSION)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, sa_column_kwargs=_NOTE_UPDATE)


class Project(SQLModel, table=True):
    """Scenes that belong together, in their order."""

    __tablename__ = "project"  # pyright: ignore[reportAssignmentType]

    id: str = Field(default_factory=new_id, primary_key=True)
    name: str = Field(unique=True)
    display_name: str
    description: str | None = Field(default=None, sa_type=Text)
    budget_micros: int | None = Field(default=None, sa_type=BigInteger)
    approval: bool = Field(default=False, sa_column_kwargs={"server_default": sa_false()})
    version: int = Field(default=1, sa_column_kwargs=_FIRST_VERSION)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, sa_column_kwargs=_NOTE_UPDATE)


class Asset(SQLModel, table=True):
    """A file that somebody brought; `size` in bytes, `width` and `height` in pixels, `duration_s` in seconds."""

    __tablename__ = "asset"  # pyright: ignore[reportAssignmentType]

    id: str = Field(default_factory=new_id, primary_key=True)
    kind: str = Field(index=True)
    name: str
    artifact: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    size: int = Field(sa_type=BigInteger)
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    project_id: str | None = Field(default=None, foreign_key="project.id", index=True)
    identity_id: str | None = Field(default=None, foreign_key="identity_profile.id", index=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Scene(SQLModel, table=True):
    """What is to be filmed, and what became of it."""

    __tablename__ = "scene"  # pyright: ignore[reportAssignmentType]

    id: str = Field(default_factory=new_id, primary_key=True)
    name: str = Field(unique=True)
    project_id: str | None = Field(default=None, foreign_key="project.id", index=True)
    position: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    identity_id: str | None = Field(default=None, foreign_key="identity_profile.id", index=True)
    dialogue: str = Field(sa_type=Text)
    environment: str = Field(default="", sa_type=Text)
    wardrobe: str = Field(default="", sa_type=Text)
    movement: str = Field(default="", sa_type=Text)
    camera: str = Field(default="", sa_type=Text)
    mood_lighting: str = Field(default="", sa_type=Text)
    prompt: str = Field(default="", sa_type=Text)
    aspect_ratio: str = "16:9"
    clip_policy: str = "loop"
    headshot_url: str | None = Field(default=None, sa_type=Text)
    headshot: dict[str, Any] | None = Field(default=None, sa_column=Column(_JSON))
    headshot_asset_id: str | None = Field(default=None, foreign_key="asset.id", index=True)
    voice_id: str | None = None
    seed: int | None = Field(default=None, sa_type=BigInteger)
    generation_mode: str | None = None
    budget_micros: int | None = Field(default=None, sa_type=BigInteger)
    approval: bool | None = None
    version: int = Field(default=1, sa_column_kwargs=_FIRST_VERSION)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, sa_column_kwargs=_NOTE_UPDATE)

    status: str = Field(default=SceneStatus.DRAFT, index=True)
    failure_code: str | None = None
    failure_step: str | None = None
    failure_message: str | None = Field(default=None, sa_type=Text)
    failure_detail: str | None = Field(default=None, sa_type=Text)
    run_id: str | None = None
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    effective_mode: str | None = None
    anchor_source: str | None = None
    mode_reason: str | None = Field(default=None, sa_type=Text)
    mode_fallback: bool = False
    identity_used: str | None = None
    voice_used: str | None = None
    speech_model: str | None = None
    image_model: str | None = None
    video_provider: str | None = None
    video_model: str | None = None
    lipsync_model: str | None = None
    sync_mode: str | None = None
    image_prompt: str | None = Field(default=None, sa_type=Text)
    video_prompt: str | None = Field(default=None, sa_type=Text)
    negative_prompt: str | None = Field(default=None, sa_type=Text)
    image_seed: int | None = Field(default=None, sa_type=BigInteger)
    lora_fingerprint: str | None = None
    clip_seconds: list[int] | None = Field(default=None, sa_column=Column(_JSON))
    speech_duration_s: float | None = None
    film_duration_s: float | None = None
    artifacts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    current_take: int | None = None


class ProviderJob(SQLModel, table=True):
    """One purchase. `domain.jobs` says how `state` moves; triggers refuse other moves, and that a row is deleted.

    `scene_id`, `project_id` and `identity_id` are no foreign keys: the ledger outlives them, and an identity's test
    buys for `test-{identity}`. `actual_cost_micros` is what the vendor charged: 0 when it let a failed job go, unset
    while it has not told (then the estimate counts). A purchase in UNKNOWN that is `written_off_at` is a possible loss
    that nothing waits for any more; one that is `parked_at` is collected by the reconciler. While it is open and
    awaited no other purchase can have its `claim`, so that nobody buys the same thing at the same time. `run_id` is the
    run that works on it: one of its own scene, or, once its own is over, of the scene that it is `carried_by`. Of a
    failed one `resubmit` says that buying it once more may well work.
    """

    __tablename__ = "provider_job"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("provider_job_step", "scene_id", "step", "clip"),
        Index("one_open_claim", "claim", unique=True, sqlite_where=_IS_AWAITED, postgresql_where=_IS_AWAITED),
        CheckConstraint(f"state IN ({', '.join(repr(str(state)) for state in JobState)})", name="job_state_is_known"),
        CheckConstraint("state NOT IN ('accepted', 'succeeded') OR request_id IS NOT NULL", name="accepted_job_has_id"),
        CheckConstraint("state <> 'stored' OR artifact IS NOT NULL", name="stored_job_has_artifact"),
        CheckConstraint("estimated_cost_micros >= 0 AND actual_cost_micros >= 0", name="job_cost_is_no_refund"),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    scene_id: str
    project_id: str | None = Field(default=None, index=True)
    identity_id: str | None = Field(default=None, index=True)
    run_id: str
    step: str
    clip: int | None = None
    take: int
    provider: str
    model: str
    idempotency_key: str = Field(unique=True)
    fingerprint: str = Field(index=True)
    claim: str | None = None
    state: str = Field(default=JobState.INTENT, index=True)
    request: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    request_id: str | None = Field(default=None, index=True)
    estimated_cost_micros: int = Field(sa_type=BigInteger)
    actual_cost_micros: int | None = Field(default=None, sa_type=BigInteger)
    seed: int | None = Field(default=None, sa_type=BigInteger)
    artifact: dict[str, Any] | None = Field(default=None, sa_column=Column(_JSON))
    alignment: dict[str, Any] | None = Field(default=None, sa_column=Column(_JSON))
    error_code: str | None = None
    error_detail: str | None = Field(default=None, sa_type=Text)
    intent_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    accepted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    succeeded_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    stored_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    parked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    written_off_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    carried_by: str | None = None
    resubmit: bool = Field(default=False, sa_column_kwargs={"server_default": sa_false()})

    @property
    def worked_on_by(self) -> str:
        """The id of the scene whose run works on it."""
        return self.carried_by or self.scene_id


class Reuse(SQLModel, table=True):
    """A purchase that a run did not have to make, since its result was stored; `clip` is 0 where a step has none."""

    __tablename__ = "reuse"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("reuse_of_run", "run_id", "step", "clip", unique=True),)

    id: str = Field(default_factory=new_id, primary_key=True)
    job_id: str = Field(foreign_key="provider_job.id", index=True)
    scene_id: str = Field(index=True)
    project_id: str | None = Field(default=None, index=True)
    identity_id: str | None = Field(default=None, index=True)
    run_id: str
    step: str
    clip: int = 0
    provider: str
    saved_micros: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)


class GenerationLog(SQLModel, table=True):
    """What happened to a scene, one row an event; `event_key` keeps retries and replays from writing it twice.

    Goes with its scene, but like a purchase it may belong to the test of an identity.
    """

    __tablename__ = "generation_log"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("generation_log_event", "scene_id", "event_key", unique=True),)

    id: int | None = Field(default=None, primary_key=True)
    scene_id: str
    run_id: str
    event_key: str
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    level: str
    step: str
    provider: str
    message: str = Field(sa_type=Text)
    duration_ms: int | None = None
    cost_micros: int | None = Field(default=None, sa_type=BigInteger)
    error_code: str | None = None
    payload: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
