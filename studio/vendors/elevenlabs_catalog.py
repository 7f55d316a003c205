"""ElevenLabs' models and voices as the studio knows them.

Voice ids: six premade ones, a cloned one for the demo identity (`DevenVoiceClone00001`), two professional clones
(`MiraProVoice00000001` fine-tuned, `HalfTrainedVoice0001` still in training).
"""

from dataclasses import dataclass

from studio.prices import CREDITS_PER_CHARACTER
from studio.state import JsonObject

DEFAULT_MODEL = "eleven_multilingual_v2"
CHARACTER_LIMITS = {
    "eleven_v4": 10_000,
    "eleven_v4_turbo": 10_000,
    "eleven_v3": 3_000,
    "eleven_multilingual_v2": 10_000,
    "eleven_flash_v2_5": 40_000,
    "eleven_turbo_v2_5": 40_000,
    "eleven_flash_v2": 30_000,
    "eleven_turbo_v2": 30_000,
}
NAMES = {
    "eleven_v4": "Eleven v4",
    "eleven_v4_turbo": "Eleven v4 Turbo",
    "eleven_v3": "Eleven v3",
    "eleven_multilingual_v2": "Eleven Multilingual v2",
    "eleven_flash_v2_5": "Eleven Flash v2.5",
    "eleven_turbo_v2_5": "Eleven Turbo v2.5",
    "eleven_flash_v2": "Eleven Flash v2",
    "eleven_turbo_v2": "Eleven Turbo v2",
}
OUTPUT_FORMATS = frozenset(
    ["mp3_22050_32", "mp3_24000_48", "ulaw_8000", "alaw_8000"]
    + [f"mp3_44100_{rate}" for rate in (32, 64, 96, 128, 192)]
    + [f"opus_48000_{rate}" for rate in (32, 64, 96, 128, 192)]
    + [f"{kind}_{rate}" for kind in ("pcm", "wav") for rate in (8000, 16000, 22050, 24000, 32000, 44100, 48000)]
)
MEDIA_TYPES = {"mp3": "audio/mpeg", "pcm": "audio/pcm", "wav": "audio/wav", "opus": "audio/opus"}
SETTINGS = {"stability": 0.5, "similarity_boost": 0.75, "style": 0.0, "use_speaker_boost": True, "speed": 1.0}


@dataclass(frozen=True)
class Voice:
    """A voice; `training` is the fine-tuning state of a professional clone."""

    id: str
    name: str
    category: str
    training: str | None = None
    description: str = ""

    def as_json(self) -> JsonObject:
        """The vendor's form of it."""
        state = dict.fromkeys(CHARACTER_LIMITS, self.training) if self.training is not None else {}
        return {
            "voice_id": self.id,
            "name": self.name,
            "samples": None,
            "category": self.category,
            "fine_tuning": {"is_allowed_to_fine_tune": self.training is not None, "state": state, "language": "en"},
            "labels": {"accent": "american", "use_case": "narration"},
            "description": self.description,
            "preview_url": None,
            "available_for_tiers": [],
            "settings": SETTINGS,
            "sharing": None,
            "high_quality_base_model_ids": list(CHARACTER_LIMITS),
            "is_owner": self.category != "premade",
            "is_legacy": False,
            "is_mixed": False,
        }


VOICES = {
    voice.id: voice
    for voice in (
        Voice("21m00Tcm4TlvDq8ikWAM", "Rachel", "premade"),
        Voice("EXAVITQu4vr4xnSDxMaL", "Sarah", "premade"),
        Voice("pNInz6obpgDQGcFmaJgB", "Adam", "premade"),
        Voice("ErXwobaYiN019PkySvjV", "Antoni", "premade"),
        Voice("TxGEqnHWrfWFTfGW9XjX", "Josh", "premade"),
        Voice("onwK4e9ZLuTAKqWW03F9", "Daniel", "premade"),
        Voice("DevenVoiceClone00001", "Deven (clone)", "cloned", description="The demo identity's voice"),
        Voice("MiraProVoice00000001", "Mira (professional)", "professional", "fine_tuned"),
        Voice("HalfTrainedVoice0001", "Half trained (professional)", "professional", "fine_tuning"),
    )
}


def model_as_json(model: str) -> JsonObject:
    """The vendor's form of a model."""
    multiplier = CREDITS_PER_CHARACTER[model]
    return {
        "model_id": model,
        "name": NAMES[model],
        "can_be_finetuned": True,
        "can_do_text_to_speech": True,
        "can_do_voice_conversion": False,
        "can_use_style": True,
        "can_use_speaker_boost": True,
        "serves_pro_voices": False,
        "token_cost_factor": multiplier,
        "description": NAMES[model],
        "requires_alpha_access": False,
        "maximum_text_length_per_request": CHARACTER_LIMITS[model],
        "languages": [{"language_id": "en", "name": "English"}],
        "model_rates": {"character_cost_multiplier": multiplier, "cost_discount_multiplier": 1.0},
        "concurrency_group": "turbo" if "flash" in model or "turbo" in model else "standard",
    }


def subscription_as_json(used: int, limit: int) -> JsonObject:
    """The vendor's form of the account's plan and use."""
    return {
        "tier": "pro",
        "character_count": used,
        "character_limit": limit,
        "max_character_limit_extension": 0,
        "max_credit_limit_extension": 0,
        "can_extend_character_limit": False,
        "allowed_to_extend_character_limit": False,
        "next_character_count_reset_unix": 1_798_761_600,
        "voice_slots_used": 3,
        "professional_voice_slots_used": 2,
        "professional_voice_slots_used_in_workspace": 2,
        "voice_limit": 160,
        "max_voice_add_edits": 460,
        "voice_add_edit_counter": 0,
        "professional_voice_limit": 2,
        "can_extend_voice_limit": False,
        "can_use_instant_voice_cloning": True,
        "can_use_professional_voice_cloning": True,
        "currency": "usd",
        "current_overage": {"amount": "0", "currency": "usd"},
        "status": "active",
        "billing_period": "monthly_period",
        "character_refresh_period": "monthly_period",
        "has_open_invoices": False,
        "open_invoices": [],
    }
