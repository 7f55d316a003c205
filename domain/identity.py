"""Which identity a scene speaks as: its own, else the default one of the database, else the environment's."""

from dataclasses import dataclass

from domain.rejections import RejectedError
from models.enums import FluxModel
from models.requests import Voice
from models.settings import PlanSettings
from models.tables import IdentityProfile, Scene


@dataclass(frozen=True)
class EffectiveIdentity:
    """An identity as a scene uses it. `uses_default_lora`: its LoRA is the one of the settings, not its own."""

    profile: IdentityProfile
    id: str | None
    has_lora: bool
    uses_default_lora: bool


def effective_identity(
    own: IdentityProfile | None, default: IdentityProfile | None, settings: PlanSettings
) -> EffectiveIdentity:
    """Choose. The settings' LoRA serves the default identity alone: another person's scene never gets that face.

    Raises RejectedError when the scene's own identity is inactive.
    """
    if own is not None and not own.is_active:
        raise RejectedError("identity", f"{own.name!r} is inactive", "Activate it, or give the scene another identity")
    return as_used(own or default, settings)


def as_used(chosen: IdentityProfile | None, settings: PlanSettings) -> EffectiveIdentity:
    """The identity with the LoRA that serves it, active or not; None is the environment's."""
    profile = chosen or environment_identity(settings)
    has_own_lora = bool(profile.lora_url or profile.lora_key)
    uses_default_lora = not has_own_lora and settings.default_lora and (chosen is None or chosen.is_default)
    return EffectiveIdentity(
        profile=profile,
        id=chosen.id if chosen else None,
        has_lora=has_own_lora or uses_default_lora,
        uses_default_lora=uses_default_lora,
    )


def effective_voice(scene: Scene, identity: IdentityProfile, settings: PlanSettings) -> Voice:
    """The scene's own voice, else the identity's, else the settings'; the manner of speaking is always the identity's.

    Raises RejectedError when there is no voice anywhere.
    """
    given = (voice.strip() for voice in (scene.voice_id, identity.voice_id, settings.default_voice_id) if voice)
    voice_id = next(filter(None, given), None)
    if voice_id is None:
        raise RejectedError(
            "voice_id",
            "neither the scene nor its identity has a voice, and ELEVENLABS_VOICE_ID is not set",
            "Set the identity's voice_id",
        )
    return Voice(
        voice_id=voice_id,
        model=identity.voice_model,
        stability=identity.voice_stability,
        similarity=identity.voice_similarity,
        style=identity.voice_style,
        speaker_boost=identity.voice_speaker_boost,
    )


def environment_identity(settings: PlanSettings) -> IdentityProfile:
    """Who speaks where the database has no default identity."""
    return IdentityProfile(
        name="environment",
        display_name=settings.environment_name,
        subject_description=settings.environment_subject,
        trigger_word=settings.environment_trigger_word,
        base_model=FluxModel.FLUX_DEV,
    )
