"""Asking the vendors, here the studio: LoRA, voice, connection, and a picture that is paid for."""

import asyncio
from typing import Any

import pytest

from domain.ledger import total
from domain.rejections import ConflictError, RejectedError
from models.enums import FailureCode, JobState, Provider
from models.inputs import IdentityDraft
from models.tables import ProviderJob
from runtime import probing
from runtime.catalog.drafts import draft_from
from runtime.catalog.identities import add_identity
from runtime.catalog.settings import put_setting
from runtime.probing import Outcome, Overall
from runtime.settings import load_settings
from runtime.wiring import Parts, assembled
from store.ledger import LedgerFilter
from tests.support.studio import VOICE, Studio

GOOD, BAD, TINY = "deven.safetensors", "missing.safetensors", "tiny.safetensors"


async def person(parts: Parts, **fields: Any) -> str:
    given = {"name": "deven", "display_name": "Deven", "trigger_word": "TOK", "voice_id": VOICE} | fields
    return (await add_identity(parts.database, draft_from(IdentityDraft, given))).id


async def ledger(parts: Parts, identity_id: str) -> tuple[list[ProviderJob], int]:
    scene_id = probing.test_scene_id(identity_id)
    async with parts.database.transaction() as tx:
        costs = total(await tx.ledger.lines(LedgerFilter(scene_id=scene_id, identity_id=identity_id)))
        return await tx.jobs.of_scene(scene_id), costs.spent_micros


async def test_all_is_well(parts: Parts, studio: Studio) -> None:
    """Face and voice are checked for nothing; a picture only when asked for, which is then booked and kept."""
    identity_id = await person(parts, lora_url=studio.lora_url())
    free = await probing.test_identity(parts, "deven", generate=False)
    assert (free.overall, free.picture.outcome, free.cost_micros) == (Overall.SUCCESS, Outcome.SKIPPED, 0)
    assert await ledger(parts, identity_id) == ([], 0)
    paid = await probing.test_identity(parts, "deven", generate=True)
    assert (paid.overall, paid.picture.outcome, paid.uses_default_lora) == (Overall.SUCCESS, Outcome.PASSED, False)
    (job,), spent = await ledger(parts, identity_id)
    assert (job.state, spent, paid.cost_micros) == (JobState.STORED, paid.cost_micros, 35_000)
    assert paid.artifact is not None
    assert await parts.objects.stat(paid.artifact.key) is not None


async def test_the_same_picture_is_paid_for_once(parts: Parts, studio: Studio) -> None:
    """Of two tests at once one buys and the other is told to wait; a later one of the same face costs nothing."""
    identity_id = await person(parts, lora_url=studio.lora_url())
    calls = (probing.test_identity(parts, "deven", generate=True) for _ in range(2))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == [ConflictError.__name__, "IdentityTest"]
    await probing.test_identity(parts, "deven", generate=True)
    jobs, spent = await ledger(parts, identity_id)
    assert (len(jobs), spent) == (1, 35_000)


async def test_the_months_budget(parts: Parts, studio: Studio) -> None:
    """A picture that the month's budget does not cover is not bought, and its verdict says so; all else is checked."""
    identity_id = await person(parts, lora_url=studio.lora_url())
    await put_setting(parts.database, parts.settings, "monthly_budget_usd", "0.034999")
    found = await probing.test_identity(parts, "deven", generate=True)
    assert (found.overall, found.lora.outcome, found.voice.outcome) == (Overall.PARTIAL, *[Outcome.PASSED] * 2)
    assert (found.picture.outcome, found.picture.code) == (Outcome.FAILED, FailureCode.BUDGET_EXCEEDED)
    assert "monthly_budget_usd" in found.picture.detail
    assert await ledger(parts, identity_id) == ([], 0)
    await put_setting(parts.database, parts.settings, "monthly_budget_usd", "0.035")
    assert (await probing.test_identity(parts, "deven", generate=True)).overall is Overall.SUCCESS


