"""What the API takes: the drafts of the catalog in camelCase, and nothing else."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticUndefined

from domain.freshness import FRESH_STEPS
from models.enums import AssetKind, SceneStatus, Step
from models.inputs import Draft, IdentityDraft, Paging, ProjectDraft, Reference, SceneDraft, Seed, Words


def _config(**example: Any) -> ConfigDict:
    return ConfigDict(
        alias_generator=to_camel,
        validate_by_name=False,
        validate_by_alias=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [example]},
    )


def _nothing() -> None:
    return None


class _Partial(BaseModel):
    """A mixin: every field may be left out, and what is given keeps the field's own rules."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        for field in cls.model_fields.values():
            field.default, field.default_factory = PydanticUndefined, _nothing
        cls.model_rebuild(force=True)

    def changes(self) -> dict[str, Any]:
        """What was given."""
        return self.model_dump(exclude_unset=True)


class IdentityBody(IdentityDraft):
    """An identity to create, or all of its fields anew. `loraKey` is the id of a LORA_MODEL asset."""

    model_config = _config(
        name="anna",
        displayName="Anna Berg",
        triggerWord="TOK_ANNA",
        subjectDescription="a woman in her thirties with red hair",
        loraUrl="https://example.org/anna.safetensors",
        voiceId="AnnaVoiceClone000001",
    )


class IdentityPatch(IdentityBody, _Partial):
    """The fields of an identity to change."""

    model_config = _config(voiceStability=0.6)


class ProjectBody(ProjectDraft):
    """A project to create, or all of its fields anew."""

    model_config = _config(name="spring-campaign", displayName="Spring campaign")


class ProjectPatch(ProjectBody, _Partial):
    """The fields of a project to change."""

    model_config = _config(displayName="Spring campaign 2027")


class ReorderBody(BaseModel):
    """The project's scenes, by id or name, each once, in their new order."""

    model_config = _config(scenes=["welcome", "goodbye"])

    scenes: Annotated[list[Reference], Field(max_length=10_000)]


class SceneBody(SceneDraft):
    """A scene to create, or all of its fields anew.

    `project` and `identity` are ids or names; `headshot` is the id of a HEADSHOT asset or a web address.
    """

    model_config = _config(
        name="welcome",
        dialogue="Welcome. It is good to see you.",
        identity="anna",
        generationMode="digital-twin",
        environment="a quiet library",
    )


class ScenePatch(SceneBody, _Partial):
    """The fields of a scene to change."""

    model_config = _config(dialogue="Welcome back.")


class SettingBody(BaseModel):
    """A setting's new value; null leaves it to the environment again."""

    model_config = _config(value="fallback")

    value: Any


class IdentityTestBody(BaseModel):
    """What to check beyond the LoRA and the voice; `testGeneration` costs money."""

    model_config = _config(testGeneration=True)

    test_generation: StrictBool = False


class GenerateBody(BaseModel):
    """`fresh` are steps to make anew, with what depends on them, although they are stored."""

    model_config = _config(fresh=["image"])

    fresh: Annotated[list[Step], Field(max_length=len(FRESH_STEPS))] = []


_QUESTION = "9f86d081884c7d659a2feaa0c55ad015"


class ApproveBody(Draft):
    """`token` names the question that was looked at, as `/approval` shows it."""

    model_config = _config(token=_QUESTION)

    token: Reference


class RejectBody(ApproveBody):
    """`reason` is kept with the scene."""

    model_config = _config(token=_QUESTION, reason="The hands are wrong.")

    reason: Annotated[Words, Field(min_length=1)]


class RedrawBody(ApproveBody):
    """`seed` and `prompt` are what to change; without either the picture is drawn with another seed."""

    model_config = _config(token=_QUESTION, seed=7)

    seed: Seed | None = None
    prompt: Words | None = None


class IdentityQuery(Paging):
    """Which identities."""

    active: bool | None = None


class SceneListQuery(Paging):
    """Which scenes; project and identity by id or name."""

    project: Reference | None = None
    identity: Reference | None = None
    status: SceneStatus | None = None


class AssetQuery(Paging):
    """Which assets; project and identity by id or name."""

    kind: AssetKind | None = None
    project: Reference | None = None
    identity: Reference | None = None
