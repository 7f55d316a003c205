"""API keys: shown once, kept as hashes."""

from datetime import timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from domain.rejections import RejectedError
from models.enums import ApiScope, FailureCode
from models.inputs import ApiKeyDraft
from models.tables import now
from runtime.catalog.apikeys import create_api_key, has_api_keys, list_api_keys, revoke_api_key, verify_token
from store.database import Database

DRAFT = ApiKeyDraft(name="robot", scopes=frozenset({ApiScope.WRITE, ApiScope.READ}))


async def test_verify(database: Database) -> None:
    """The token is known again, with its scopes; nothing that resembles it is."""
    assert not await has_api_keys(database)
    made = await create_api_key(database, DRAFT)
    found = await verify_token(database, made.token)
    assert found is not None
    assert (found.id, found.scopes, await has_api_keys(database)) == (made.key.id, ["read", "write"], True)
    prefix = made.key.prefix
    for other in ("", prefix, made.token[:-1], f"{made.token}a", made.token.swapcase(), f"{prefix}{'a' * 35}", "\x00"):
        assert await verify_token(database, other) is None


async def test_never_in_clear(database: Database) -> None:
    """No column holds the token or more of it than its prefix; tokens carry 256 bits and are never alike."""
    made = [await create_api_key(database, DRAFT) for _ in range(5)]
    async with database.engine.connect() as connection:
        rows = str((await connection.execute(text("SELECT * FROM api_key"))).all())
    for each in made:
        assert each.token.startswith(each.key.prefix)
        assert len(each.token) == len("dvt_") + 43
        assert each.token[len(each.key.prefix) :] not in rows
        assert each.token not in str(each.key)
    assert len({each.token for each in made}) == 5


async def test_revoke(database: Database) -> None:
    """A revoked key opens nothing and stays revoked; it is found by id or prefix and stays listed."""
    one, two = await create_api_key(database, DRAFT), await create_api_key(database, DRAFT)
    revoked = await revoke_api_key(database, one.key.prefix)
    assert (await revoke_api_key(database, one.key.id)).revoked_at == revoked.revoked_at
    assert await verify_token(database, one.token) is None
    assert await verify_token(database, two.token) is not None
    assert [key.id for key in await list_api_keys(database)] == [one.key.id, two.key.id]
    await revoke_api_key(database, two.key.id)
    assert not await has_api_keys(database)
    with pytest.raises(RejectedError) as caught:
        await revoke_api_key(database, "nothing")
    assert caught.value.code is FailureCode.NOT_FOUND


async def test_last_used(database: Database) -> None:
    """Use is noted, at most once a minute."""
    made = await create_api_key(database, DRAFT)
    first = await verify_token(database, made.token)
    again = await verify_token(database, made.token)
    assert first is not None
    assert again is not None
    assert first.last_used_at is not None
    assert again.last_used_at == first.last_used_at
    async with database.transaction() as tx:
        stored = await tx.api_keys.find(made.key.id)
        assert stored is not None
        stored.last_used_at = now() - timedelta(seconds=61)
    later = await verify_token(database, made.token)
    assert later is not None
    assert later.last_used_at is not None
    assert later.last_used_at > first.last_used_at - timedelta(seconds=1)


def test_scopes() -> None:
    """A key has at least one scope, and only known ones."""
    for scopes in ([], ["admin"]):
        with pytest.raises(ValidationError):
            ApiKeyDraft.model_validate({"name": "x", "scopes": scopes})
