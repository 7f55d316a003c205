"""What can be made with what is configured: the default identity, whether digital twins are, and what to do next."""

from collections.abc import Collection
from dataclasses import dataclass

from domain.identity import environment_identity
from models.enums import Provider, Source
from models.settings import PlanSettings
from models.tables import IdentityProfile


@dataclass(frozen=True)
class DefaultIdentity:
    """Who speaks in scenes without an identity; `source` NONE: nobody is configured, and no face or voice is theirs."""

    profile: IdentityProfile | None
    source: Source


@dataclass(frozen=True)
class Availability:
    """Whether something can be done, and why or why not."""

    available: bool
    reason: str


@dataclass(frozen=True)
class IdentityCounts:
    """How many identities there are; `with_lora` and `with_voice` count active ones with their own."""

    total: int
    active: int
    with_lora: int
    with_voice: int


def get_default_identity(stored: IdentityProfile | None, settings: PlanSettings) -> DefaultIdentity:
    """The database's active default, else the one of the environment's LoRA or voice."""
    if stored is not None:
        return DefaultIdentity(stored, Source.DATABASE)
    if settings.default_lora or settings.default_voice_id:
        return DefaultIdentity(environment_identity(settings), Source.ENVIRONMENT)
    return DefaultIdentity(None, Source.NONE)


def is_digital_twin_available(default: DefaultIdentity, counts: IdentityCounts, settings: PlanSettings) -> Availability:
    """Whether some scene can be filmed with a LoRA: fal's key, and a LoRA of an identity or the settings."""
    if Provider.FAL in settings.missing:
        return Availability(False, f"{settings.missing[Provider.FAL]} is not set, and only fal draws with a LoRA")
    if counts.with_lora:
        whose = "1 active identity has" if counts.with_lora == 1 else f"{counts.with_lora} active identities have"
        return Availability(True, f"{whose} a LoRA")
    if settings.default_lora:
        name = default.profile.display_name if default.profile else settings.environment_name
        return Availability(True, f"the LoRA of the settings serves {name}")
    return Availability(False, "no active identity has a LoRA, and DEVEN_LORA_URL is not set")


def recommendations(
    default: DefaultIdentity, counts: IdentityCounts, settings: PlanSettings, needed: Collection[Provider]
) -> list[str]:
    """What to do next, the most urgent first; `needed` are the providers that scenes are filmed with."""
    advice = [f"Set {settings.missing[provider]}" for provider in needed if provider in settings.missing]
    if default.source is not Source.DATABASE:
        verb = "Make an identity the default" if counts.active else "Add an identity and make it the default"
        advice.append(f"{verb}: scenes without one use it")
    if not counts.with_lora and not settings.default_lora:
        advice.append("Give an identity a LoRA, or set DEVEN_LORA_URL, to film digital twins")
    if not counts.with_voice and not settings.default_voice_id:
        advice.append("Give an identity a voice, or set ELEVENLABS_VOICE_ID: no scene can speak without one")
    elif counts.active > counts.with_voice and not settings.default_voice_id:
        advice.append("Some active identities have no voice: set theirs, or ELEVENLABS_VOICE_ID")
    return advice
