"""API keys: made once, shown once, kept as a hash."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta

from models.admin_tables import ApiKey
from models.enums import ApiScope
from models.inputs import ApiKeyDraft, is_storable
from models.tables import now
from runtime.catalog.edits import required
from store.database import Database

TOKEN_BYTES = 32  # 256 bits, so that a plain hash suffices: there is nothing to guess
MARK = "dvt_"  # for people, and for tools that look for leaked keys
PREFIX_LENGTH = len(MARK) + 8
NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class NewApiKey:
    """A key that was just made; `token` is shown now and never again."""

    key: ApiKey
    token: str


async def create_api_key(database: Database, draft: ApiKeyDraft) -> NewApiKey:
    """Make a key; only its hash is stored."""
    token = MARK + secrets.token_urlsafe(TOKEN_BYTES)
    key = ApiKey(
        name=draft.name,
        prefix=token[:PREFIX_LENGTH],
        token_sha256=_hash(token),
        scopes=[scope.value for scope in ApiScope if scope in draft.scopes],
    )
    async with database.transaction() as tx:
        return NewApiKey(await tx.api_keys.add(key), token)


async def list_api_keys(database: Database) -> list[ApiKey]:
    """All, oldest first, those that are revoked too."""
    async with database.transaction() as tx:
        return await tx.api_keys.list()


async def has_api_keys(database: Database) -> bool:
    """Whether any key is usable: without one the API serves this machine only."""
    async with database.transaction() as tx:
        return await tx.api_keys.usable() > 0


async def revoke_api_key(database: Database, reference: str) -> ApiKey:
    """By id or prefix; once revoked it stays so. Raises RejectedError (`not_found`)."""
    async with database.transaction() as tx:
        key = await required("apikey", reference, tx.api_keys.find)
        key.revoked_at = key.revoked_at or now()
        return key


async def verify_token(database: Database, token: str) -> ApiKey | None:
    """The key of this token, or None; notes at most once a minute that it was used."""
    if not is_storable(token):
        return None
    digest = _hash(token)
    async with database.transaction() as tx:
        for key in await tx.api_keys.with_prefix(token[:PREFIX_LENGTH]):
            if hmac.compare_digest(key.token_sha256, digest) and key.revoked_at is None:
                if key.last_used_at is None or now() - key.last_used_at >= NOTED_EVERY:
                    key.last_used_at = now()
                return key
    return None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
