"""What runs have made, and what people said to their pictures, as tables."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Text
from sqlmodel import Field, SQLModel

from models.tables import UtcDateTime, new_id, now


class Take(SQLModel, table=True):
    """What one run of a scene made: its inputs, artifacts and cost. Numbered from 1 within its scene, and goes with it.

    `inputs` holds the scene's and identity's fields and the plan as they were; `fresh` the steps that were to be made
    anew; `face_score` how much the anchor resembles the identity's reference pictures.
    """

    __tablename__ = "take"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("take_of_scene", "scene_id", "number", unique=True),)

    id: str = Field(default_factory=new_id, primary_key=True)
    scene_id: str = Field(foreign_key="scene.id")
    number: int
    run_id: str = Field(unique=True)
    started_by: str | None = None
    fresh: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    inputs: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    mode: str
    models: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    artifacts: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    image_seed: int | None = Field(default=None, sa_type=BigInteger)
    lora_fingerprint: str | None = None
    clip_seconds: list[int] = Field(sa_column=Column(JSON, nullable=False))
    sync_mode: str
    speech_duration_s: float
    film_duration_s: float
    cost_micros: int = Field(sa_type=BigInteger)
    face_score: float | None = None
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Approval(SQLModel, table=True):
    """A run's question whether its picture is good enough to buy the video, and who answered what.

    `token` is what an answer has to carry: one to another question is stale. `price_micros` is what is left to buy.
    """

    __tablename__ = "approval"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("approval_of_run", "run_id", "round", unique=True),)

    id: str = Field(default_factory=new_id, primary_key=True)
    scene_id: str = Field(foreign_key="scene.id", index=True)
    run_id: str
    round: int
    token: str
    picture: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    price_micros: int = Field(sa_type=BigInteger)
    face_score: float | None = None
    asked_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decision: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reason: str | None = Field(default=None, sa_type=Text)
    seed: int | None = Field(default=None, sa_type=BigInteger)
