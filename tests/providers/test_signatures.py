"""Signatures of webhooks: what is believed, what is not, and how often fal is asked for its keys."""

import base64
import hashlib
import hmac
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from providers.signatures import FalSignatures, KeysUnavailable, SignatureRefused, check_sync
from tests.providers.wire import Received, Wire, reply, serving

NOW = 1_790_000_000.0
DAY_S = 86_400
BODY = b'{"request_id": "r1", "status": "OK"}'
SECRET = "whsec_test"
OURS, NEW, FOREIGN = (Ed25519PrivateKey.from_private_bytes(name.encode() * 32) for name in "anf")
NO_KEYS = {"keys": [{"kty": "RSA", "n": "x"}, {"kty": "OKP", "crv": "Ed25519", "x": "dG9vIHNob3J0"}]}


def jwk(key: Ed25519PrivateKey) -> dict[str, str]:
    """A key as fal publishes it."""
    encoded = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).decode().rstrip("=")
    return {"kty": "OKP", "crv": "Ed25519", "x": encoded}


def fal_signed(at: float = NOW, key: Ed25519PrivateKey = OURS, without: str = "", **changes: str) -> httpx.Headers:
    """fal's headers for BODY, with changes made after they were signed."""
    stamp = str(int(at))
    message = "\n".join(("r1", "u1", stamp, hashlib.sha256(BODY).hexdigest()))
    values = {"request_id": "r1", "user_id": "u1", "timestamp": stamp, "signature": key.sign(message.encode()).hex()}
    given = {name: value for name, value in (values | changes).items() if name != without}
    return httpx.Headers({f"X-Fal-Webhook-{name.replace('_', '-')}": value for name, value in given.items()})


def sync_signed(at: float = NOW, secret: str = SECRET, form: str = "t={t},v1={v1}") -> httpx.Headers:
    """sync.so's header for BODY."""
    digest = hmac.new(secret.encode(), f"{int(at)}.".encode() + BODY, hashlib.sha256).hexdigest()
    return httpx.Headers({"Sync-Signature": form.format(t=int(at), v1=digest)}, encoding="utf-8")


@dataclass
class Publisher:
    """Serves a key set, and keeps the time that our side believes."""

    keys: object = field(default_factory=lambda: {"keys": [jwk(FOREIGN), jwk(OURS)]})
    status: int = 200
    now: float = NOW
    wire: Wire = field(default_factory=Wire)

    def answer(self, request: Received) -> bytes:
        """One answer."""
        return reply(self.status, self.keys)

    @property
    def asked(self) -> int:
        """How often the keys were fetched."""
        return len(self.wire.received)


@pytest.fixture
async def publisher() -> AsyncGenerator[Publisher]:
    """A server with two keys, one of them ours."""
    publisher = Publisher()
    async with serving(publisher.answer) as publisher.wire:
        yield publisher


@pytest.fixture
async def signatures(publisher: Publisher) -> AsyncGenerator[FalSignatures]:
    """The checker, on the publisher's keys and clock."""
    async with httpx.AsyncClient(trust_env=False) as http:
        yield FalSignatures(http, jwks_url=f"{publisher.wire.url}/jwks.json", clock=lambda: publisher.now)


@pytest.mark.parametrize("age_s", [0, 299, -299])
async def test_a_good_signature_is_believed(signatures: FalSignatures, publisher: Publisher, age_s: int) -> None:
    """Whichever of the published keys it is of; the keys are fetched once for many deliveries."""
    for _ in range(3):
        await signatures.check(fal_signed(NOW - age_s), BODY)

    assert publisher.asked == 1


