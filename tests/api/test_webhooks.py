"""Webhooks over HTTP, signed as the studio signs them: who is believed, and what a delivery changes."""

import hashlib
import hmac
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.jobs import IllegalMoveError
from models.enums import ApiScope, FailureCode, JobState, LogLevel, Provider, Step
from models.tables import ProviderJob
from providers.errors import Delivery, ProviderError
from runtime.wiring import purchases_of
from studio.webhooks import fal_headers, sync_headers
from tests.api.conftest import LOCAL, Api, opened_api, settings_for
from tests.api.test_catalog import code_of
from tests.support.databases import order, sqlite_copy, stored_scene
from tests.support.studio import Studio

S = JobState
SECRET = "whsec_test"
ID = "2f6c5f4e-req"
FILM = {"key": "artifacts/f.mp4", "size": 1}
VIA: dict[S, tuple[tuple[S, dict[str, Any]], ...]] = {
    S.INTENT: (),
    S.SENT: ((S.SENT, {}),),
    S.UNKNOWN: ((S.SENT, {}), (S.UNKNOWN, {"error_code": "outcome_unknown"})),
    S.ACCEPTED: ((S.SENT, {}), (S.ACCEPTED, {"request_id": ID})),
    S.SUCCEEDED: ((S.SENT, {}), (S.ACCEPTED, {"request_id": ID}), (S.SUCCEEDED, {})),
    S.STORED: ((S.SENT, {}), (S.ACCEPTED, {"request_id": ID}), (S.SUCCEEDED, {}), (S.STORED, {"artifact": FILM})),
    S.FAILED: ((S.SENT, {}), (S.ACCEPTED, {"request_id": ID}), (S.FAILED, {"actual_cost_micros": 0})),
    S.CANCELED: ((S.SENT, {}), (S.ACCEPTED, {"request_id": ID}), (S.CANCELED, {"actual_cost_micros": 0})),
}


@asynccontextmanager
async def opened_hooks(url: str, folder: Path, studio: Studio) -> AsyncGenerator[Api]:
    """The API for callers from elsewhere, with the studio's keys and a secret, and with an API key: none is needed."""
    variables = {"FAL_JWKS_URL": f"{studio.url}/fal-queue/.well-known/jwks.json", "SYNC_WEBHOOK_SECRET": SECRET}
    async with opened_api(settings_for(url, folder, **variables), "192.0.2.7", "https://devatar.example") as api:
        await api.key(ApiScope.READ)
        await stored_scene(api.services.database)
        yield api


@pytest.fixture
async def hooked(url: str, tmp_path: Path, running_studio: Studio) -> AsyncGenerator[Api]:
    """It, once per kind of database."""
    async with opened_hooks(url, tmp_path, running_studio) as api:
        yield api


@pytest.fixture
async def sqlite_hooked(sqlite_template: Path, tmp_path: Path, running_studio: Studio) -> AsyncGenerator[Api]:
    """It, on SQLite alone, for what a database has no say in."""
    async with opened_hooks(sqlite_copy(sqlite_template, tmp_path), tmp_path, running_studio) as api:
        yield api


async def purchase(api: Api, state: S, provider: Provider = Provider.FAL, step: Step = Step.VIDEO) -> ProviderJob:
    """A purchase that went the usual way to `state`."""
    async with api.services.database.transaction() as tx:
        job = await tx.jobs.add_intent(order(provider=provider, step=step))
        for to, changes in VIA[state]:
            job = await tx.jobs.move(job.id, to, **changes)
        return job


async def reloaded(api: Api, job: ProviderJob) -> ProviderJob:
    """The purchase as it is now."""
    async with api.services.database.transaction() as tx:
        return await tx.jobs.get(job.id)


async def never() -> str | None:
    """The vendor is not to be asked."""
    raise AssertionError("the vendor was asked for a job that it has announced")


async def fal_says(api: Api, job_id: str, request_id: str = ID, **changed: Any) -> httpx.Response:
    """Deliver as fal does; `headers` and `content` replace what was signed."""
    body = json.dumps({"request_id": request_id, "status": "OK", "payload": {"video": {"url": "x"}}}).encode()
    options = {"content": body, "headers": fal_headers(request_id, body)} | changed
    return await api.ask("POST", "/webhooks/fal", params={"job": job_id}, **options)


