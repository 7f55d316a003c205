"""Tables about the service itself: settings, API keys, answered requests."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from models.tables import UtcDateTime, new_id, now

_JSON = JSON(none_as_null=True)


class SystemSetting(SQLModel, table=True):
    """A setting that goes before the environment's; `models.system_settings` lists the keys and their types."""

    __tablename__ = "system_setting"  # pyright: ignore[reportAssignmentType]

    key: str = Field(primary_key=True)
    value: Any = Field(sa_column=Column(JSON, nullable=False))
    version: int = 1
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, sa_column_kwargs={"onupdate": now})


class ApiKey(SQLModel, table=True):
    """A bearer key: `token_sha256` in hex, never the token; `prefix` is how people tell keys apart."""

    __tablename__ = "api_key"  # pyright: ignore[reportAssignmentType]

    id: str = Field(default_factory=new_id, primary_key=True)
    name: str
    prefix: str = Field(index=True)
    token_sha256: str = Field(unique=True)
    scopes: list[str] = Field(sa_column=Column(JSON, nullable=False))
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class IdempotencyRecord(SQLModel, table=True):
    """A request that named an idempotency key; `status` and `response` are its answer, unset while it is worked on."""

    __tablename__ = "idempotency_record"  # pyright: ignore[reportAssignmentType]

    owner: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request: str
    body_sha256: str
    status: int | None = None
    response: Any = Field(default=None, sa_column=Column(_JSON))
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)
