"""Messages: they travel as JSON, stay as they are, and old readers take newer ones."""

import json
from datetime import UTC, datetime
from enum import StrEnum
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from pydantic import ValidationError

from models import artifacts, enums, messages, progress, requests, scene, settings
from models.artifacts import ArtifactRef
from models.base import Message
from models.tables import ID_ALPHABET, ID_LENGTH, new_id, now

MODULES = (artifacts, messages, progress, requests, scene, settings)
KINDS = sorted(
    {
        kind
        for module in MODULES
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Message) and kind is not Message
    },
    key=lambda kind: kind.__name__,
)
EXAMPLES: dict[Any, Any] = {
    str: "é 🎬",
    int: 0,
    float: 0.0,
    bool: False,
    datetime: datetime(2026, 11, 22, 12, 0, 0, 1, UTC),
}


def example(of: Any) -> Any:
    """Some value of a field's type; of a message, one with every field given."""
    if isinstance(of, type) and issubclass(of, Message):
        of.model_rebuild(force=True)  # resolves references to classes that are defined further down
        return of(**{name: example(field.annotation) for name, field in of.model_fields.items()})
    if isinstance(of, type) and issubclass(of, StrEnum):
        return list(of)[-1]
    if of is Any:
        return "anything"
    if of in EXAMPLES:
        return EXAMPLES[of]
    origin, arguments = get_origin(of), get_args(of)
    if origin in (Union, UnionType):
        return example(arguments[0])
    if origin is dict:
        return {example(arguments[0]): example(arguments[1])}
    assert origin in (list, tuple), f"no example of {of}"
    filled: Any = origin
    return filled([example(arguments[0])])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_messages(kind: type[Message]) -> None:
    """A message comes back equal from JSON, with fields of a newer version left out, and cannot be changed."""
    message = example(kind)
    document = json.loads(message.model_dump_json())
    assert kind.model_validate(document) == message
    assert kind.model_validate({**document, "field_of_a_newer_version": 1}) == message
    with pytest.raises(ValidationError, match="frozen"):
        setattr(message, next(iter(kind.model_fields)), None)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_secrets_or_bytes(kind: type[Message]) -> None:
    """What is recorded in history can hold neither bytes nor secrets."""
    for field in kind.model_fields.values():
        assert "bytes" not in str(field.annotation)
        assert "Secret" not in str(field.annotation)


def test_start_needs_the_scene_alone() -> None:
    """A run is started with nothing but a scene id: whatever is added to the input has a default."""
    assert messages.GenerateSceneInput.model_validate({"scene_id": "abc"}).scene_id == "abc"
    fields = messages.GenerateSceneInput.model_fields
    assert [name for name, field in fields.items() if field.is_required()] == ["scene_id"]


def test_lora_link_is_optional() -> None:
    """A LoRA without a link is what history holds."""
    assert requests.Lora(scale=0.0, fingerprint="f").url == ""


def test_artifact_keeps_zero() -> None:
    """A length of 0.0 is a length."""
    ref = ArtifactRef(key="k", media_type="audio/mpeg", size=0, sha256="a", duration_s=0.0)
    assert ArtifactRef.model_validate_json(ref.model_dump_json()).duration_s == 0.0


def test_enum_values() -> None:
    """Values are stored and sent, so each vocabulary keeps them apart and free of white space."""
    vocabularies = [kind for kind in vars(enums).values() if isinstance(kind, type) and issubclass(kind, StrEnum)]
    for vocabulary in vocabularies:
        values = [member.value for member in vocabulary]
        assert len({value.lower() for value in values}) == len(vocabulary.__members__), vocabulary
        assert all(value == value.strip() for value in values)


def test_new_ids() -> None:
    """Ids are short, of letters that nobody mistakes, and differ; the present is in UTC."""
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(each) == ID_LENGTH and set(each) <= set(ID_ALPHABET) for each in ids)
    assert not set("lo01") & set(ID_ALPHABET)
    assert now().tzinfo is UTC
