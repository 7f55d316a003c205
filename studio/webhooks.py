"""Delivery of webhooks, each in its vendor's signed form."""

import asyncio
import base64
import hashlib
import hmac
import logging
import time

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FAL_USER_ID = "studio-user"
# Always the same made-up key: it guards nothing.
FAL_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"studio fal webhook key").digest())
# fal retries for two hours; the studio keeps the shape and shortens the waits.
RETRY_DELAYS_S = (0.2, 1.0, 3.0, 10.0)
DELIVERY_TIMEOUT_S = 15.0

log = logging.getLogger("studio")


def fal_jwks() -> dict[str, list[dict[str, str]]]:
    """The key set that fal publishes for its webhook signatures."""
    key = base64.urlsafe_b64encode(FAL_KEY.public_key().public_bytes_raw()).decode().rstrip("=")
    return {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": key}]}


def fal_headers(request_id: str, body: bytes) -> dict[str, str]:
    """fal's signature headers over request id, user id, time and the body's hash."""
    stamp = str(int(time.time()))
    message = "\n".join((request_id, FAL_USER_ID, stamp, hashlib.sha256(body).hexdigest()))
    return {
        "X-Fal-Webhook-Request-Id": request_id,
        "X-Fal-Webhook-User-Id": FAL_USER_ID,
        "X-Fal-Webhook-Timestamp": stamp,
        "X-Fal-Webhook-Signature": FAL_KEY.sign(message.encode()).hex(),
    }


def sync_headers(secret: str, body: bytes) -> dict[str, str]:
    """sync.so's HMAC header over time and body."""
    stamp = str(int(time.time()))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"Sync-Signature": f"t={stamp},v1={digest}"}


async def _post(client: httpx.AsyncClient, url: str, body: bytes, headers: dict[str, str]) -> bool:
    try:
        answer = await client.post(
            url, content=body, headers={"Content-Type": "application/json", **headers}, timeout=DELIVERY_TIMEOUT_S
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        log.warning("webhook not delivered: %s", type(error).__name__)
        return False
    return answer.is_success


async def deliver(
    client: httpx.AsyncClient, url: str, body: bytes, headers: dict[str, str], *, times: int = 1, retried: bool = False
) -> None:
    """POSTs a webhook `times` times; a failed delivery is tried again a few times if the vendor does so."""
    for _ in range(times):
        if await _post(client, url, body, headers) or not retried:
            continue
        for delay in RETRY_DELAYS_S:
            await asyncio.sleep(delay)
            if await _post(client, url, body, headers):
                break