async def sync_says(api: Api, job_id: str, request_id: str = ID, **changed: Any) -> httpx.Response:
    """Deliver as sync.so does."""
    body = json.dumps({"id": request_id, "status": "COMPLETED", "error_code": None}).encode()
    options = {"content": body, "headers": sync_headers(SECRET, body)} | changed
    return await api.ask("POST", "/webhooks/sync", params={"job": job_id}, **options)


@pytest.mark.parametrize("state", [S.INTENT, S.SENT, S.UNKNOWN])
async def test_a_webhook_resolves_a_purchase(hooked: Api, state: S) -> None:
    """Before the answer to its own request, or in its place; told once more, nothing changes."""
    job = await purchase(hooked, state)
    answers = [await fal_says(hooked, job.id) for _ in range(2)]
    now = await reloaded(hooked, job)

    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"status": "taken"})] * 2
    assert (now.state, now.request_id, now.error_code) == (S.ACCEPTED, ID, None)
    async with hooked.services.database.transaction() as tx:
        rows = await tx.logs.of_scene(job.scene_id)
    assert [row.message for row in rows] == [f"video 1 by {job.model} accepted"]


async def test_a_webhook_may_come_before_the_answer(sqlite_hooked: Api) -> None:
    """The answer then says the same again."""
    job, shop = await purchase(sqlite_hooked, S.INTENT), purchases_of(sqlite_hooked.services.parts)

    async def send() -> str:
        assert (await fal_says(sqlite_hooked, job.id)).status_code == 200
        return ID

    await shop.accept(job, await shop.attempt(job, send, never))
    now = await reloaded(sqlite_hooked, job)

    assert (now.state, now.request_id) == (S.ACCEPTED, ID)
    async with sqlite_hooked.services.database.transaction() as tx:
        assert len(await tx.logs.of_scene(job.scene_id)) == 1


async def test_a_webhook_may_come_before_the_answer_is_lost(sqlite_hooked: Api) -> None:
    """What it told stays, so that the attempt is repeated and finds the job accepted."""
    job, shop = await purchase(sqlite_hooked, S.INTENT), purchases_of(sqlite_hooked.services.parts)

    async def send() -> str:
        assert (await fal_says(sqlite_hooked, job.id)).status_code == 200
        raise ProviderError(FailureCode.TIMED_OUT, "no answer", delivery=Delivery.ANSWER_LOST)

    with pytest.raises(IllegalMoveError):
        await shop.attempt(job, send, never)

    assert (await reloaded(sqlite_hooked, job)).state == S.ACCEPTED


@pytest.mark.parametrize("state", [S.ACCEPTED, S.SUCCEEDED, S.STORED, S.FAILED, S.CANCELED])
async def test_a_webhook_that_comes_late_changes_nothing(hooked: Api, state: S) -> None:
    """The purchase is as it was, and fal is told that it was heard."""
    job = await purchase(hooked, state)
    answer = await fal_says(hooked, job.id)

    assert answer.status_code == 200
    assert (await reloaded(hooked, job)).model_dump() == job.model_dump()


async def test_a_purchase_that_was_written_off_is_found_all_the_same(hooked: Api) -> None:
    """Its result is paid for and worth having."""
    job = await purchase(hooked, S.UNKNOWN)
    async with hooked.services.database.transaction() as tx:
        await tx.jobs.write_off(job.id)
    answer = await fal_says(hooked, job.id)

    assert (answer.status_code, (await reloaded(hooked, job)).state) == (200, S.ACCEPTED)


@pytest.mark.parametrize("state", [S.ACCEPTED, S.STORED, S.CANCELED])
async def test_a_stray_job_is_shouted_about(hooked: Api, state: S) -> None:
    """Another id than the known one, or any of a purchase that was released: 409, one ERROR row, nothing changes."""
    job = await purchase(hooked, S.INTENT if state is S.CANCELED else state)
    if state is S.CANCELED:
        async with hooked.services.database.transaction() as tx:
            job = await tx.jobs.move(job.id, state, actual_cost_micros=0)
    answers = [await fal_says(hooked, job.id, "another-id") for _ in range(2)]
    async with hooked.services.database.transaction() as tx:
        (row,) = await tx.logs.of_scene(job.scene_id)

    assert [code_of(answer) for answer in answers] == [(409, "conflict")] * 2
    assert (await reloaded(hooked, job)).model_dump() == job.model_dump()
    assert (row.level, row.payload["stray"]) == (LogLevel.ERROR, "another-id")


