"""The settings that the database may hold: their keys, types and bounds."""

from typing import Annotated

from pydantic import Field

from models.base import Message
from models.enums import MissingLoraPolicy
from models.inputs import VoiceId
from models.money import BudgetUsd


class SystemSettings(Message):
    """Each field is a key; None leaves the value to the environment. `max_speech_seconds`: sync.so takes 300 s.

    `scene_budget_usd` is that of every scene without one of its own.
    """

    default_headshot_asset: str | None = None
    default_voice_id: VoiceId | None = None
    on_missing_lora: MissingLoraPolicy | None = None
    safety_checker: bool | None = None
    max_speech_seconds: Annotated[float, Field(ge=1, le=300)] | None = None
    lipsync_model: str | None = None
    scene_budget_usd: BudgetUsd = None
    monthly_budget_usd: BudgetUsd = None
