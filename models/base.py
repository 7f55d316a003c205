"""The base of every message."""

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """An immutable value that travels as plain JSON; old readers ignore the fields of newer messages."""

    model_config = ConfigDict(frozen=True, extra="ignore")