async def test_sync_is_heard_the_same_way(hooked: Api) -> None:
    """By its own signature and field."""
    job = await purchase(hooked, S.UNKNOWN, Provider.SYNC, Step.LIPSYNC)
    answers = [await sync_says(hooked, job.id), await sync_says(hooked, job.id), await sync_says(hooked, job.id, "b")]

    assert [answer.status_code for answer in answers] == [200, 200, 409]
    assert (await reloaded(hooked, job)).request_id == ID


async def test_a_vendor_speaks_for_its_own_jobs_alone(sqlite_hooked: Api) -> None:
    """A purchase at another vendor is as unknown as none."""
    theirs = await purchase(sqlite_hooked, S.UNKNOWN, Provider.SYNC, Step.LIPSYNC)
    answers = [await fal_says(sqlite_hooked, theirs.id), await fal_says(sqlite_hooked, "nothing")]

    assert [code_of(answer) for answer in answers] == [(404, "not_found")] * 2
    assert (await reloaded(sqlite_hooked, theirs)).state == S.UNKNOWN


BODY = json.dumps({"request_id": ID, "id": ID}).encode()


def forgeries() -> list[tuple[str, dict[str, str]]]:
    """Vendor and headers for BODY, each wrong in one way; made when they are sent, as good ones go stale."""
    good, past = fal_headers(ID, BODY), str(int(time.time()) - 301)
    replayed = hmac.new(SECRET.encode(), f"{past}.".encode() + BODY, hashlib.sha256).hexdigest()
    return [
        *[("fal", {name: value for name, value in good.items() if name != left_out}) for left_out in good],
        ("fal", good | {"X-Fal-Webhook-Timestamp": past}),
        ("fal", fal_headers(ID, BODY + b" ")),
        ("sync", {}),
        ("sync", sync_headers("whsec_other", BODY)),
        ("sync", {"Sync-Signature": f"t={past},v1={replayed}"}),
    ]


async def test_forgeries_are_refused(sqlite_hooked: Api) -> None:
    """401 that tells nothing, also about which purchases there are."""
    job = await purchase(sqlite_hooked, S.UNKNOWN)
    for path, headers in forgeries():
        first, second = [
            await sqlite_hooked.ask("POST", f"/webhooks/{path}", params={"job": which}, content=BODY, headers=headers)
            for which in (job.id, "nothing")
        ]

        assert code_of(first) == (401, "unauthorized")
        assert first.json() == second.json()
        assert first.json()["detail"] == "the signature does not hold"
    assert (await reloaded(sqlite_hooked, job)).state == S.UNKNOWN


async def test_a_signed_body_that_says_nothing_is_refused(sqlite_hooked: Api) -> None:
    """400, and not a bug."""
    job = await purchase(sqlite_hooked, S.UNKNOWN)
    for body in (b"", b"[]", b"{}", b'{"request_id": 7}', b'{"request_id": "../x", "id": ""}'):
        answers = [
            await fal_says(sqlite_hooked, job.id, content=body, headers=fal_headers(ID, body)),
            await sync_says(sqlite_hooked, job.id, content=body, headers=sync_headers(SECRET, body)),
        ]

        assert [code_of(answer) for answer in answers] == [(400, "unreadable_body")] * 2


async def test_limits_hold(sqlite_api: Api) -> None:
    """A body over a mebibyte is not read, and a missing purchase is not looked for."""
    large = await fal_says(sqlite_api, "x", content=b" " * (2**20 + 1))
    nameless = await sqlite_api.ask("POST", "/webhooks/fal", content=BODY, headers=fal_headers(ID, BODY))

    assert (large.status_code, nameless.status_code) == (413, 422)


async def test_without_fals_keys_fal_is_to_come_again(sqlite_template: Path, tmp_path: Path) -> None:
    """503 while they cannot be fetched; without a secret sync.so is never believed."""
    settings = settings_for(f"sqlite:///{sqlite_template}", tmp_path, FAL_JWKS_URL=f"{LOCAL}:9/jwks.json")
    async with opened_api(settings) as api:
        answers = await fal_says(api, "x"), await sync_says(api, "x")

    assert [code_of(answer) for answer in answers] == [(503, "provider_unavailable"), (401, "unauthorized")]
    assert int(answers[0].headers["retry-after"]) > 0
