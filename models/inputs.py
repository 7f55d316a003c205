"""What people and programs write down to create identities and scenes; unknown fields are refused."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StringConstraints, field_validator

from models.enums import ApiScope, AspectRatio, AssetKind, ClipPolicy, FluxModel, GenerationMode
from models.money import BudgetUsd

Slug = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Token = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^\S{1,64}$")]
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]
Reference = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
VoiceId = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9_-]{1,64}$")]


def is_storable(text: str) -> bool:
    """Whether every database takes the text."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def storable(value: object) -> object:
    """The value. Raises ValueError: PostgreSQL keeps no NUL, and nothing keeps half of a surrogate pair."""
    if isinstance(value, str) and not is_storable(value):
        raise ValueError("must not hold NUL characters or lone surrogates")
    return value


def _is_web_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return value


WebUrl = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000), AfterValidator(_is_web_url)]


class Draft(BaseModel):
    """The base of everything that is written by hand."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*")
    @classmethod
    def _can_be_stored(cls, value: object) -> object:
        return storable(value)


class Paging(Draft):
    """Which part of a list: at most `limit` entries after the first `offset`."""

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    offset: Annotated[int, Field(ge=0, lt=2**31)] = 0


class IdentityDraft(Draft):
    """An identity to create; the voice settings are ElevenLabs', each 0 to 1.

    `lora_key` is the id of a LORA_MODEL asset, which goes before `lora_url`.
    """

    name: Slug
    display_name: Annotated[Line, Field(min_length=1)]
    description: Words | None = None
    subject_description: Words = ""
    trigger_word: Token
    lora_key: Reference | None = None
    lora_url: WebUrl | None = None
    lora_scale: Share = 0.95
    base_model: FluxModel = FluxModel.FLUX_DEV
    voice_id: VoiceId | None = None
    voice_model: Line = "eleven_turbo_v2_5"
    voice_stability: Share = 0.5
    voice_similarity: Share = 0.8
    voice_style: Share = 0.2
    voice_speaker_boost: StrictBool = True
    is_default: StrictBool = False
    is_active: StrictBool = True


class SceneDraft(Draft):
    """A scene to create. `identity` and `project` are ids or names, `headshot` an asset's id or a web address.

    For the command line alone `headshot` may be a file on this machine too. `budget_usd` caps what all of its runs buy.
    `approval`: a person approves the picture before video is bought; without a word, the project's says.
    """

    name: Slug
    dialogue: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40_000)]
    project: Reference | None = None
    identity: Reference | None = None
    generation_mode: GenerationMode | None = None
    environment: Words = ""
    wardrobe: Words = ""
    movement: Words = ""
    camera: Words = ""
    mood_lighting: Words = ""
    prompt: Words = ""
    aspect_ratio: AspectRatio = AspectRatio.LANDSCAPE
    clip_policy: ClipPolicy = ClipPolicy.LOOP
    headshot: Reference | None = None
    voice_id: VoiceId | None = None
    seed: Seed | None = None
    budget_usd: BudgetUsd = None
    approval: StrictBool | None = None


class ProjectDraft(Draft):
    """A project to create; `budget_usd` caps what its scenes buy together, `approval` is for those that do not say."""

    name: Slug
    display_name: Annotated[Line, Field(min_length=1)]
    description: Words | None = None
    budget_usd: BudgetUsd = None
    approval: StrictBool = False


class AssetDraft(Draft):
    """A file to keep: what it is for, how people call it, and what it belongs to, by id or name.

    The headshots of an `identity` are the references that the identity check compares pictures with.
    """

    kind: AssetKind
    name: Annotated[Line, Field(min_length=1)]
    project: Reference | None = None
    identity: Reference | None = None


class ApiKeyDraft(Draft):
    """An API key to create."""

    name: Annotated[Line, Field(min_length=1)]
    scopes: Annotated[frozenset[ApiScope], Field(min_length=1)]


class Document(Draft):
    """Identities, projects and scenes for import: each entry holds fields of its draft, and its name in any case."""

    format: Literal[1] = 1
    identities: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    projects: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    scenes: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