@pytest.mark.parametrize(
    ("headers", "body", "why"),
    [
        *[(fal_signed(without=name), BODY, "missing") for name in ("request_id", "user_id", "timestamp", "signature")],
        (fal_signed(NOW - 301), BODY, "away"),
        (fal_signed(NOW + 301), BODY, "away"),
        (fal_signed(timestamp="soon"), BODY, "seconds"),
        (fal_signed(timestamp=str(int(NOW) - 1)), BODY, "no key"),
        (fal_signed(request_id="r2"), BODY, "no key"),
        (fal_signed(user_id="u2"), BODY, "no key"),
        (fal_signed(), BODY + b" ", "no key"),
        (fal_signed(key=NEW), BODY, "no key"),
        (fal_signed(signature="00" * 64), BODY, "no key"),
        (fal_signed(signature="no hex"), BODY, "hex"),
    ],
)
async def test_anything_else_is_refused(
    signatures: FalSignatures, headers: httpx.Headers, body: bytes, why: str
) -> None:
    """A header less, another time, sender or body, a key that fal never published."""
    with pytest.raises(SignatureRefused, match=why):
        await signatures.check(headers, body)


async def test_a_new_key_is_found_at_once(signatures: FalSignatures, publisher: Publisher) -> None:
    """When no key fits, the set is fetched again; forgeries do so once a minute at most."""
    await signatures.check(fal_signed(), BODY)
    publisher.keys = {"keys": [jwk(NEW)]}
    publisher.now += 61
    await signatures.check(fal_signed(publisher.now, NEW), BODY)
    for _ in range(3):
        with pytest.raises(SignatureRefused):
            await signatures.check(fal_signed(publisher.now, FOREIGN), BODY)

    assert publisher.asked == 2


@pytest.mark.parametrize("keys", [NO_KEYS, {"keys": []}, [], {}])
async def test_without_any_key_nothing_is_said(signatures: FalSignatures, publisher: Publisher, keys: object) -> None:
    """A set without a usable key is as good as none; a minute later it is looked at again."""
    publisher.keys = keys
    for _ in range(2):
        with pytest.raises(KeysUnavailable):
            await signatures.check(fal_signed(), BODY)
    assert publisher.asked == 1

    publisher.keys = {"keys": [{"kty": "RSA"}, jwk(OURS)]}
    publisher.now += 61
    await signatures.check(fal_signed(publisher.now), BODY)


async def test_keys_are_kept_for_a_day_while_fal_is_away(signatures: FalSignatures, publisher: Publisher) -> None:
    """Then they are not believed any more."""
    await signatures.check(fal_signed(), BODY)
    publisher.status = 503
    publisher.now += DAY_S - 1
    await signatures.check(fal_signed(publisher.now), BODY)
    with pytest.raises(SignatureRefused):
        await signatures.check(fal_signed(publisher.now, NEW), BODY)
    publisher.now += 60
    with pytest.raises(KeysUnavailable):
        await signatures.check(fal_signed(publisher.now), BODY)


async def test_a_publisher_that_cannot_be_reached_says_nothing() -> None:
    """Neither yes nor no."""
    async with httpx.AsyncClient(trust_env=False) as http:
        signatures = FalSignatures(http, jwks_url="http://127.0.0.1:9/jwks.json", clock=lambda: NOW)
        with pytest.raises(KeysUnavailable):
            await signatures.check(fal_signed(), BODY)


@pytest.mark.parametrize("form", ["t={t},v1={v1}", "t={t}, v1=00, v1={v1}", "v1={v1},t={t},v0=x"])
def test_sync_is_believed_with_the_secret(form: str) -> None:
    """In any order, also beside the signature of a secret that is being replaced."""
    check_sync(sync_signed(NOW - 299, form=form), BODY, secret=SecretStr(SECRET), now=NOW)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (httpx.Headers(), BODY),
        (sync_signed(NOW - 301), BODY),
        (sync_signed(NOW + 301), BODY),
        (sync_signed(secret="whsec_other"), BODY),
        (sync_signed(), BODY + b" "),
        (sync_signed(form="v1={v1}"), BODY),
        (sync_signed(form="t={t}"), BODY),
        (sync_signed(form="t={t},v1="), BODY),
        (sync_signed(form="t={t}9,v1={v1}"), BODY),
        (sync_signed(form="t=\xb2,v1=\xe9"), BODY),
    ],
)
def test_sync_is_refused_otherwise(headers: httpx.Headers, body: bytes) -> None:
    """No header, another secret, time or body."""
    with pytest.raises(SignatureRefused):
        check_sync(headers, body, secret=SecretStr(SECRET), now=NOW)
