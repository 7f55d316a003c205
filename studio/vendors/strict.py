"""Request bodies that refuse what the vendor does not know."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

ModelT = TypeVar("ModelT", bound=BaseModel)


class Strict(BaseModel):
    """No unknown fields, and no turning of one type into another."""

    model_config = ConfigDict(extra="forbid", strict=True)


def parse(kind: type[ModelT], body: bytes) -> ModelT | list[dict[str, Any]]:
    """The parsed body, or what is wrong with it as `loc`, `msg`, `type`, `input`."""
    try:
        return kind.model_validate_json(body or b"null")
    except ValidationError as error:
        return [
            {"loc": ["body", *item["loc"]], "msg": item["msg"], "type": item["type"], "input": item["input"]}
            for item in error.errors(include_url=False, include_context=False)
        ]
