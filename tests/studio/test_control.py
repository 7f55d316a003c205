"""Bill, requests, accounts, webhooks of fal, and what is refused at the control endpoint."""

import base64
import hashlib
import subprocess
import sys
import time

import fal_client
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.studio.vendors import NOWHERE, vendors
from tests.support.studio import ROOT, Studio
from tests.support.webhooks import WebhookReceiver


async def test_the_bill_has_one_line_a_job_and_their_total(studio: Studio, http: httpx.AsyncClient) -> None:
    """Time, provider, model, request id, key, units and price, in whole micro-dollars."""
    for vendor in vendors().values():
        await vendor.submit(studio, http)
    lines = studio.bill()
    assert [line["provider"] for line in lines] == ["fal", "elevenlabs", "sync", "kling"]
    assert len({line["request_id"] for line in lines}) == 4
    assert [line["price_usd_micros"] for line in studio.bill("fal")] == [3_000]
    assert [line["price_usd_micros"] for line in studio.bill("elevenlabs")] == [len("Hello.") * 300]
    assert studio.total_usd_micros() == sum(line["price_usd_micros"] for line in studio.bill())
    assert all(isinstance(line["price_usd_micros"], int) and line["time"] <= time.time() for line in lines)


async def test_requests_are_kept_with_masked_secrets(studio: Studio, http: httpx.AsyncClient) -> None:
    """Scheme and last four characters of a credential, the JSON body, the status."""
    for vendor in vendors().values():
        await vendor.submit(studio, http)
    (fal,) = studio.requests("fal")
    assert fal["headers"]["authorization"] == "Key ...cret"
    assert (fal["method"], fal["path"], fal["status"]) == ("POST", "/fal-queue/fal-ai/flux/schnell", 200)
    assert fal["json"]["prompt"] == vendors()["fal"].body["prompt"]
    (sync,) = studio.requests("sync")
    assert (sync["headers"]["x-api-key"], sync["status"]) == ("...-key", 201)
    assert [request["headers"]["xi-api-key"] for request in studio.requests("elevenlabs")] == ["...-key"]


@pytest.mark.parametrize(
    ("provider", "state", "status"),
    [
        ("fal", "account_locked", 403),
        ("elevenlabs", "quota_exceeded", 401),
        ("sync", "arrears", 402),
        ("kling", "arrears", 429),
    ],
)
async def test_an_account_stays_bad_until_it_is_mended(
    studio: Studio, http: httpx.AsyncClient, provider: str, state: str, status: int
) -> None:
    """Every submission is refused, then none."""
    vendor = vendors()[provider]
    studio.account(provider, state)
    assert [(await vendor.submit(studio, http)).status_code for _ in range(2)] == [status, status]
    studio.account(provider, "ok")
    assert (await vendor.submit(studio, http)).is_success


@pytest.mark.parametrize(
    "body",
    [
        {"provider": "nobody", "fault": "hang"},
        {"provider": "fal", "fault": "nothing"},
        {"provider": "fal", "fault": "hang", "operation": "sing"},
        {"provider": "fal", "fault": "stuck", "operation": "status"},
        {"provider": "fal", "fault": "hang", "often": 2},
    ],
)
async def test_a_fault_that_could_never_fall_is_refused(
    studio: Studio, http: httpx.AsyncClient, body: dict[str, object]
) -> None:
    """A mistake in a test shows at once."""
    assert (await http.post(f"{studio.url}/control/faults", json=body)).status_code == 400


async def test_fals_webhook_is_signed_retried_and_can_come_twice(
    studio: Studio, fal: fal_client.AsyncClient, http: httpx.AsyncClient, webhooks: WebhookReceiver
) -> None:
    """The ED25519 signature holds against the published keys; a failed delivery is tried again."""
    webhooks.answers = [500]
    studio.fault("fal", "duplicate_webhook")
    body = {"prompt": "x", "start_image_url": NOWHERE}
    hook = f"{webhooks.url}?scene=1"
    handle = await fal.submit("fal-ai/kling-video/v2.6/pro/image-to-video", body, webhook_url=hook)
    failed, first, second = [await webhooks.next() for _ in range(3)]
    assert failed.body == first.body == second.body
    note = first.json
    assert (note["request_id"], note["status"], note["error"]) == (
        handle.request_id,
        "ERROR",
        "Invalid status code: 422",
    )
    assert note["payload"]["detail"][0]["type"] == "file_download_error"
    (key,) = (await http.get(f"{studio.url}/fal-queue/.well-known/jwks.json")).json()["keys"]
    names = ("request-id", "user-id", "timestamp")
    parts = [first.headers[f"x-fal-webhook-{name}"] for name in names]
    message = "\n".join([*parts, hashlib.sha256(first.body).hexdigest()]).encode()
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))
    public.verify(bytes.fromhex(first.headers["x-fal-webhook-signature"]), message)


@pytest.mark.parametrize("arguments", [["--host", "192.0.2.1"], ["--host", "example.org"], ["--picture", "big"]])
def test_it_listens_on_loopback_only(arguments: list[str]) -> None:
    """Another address, or a picture size that is none, ends the program with a usage message."""
    ended = subprocess.run(
        [sys.executable, "-m", "studio", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "error: argument" in ended.stderr