async def test_the_default_lora(variables: dict[str, str], studio: Studio) -> None:
    """Where the settings' LoRA serves the identity, the answer says so."""
    async with assembled(load_settings(variables | {"DEVEN_LORA_URL": studio.lora_url()})) as parts:
        await person(parts, is_default=True)
        found = await probing.test_identity(parts, "deven", generate=False)
    assert (found.overall, found.uses_default_lora) == (Overall.SUCCESS, True)
    assert "default LoRA was used" in found.message


CASES: list[tuple[dict[str, Any], Overall, FailureCode | None, FailureCode | None]] = [
    ({}, Overall.PARTIAL, FailureCode.LORA_NOT_FOUND, None),
    ({"lora": BAD}, Overall.PARTIAL, FailureCode.LORA_NOT_FOUND, None),
    ({"lora": GOOD, "voice_id": "NoSuchVoice"}, Overall.PARTIAL, None, FailureCode.NOT_FOUND),
    ({"lora": GOOD, "voice_id": "HalfTrainedVoice0001"}, Overall.PARTIAL, None, FailureCode.INVALID_REQUEST),
    ({"lora": GOOD, "voice_id": "MiraProVoice00000001"}, Overall.SUCCESS, None, None),
    ({"lora": GOOD, "is_active": False}, Overall.SUCCESS, None, None),
    ({"voice_id": None}, Overall.FAILED, FailureCode.LORA_NOT_FOUND, FailureCode.INVALID_REQUEST),
]


@pytest.mark.parametrize(("fields", "overall", "lora", "voice"), CASES)
async def test_verdicts(
    parts: Parts,
    studio: Studio,
    fields: dict[str, Any],
    overall: Overall,
    lora: FailureCode | None,
    voice: FailureCode | None,
) -> None:
    """Each check has its own verdict, and a face that cannot be used is never drawn and paid for."""
    given = {name: value for name, value in fields.items() if name != "lora"}
    if "lora" in fields:
        given["lora_url"] = studio.lora_url().replace(GOOD, fields["lora"])
    identity_id = await person(parts, **given)
    found = await probing.test_identity(parts, identity_id, generate=lora is not None)
    assert (found.overall, found.lora.code, found.voice.code) == (overall, lora, voice)
    assert found.picture.outcome is Outcome.SKIPPED
    assert await ledger(parts, identity_id) == ([], 0)


async def test_connections(variables: dict[str, str], parts: Parts) -> None:
    """A good key passes, a bad one and a missing one are told by their code, without the key."""
    for provider in (Provider.ELEVENLABS, Provider.FAL, Provider.SYNC):
        assert (await probing.test_connection(parts, provider)).outcome is Outcome.PASSED
    assert (await probing.test_connection(parts, Provider.KLING)).code is FailureCode.UNAUTHORIZED
    del variables["SYNC_API_KEY"]
    async with assembled(load_settings(variables)) as without:
        verdict = await probing.test_connection(without, Provider.SYNC)
    assert (verdict.code, verdict.detail) == (FailureCode.UNAUTHORIZED, "SYNC_API_KEY is not set")


async def test_links(parts: Parts, studio: Studio) -> None:
    """A LoRA's link is judged by what is there; addresses of inner networks are refused."""
    verdict = await probing.validate_lora_url(parts.inspector, studio.lora_url())
    assert (verdict.outcome, verdict.message.startswith("LoRA validated: ")) == (Outcome.PASSED, True)
    for link in ("http://127.0.0.1:9/x", "http://169.254.169.254/latest", "http://[::1]/x"):
        refused = await probing.validate_lora_url(parts.inspector, link)
        assert (refused.outcome, refused.code) == (Outcome.FAILED, FailureCode.INVALID_REQUEST)


async def test_nobody(parts: Parts) -> None:
    """An identity that is not there is not found."""
    with pytest.raises(RejectedError) as caught:
        await probing.test_identity(parts, "nobody", generate=True)
    assert caught.value.code is FailureCode.NOT_FOUND
