"""The state of the whole: is Digital Twin available, what is configured, what to do next. Never a secret."""

from dataclasses import dataclass

from activities.loras import current_settings
from domain.configuration import (
    Availability,
    DefaultIdentity,
    IdentityCounts,
    get_default_identity,
    is_digital_twin_available,
    recommendations,
)
from models.enums import Provider
from runtime.settings import Settings
from store.database import Database

_KEYS = (
    "FAL_KEY",
    "ELEVENLABS_API_KEY",
    "SYNC_API_KEY",
    "KLING_ACCESS_KEY",
    "KLING_SECRET_KEY",
    "ELEVENLABS_VOICE_ID",
    "DEVEN_LORA_URL",
)


@dataclass(frozen=True)
class IdentityStatus:
    """`configured` says of each variable whether it is set, never to what."""

    digital_twin: Availability
    default: DefaultIdentity
    counts: IdentityCounts
    configured: dict[str, bool]
    recommendations: list[str]


async def identity_status(database: Database, settings: Settings) -> IdentityStatus:
    """What the settings and the identities allow."""
    async with database.transaction() as tx:
        planning = await current_settings(tx, settings.for_planning(search_attributes=False))
        stored = await tx.identities.default()
        counts = IdentityCounts(*await tx.identities.counts())
    default = get_default_identity(stored, planning)
    needed = dict.fromkeys((Provider.ELEVENLABS, Provider.FAL, settings.video_provider, Provider.SYNC))
    return IdentityStatus(
        digital_twin=is_digital_twin_available(default, counts, planning),
        default=default,
        counts=counts,
        configured={name: bool(getattr(settings, name.lower())) for name in _KEYS},
        recommendations=recommendations(default, counts, planning, needed),
    )


async def default_identity(database: Database, settings: Settings) -> DefaultIdentity:
    """Who speaks in scenes without an identity, and where that is configured."""
    async with database.transaction() as tx:
        planning = await current_settings(tx, settings.for_planning(search_attributes=False))
        return get_default_identity(await tx.identities.default(), planning)
