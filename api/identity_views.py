"""What the API answers about identities."""

from datetime import datetime
from typing import Self

from api.links import shown
from api.views import View
from models.enums import FailureCode, FluxModel, Source
from models.tables import IdentityProfile
from runtime.catalog.status import IdentityStatus
from runtime.probing import Outcome, Overall


class IdentityView(View):
    """Who speaks; `version` is the ETag, `sceneCount` how many scenes use it."""

    id: str
    name: str
    display_name: str
    description: str | None
    subject_description: str
    trigger_word: str
    lora_key: str | None
    lora_url: str | None
    lora_scale: float
    base_model: FluxModel
    voice_id: str | None
    voice_model: str
    voice_stability: float
    voice_similarity: float
    voice_style: float
    voice_speaker_boost: bool
    is_default: bool
    is_active: bool
    scene_count: int
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: IdentityProfile, scene_count: int) -> Self:
        """The row with the count."""
        return cls.from_row(row, lora_url=shown(row.lora_url), scene_count=scene_count)


class AvailabilityView(View):
    """Whether something can be done, and why or why not."""

    available: bool
    reason: str


class CountsView(View):
    """How many identities there are; `withLora` and `withVoice` count active ones with their own."""

    total: int
    active: int
    with_lora: int
    with_voice: int


class DefaultView(View):
    """Who speaks in scenes without an identity: one of the database, or the environment's, which has no id."""

    source: Source
    id: str | None
    name: str | None
    display_name: str | None


class IdentityStatusView(View):
    """What the settings and the identities allow; `configured` says of each variable whether it is set."""

    digital_twin: AvailabilityView
    default: DefaultView
    counts: CountsView
    configured: dict[str, bool]
    recommendations: list[str]

    @classmethod
    def of(cls, status: IdentityStatus) -> Self:
        """The status."""
        source, profile = status.default.source, status.default.profile
        return cls(
            digital_twin=AvailabilityView.model_validate(status.digital_twin),
            default=DefaultView(
                source=source,
                id=profile.id if profile and source is Source.DATABASE else None,
                name=profile.name if profile else None,
                display_name=profile.display_name if profile else None,
            ),
            counts=CountsView.model_validate(status.counts),
            configured=status.configured,
            recommendations=status.recommendations,
        )


class VerdictView(View):
    """One check: `message` is for the user, `detail` for operators."""

    outcome: Outcome
    message: str
    detail: str
    code: FailureCode | None


class IdentityTestView(View):
    """Each check with its verdict and the overall one; `costMicros` in millionths of a dollar."""

    identity_id: str
    overall: Overall
    message: str
    uses_default_lora: bool
    lora: VerdictView
    voice: VerdictView
    picture: VerdictView
    picture_url: str | None
    cost_micros: int
