"""What people wrote, as drafts that keep the rules."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar, cast

import yaml
from pydantic import BaseModel, ValidationError

from domain.rejections import RejectedError

DraftT = TypeVar("DraftT", bound=BaseModel)


def draft_from(kind: type[DraftT], values: object) -> DraftT:
    """Validate what somebody wrote. Raises RejectedError for the first field that is wrong."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "input"
        problem = first["msg"].removeprefix("Value error, ")
        raise RejectedError(field, problem, "Correct it and try again") from None


def document_from(path: Path) -> Mapping[str, object]:
    """Read a YAML or JSON file of fields. Raises RejectedError."""
    try:
        values: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RejectedError(str(path), f"cannot be read ({error})", "Give a readable YAML or JSON file") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: what looks like a date or number and is none
        raise RejectedError(str(path), f"is not valid YAML: {error}", "Correct the file") from None
    if not isinstance(values, dict):
        raise RejectedError(str(path), "holds no fields", "Write one field a line: name: value")
    return cast(dict[str, object], values)


def draft_from_file(kind: type[DraftT], path: Path, **overrides: object) -> DraftT:
    """Read a YAML or JSON file; `overrides` that are not None win. Raises RejectedError."""
    given = {name: value for name, value in overrides.items() if value is not None}
    return draft_from(kind, {**document_from(path), **given})
