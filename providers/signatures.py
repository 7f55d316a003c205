"""Whether a webhook comes from whom it says.

fal signs with Ed25519 keys that it publishes (docs.fal.ai, Webhooks), sync.so with a secret that it shares with us.
"""

import asyncio
import base64
import hashlib
import hmac
import logging
import re
import time
from collections.abc import Callable, Mapping

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, SecretStr

from providers.errors import ProviderError
from providers.http_errors import calling, parse

TOLERANCE_S = 300  # both vendors' figure: older deliveries may be replays
KEYS_KEPT_S = 24 * 3600  # fal's upper bound
FETCH_PAUSE_S = 60  # forged signatures must not make us ask fal over and over
FETCH_TIMEOUT_S = 5.0  # well within the 15 s that fal gives a delivery

_FAL = "x-fal-webhook-"

log = logging.getLogger(__name__)


class SignatureRefused(Exception):
    """The signature is missing, too old or wrong; the words are for our own log alone."""


class KeysUnavailable(Exception):
    """fal's public keys cannot be had now, so nothing can be said about a signature."""


class _Jwk(BaseModel):
    kty: str = ""
    crv: str = ""
    x: str = ""


class _KeySet(BaseModel):
    keys: list[_Jwk]


class FalSignatures:
    """Checks fal's signatures with the keys at `jwks_url`, fetched when they are needed and kept for a day."""

    def __init__(self, http: httpx.AsyncClient, *, jwks_url: str, clock: Callable[[], float] = time.time) -> None:
        self._http = http
        self._jwks_url = jwks_url
        self._clock = clock
        self._keys: list[Ed25519PublicKey] = []
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def check(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raises SignatureRefused, or KeysUnavailable when fal's keys are needed and cannot be fetched."""
        signature, message = _fal_signed(headers, body, self._clock())
        if not self._are_fresh():
            await self._fetch()
        if self._fits(signature, message):
            return
        await self._fetch()  # fal may sign with a key that is newer than ours
        if self._fits(signature, message):
            return
        if not self._are_fresh():
            raise KeysUnavailable
        raise SignatureRefused("no key of fal's fits the signature")

    def _are_fresh(self) -> bool:
        return self._clock() - self._fetched_at < KEYS_KEPT_S

    def _fits(self, signature: bytes, message: bytes) -> bool:
        return self._are_fresh() and any(_verifies(key, signature, message) for key in self._keys)

    async def _fetch(self) -> None:
        """Renew the keys unless that was tried a moment ago; when it fails, those that are there stay."""
        async with self._fetching:
            if self._clock() - self._tried_at < FETCH_PAUSE_S:
                return
            self._tried_at = self._clock()
            try:
                async with calling("fal", paid=False, timeout_s=FETCH_TIMEOUT_S):
                    answer = await self._http.get(self._jwks_url, timeout=FETCH_TIMEOUT_S)
            except ProviderError as error:
                log.warning("the keys of fal's webhooks cannot be fetched: %s", error)
                return
            keys = _usable(answer.content) if answer.is_success else []
            if not keys:
                log.warning("the keys of fal's webhooks cannot be read: HTTP %d", answer.status_code)
                return
            self._keys, self._fetched_at = keys, self._clock()


def check_sync(headers: Mapping[str, str], body: bytes, *, secret: SecretStr, now: float) -> None:
    """Check sync.so's `Sync-Signature: t=...,v1=...`. Raises SignatureRefused."""
    parts = [part.strip().partition("=") for part in _header(headers, "sync-signature").split(",")]
    stamp = next((value for name, _, value in parts if name == "t"), "")
    _check_age(stamp, now)
    expected = hmac.new(secret.get_secret_value().encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    given = [value for name, _, value in parts if name == "v1"]
    if not any(hmac.compare_digest(value.encode(), expected.encode()) for value in given):
        raise SignatureRefused("the signature is not of this secret")


def _fal_signed(headers: Mapping[str, str], body: bytes, now: float) -> tuple[bytes, bytes]:
    """The signature, and the bytes that it is said to be of."""
    request_id, user_id, stamp, signature = (
        _header(headers, _FAL + name) for name in ("request-id", "user-id", "timestamp", "signature")
    )
    _check_age(stamp, now)
    if not re.fullmatch(r"[0-9a-fA-F]{128}", signature):
        raise SignatureRefused("the signature is not of 64 bytes in hex")
    message = "\n".join((request_id, user_id, stamp, hashlib.sha256(body).hexdigest()))
    return bytes.fromhex(signature), message.encode()


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    if not value:
        raise SignatureRefused(f"the header {name} is missing")
    return value


def _check_age(stamp: str, now: float) -> None:
    if not re.fullmatch(r"[0-9]{1,12}", stamp):
        raise SignatureRefused("the time is not in seconds")
    if abs(now - int(stamp)) > TOLERANCE_S:
        raise SignatureRefused(f"the time is more than {TOLERANCE_S} s away")


def _usable(content: bytes) -> list[Ed25519PublicKey]:
    found = parse(_KeySet, content)
    keys = [_public_key(key.x) for key in found.keys if (key.kty, key.crv) == ("OKP", "Ed25519")] if found else []
    return [key for key in keys if key is not None]


def _public_key(encoded: str) -> Ed25519PublicKey | None:
    try:
        return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except ValueError:
        return None


def _verifies(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True
