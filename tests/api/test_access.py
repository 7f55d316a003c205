"""Who may ask: keys and scopes, this machine alone without keys, rates, other sites, and no secret in any answer."""

import asyncio
import json
import os
import sys
from pathlib import Path

import httpx
import pytest

from models.enums import ApiScope
from runtime.catalog.apikeys import revoke_api_key
from runtime.settings import ROOT
from tests.api.conftest import LOCAL, Api, opened_api, settings_for
from tests.api.test_catalog import ANY, code_of
from tests.support.databases import sqlite_copy

READ, WRITE, GENERATE = ApiScope.READ, ApiScope.WRITE, ApiScope.GENERATE
CALLS = [
    ("GET", "/identities", READ),
    ("GET", "/identities/status", READ),
    ("POST", "/identities", WRITE),
    ("PUT", "/identities/x", WRITE),
    ("PATCH", "/projects/x", WRITE),
    ("DELETE", "/scenes/x", WRITE),
    ("POST", "/projects/x/reorder", WRITE),
    ("POST", "/identities/x/test", GENERATE),
    ("POST", "/scenes/x/generate", GENERATE),
    ("POST", "/scenes/x/cancel", GENERATE),
    ("GET", "/scenes/x/status", READ),
    ("GET", "/scenes/x/takes", READ),
    ("POST", "/scenes/x/takes/1/use", WRITE),
    ("GET", "/scenes/x/events", READ),
    ("GET", "/scenes/x/video", READ),
    ("POST", "/assets", WRITE),
    ("GET", "/jobs", READ),
    ("PUT", "/settings/x", WRITE),
]


def bearer(token: str) -> dict[str, str]:
    """The header that carries a key."""
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
async def test_each_route_needs_its_scope(sqlite_api: Api, method: str, path: str, scope: ApiScope) -> None:
    """Without a key 401, with the other scopes 403, with its own neither; unreadable bodies change nothing of that."""
    others = await sqlite_api.key(*(set(ApiScope) - {scope}))
    own = await sqlite_api.key(scope)
    body = None if method == "GET" else b"{"
    kind = {"Content-Type": "application/json"}
    statuses = [
        (await sqlite_api.ask(method, path, content=body, headers=kind | key)).status_code
        for key in ({}, bearer(others), bearer(own))
    ]

    assert statuses[:2] == [401, 403]
    assert statuses[2] not in {401, 403}


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer ", "Basic dXNlcjpwdw==", "dvt_x", "Bearer dvt_" + "a" * 43])
async def test_a_wrong_key_is_refused(api: Api, header: str) -> None:
    """401 with the scheme, whether or not there are keys."""
    before = await api.ask("GET", "/identities", headers={"Authorization": header})
    await api.key()
    after = await api.ask("GET", "/identities", headers={"Authorization": header})

    assert code_of(before) == code_of(after) == (401, "unauthorized")
    assert after.headers["www-authenticate"].startswith("Bearer")


async def test_a_revoked_key_is_refused_and_the_machine_is_served_again(api: Api) -> None:
    """Revoking works at once; without any key left this machine needs none."""
    token = await api.key()
    good = await api.ask("GET", "/identities", headers=bearer(token))
    await revoke_api_key(api.services.database, token[:12])

    assert good.status_code == 200
    assert code_of(await api.ask("GET", "/identities", headers=bearer(token))) == (401, "unauthorized")
    assert (await api.ask("GET", "/identities")).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/docs", "/openapi.json"])
async def test_some_things_need_no_key(sqlite_api: Api, path: str) -> None:
    """Health and documents are for everybody."""
    await sqlite_api.key()

    assert (await sqlite_api.ask("GET", path)).status_code == 200


@pytest.mark.parametrize(
    ("peer", "host", "headers", "status"),
    [
        ("127.0.0.1", LOCAL, {}, 200),
        ("::1", "http://[::1]:8080", {}, 200),
        ("::ffff:127.0.0.1", "http://localhost:8080", {}, 200),
        ("192.0.2.7", LOCAL, {}, 403),
        ("127.0.0.1", LOCAL, {"X-Forwarded-For": "127.0.0.1"}, 403),
        ("127.0.0.1", LOCAL, {"Forwarded": "for=127.0.0.1"}, 403),
        ("127.0.0.1", "http://evil.example", {}, 403),
        ("127.0.0.1", LOCAL, {"Origin": "https://evil.example"}, 403),
        ("127.0.0.1", LOCAL, {"Origin": "null"}, 403),
        ("127.0.0.1", LOCAL, {"Origin": LOCAL}, 200),
    ],
)
async def test_without_keys_this_machine_alone_is_served(
    sqlite_template: Path, tmp_path: Path, peer: str, host: str, headers: dict[str, str], status: int
) -> None:
    """Not other machines, proxies, other sites' pages, or names that lead here from elsewhere."""
    settings = settings_for(sqlite_copy(sqlite_template, tmp_path), tmp_path)
    async with opened_api(settings, peer, host) as api:
        answer = await api.ask("GET", "/identities", headers=headers)

    assert answer.status_code == status


async def test_with_a_key_other_machines_are_served(sqlite_template: Path, tmp_path: Path) -> None:
    """A key is what makes a caller from elsewhere welcome."""
    settings = settings_for(sqlite_copy(sqlite_template, tmp_path), tmp_path)
    async with opened_api(settings, "192.0.2.7", "https://devatar.example") as api:
        answer = await api.ask("GET", "/identities", headers=bearer(await api.key(READ)))

    assert answer.status_code == 200


async def test_too_many_requests_are_refused_by_key(sqlite_template: Path, tmp_path: Path) -> None:
    """Each key has its own count; 429 says when to ask again."""
    settings = settings_for(sqlite_copy(sqlite_template, tmp_path), tmp_path, DEVATAR_API_RATE="3/hour")
    async with opened_api(settings) as api:
        first, second = bearer(await api.key()), bearer(await api.key())
        statuses = [(await api.ask("GET", "/identities", headers=first)).status_code for _ in range(3)]
        refused = await api.ask("GET", "/identities", headers=first)
        other = await api.ask("GET", "/identities", headers=second)

    assert (statuses, other.status_code) == ([200] * 3, 200)
    assert code_of(refused) == (429, "rate_limited")
    assert 0 < int(refused.headers["retry-after"]) <= 3600


async def test_guessing_keys_is_slowed(sqlite_template: Path, tmp_path: Path) -> None:
    """After so many wrong keys an address is not even looked at."""
    settings = settings_for(sqlite_copy(sqlite_template, tmp_path), tmp_path, DEVATAR_API_RATE="3/hour")
    async with opened_api(settings) as api:
        good = bearer(await api.key())
        statuses = [(await api.ask("GET", "/jobs", headers=bearer(f"dvt_{n}"))).status_code for n in range(5)]
        locked_out = await api.ask("GET", "/identities", headers=good)

    assert statuses == [401, 401, 401, 429, 429]
    assert locked_out.status_code == 429


async def test_only_named_origins_may_read_from_a_browser(sqlite_template: Path, tmp_path: Path) -> None:
    """CORS headers go to the configured origins and to no other."""
    url = sqlite_copy(sqlite_template, tmp_path)
    good, bad = "https://studio.example", "https://evil.example"
    preflight = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "if-match"}
    async with opened_api(settings_for(url, tmp_path, DEVATAR_API_CORS_ORIGINS=good)) as api:
        allowed = await api.ask("OPTIONS", "/identities", headers={"Origin": good} | preflight)
        refused = await api.ask("OPTIONS", "/identities", headers={"Origin": bad} | preflight)
        read = await api.ask("GET", "/identities", headers={"Origin": good})

    assert allowed.headers["access-control-allow-origin"] == read.headers["access-control-allow-origin"] == good
    assert "access-control-allow-origin" not in refused.headers


async def test_no_secret_is_ever_answered(api: Api) -> None:
    """Neither keys nor their hashes, nor a link's signature, in any answer or error."""
    token = await api.key()
    auth = bearer(token)
    secret = "signature-of-a-link"
    link = f"https://example.org/a.safetensors?sig={secret}"
    body = {"name": "anna", "displayName": "A", "triggerWord": "T", "loraUrl": link}
    texts = [
        (await api.ask("POST", "/identities", json=body, headers=auth)).text,
        (await api.ask("POST", "/identities", json=body, headers=auth)).text,
        (await api.ask("POST", "/identities", json=body | {"loraUrl": f"ftp://x/{secret}"}, headers=auth)).text,
        (await api.ask("PATCH", "/identities/anna", json={"loraScale": 9}, headers=auth | ANY)).text,
        (await api.ask("GET", "/identities/status", headers=auth)).text,
        (await api.ask("GET", "/settings", headers=auth)).text,
        (await api.ask("GET", "/openapi.json")).text,
    ]

    assert not [text for text in texts if secret in text or token in text or "signing-key" in text]


async def test_every_answer_has_the_security_headers(sqlite_api: Api) -> None:
    """Errors and documents too."""
    answers = [await sqlite_api.ask("GET", path) for path in ("/health", "/nothing", "/docs")]

    assert {answer.headers["x-content-type-options"] for answer in answers} == {"nosniff"}
    assert all(answer.headers["cache-control"] == "no-store" for answer in answers)
    assert all("default-src 'none'" in answer.headers["content-security-policy"] for answer in answers)


async def _run(folder: Path, url: str, **variables: str) -> asyncio.subprocess.Process:
    settings = {
        "DATABASE_URL": url,
        "DEVATAR_ENV_FILE": os.devnull,
        "DEVATAR_DATA_DIR": str(folder),
        "DEVATAR_FILES_URL": LOCAL,
        "DEVATAR_FILES_SIGNING_KEY": "signing-key",
        "DEVATAR_API_PORT": "0",
    }
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "api"), cwd=ROOT, env={**os.environ, **settings, **variables}, stdout=pipe, stderr=pipe
    )


async def test_the_program_refuses_other_machines_without_a_key(sqlite_template: Path, tmp_path: Path) -> None:
    """`python -m api` on an open address ends with 2 and one line that says what to do."""
    process = await _run(tmp_path, sqlite_copy(sqlite_template, tmp_path), DEVATAR_API_HOST="192.0.2.1")
    _, errors = await asyncio.wait_for(process.communicate(), 30)

    assert process.returncode == 2
    assert errors.decode().splitlines()[-1].startswith("api: DEVATAR_API_HOST: 192.0.2.1 can be reached")
    assert "starter.py apikey create" in errors.decode()


async def test_the_program_serves_and_stops(sqlite_template: Path, tmp_path: Path) -> None:
    """`python -m api` says where it listens, answers there, and ends with 0 when told to."""
    process = await _run(tmp_path, sqlite_copy(sqlite_template, tmp_path))
    assert process.stdout
    where = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))["api"]
    async with httpx.AsyncClient(trust_env=False) as http:
        health = await http.get(f"{where}/api/health")
    process.terminate()
    _, errors = await asyncio.wait_for(process.communicate(), 30)

    assert (health.json(), process.returncode) == ({"status": "alive"}, 0)
    assert "Traceback" not in errors.decode()
