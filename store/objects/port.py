"""What an object store promises, its errors, and the rules for keys. No I/O here."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Protocol

MAX_KEY_BYTES = 1024  # R2 and S3
MAX_URL_LIFETIME = timedelta(days=7)  # S3's signature version 4; the local store keeps to the same contract


class StoreError(Exception):
    """An object store call that failed; nothing of the store's own SDK leaves with it. `retryable` goes by class."""

    retryable: ClassVar[bool] = False


class ObjectMissing(StoreError):
    """No object has this key."""


class ObjectConflict(StoreError):
    """Another content already stands under this key; it was left as it is."""


class ObjectDamaged(StoreError):
    """What came back is not what the store said it keeps; a cut transfer is the usual reason."""

    retryable = True


class StoreRefused(StoreError):
    """The store understood and said no: credentials, bucket name, permissions, an unsupported request."""


class StoreUnavailable(StoreError):
    """The store could not be reached, or is busy, or had an error of its own."""

    retryable = True


@dataclass(frozen=True)
class StoredObject:
    """What is known of one object: `size` in bytes; `sha256` is empty when somebody else wrote the object."""

    key: str
    size: int
    sha256: str
    media_type: str


@dataclass(frozen=True)
class ListedObject:
    """One entry of a listing: `size` in bytes; `stored_at` is when its content was last written, in UTC."""

    key: str
    size: int
    stored_at: datetime


class ObjectStore(Protocol):
    """Where media is kept. Every call may raise `StoreError`, and `ValueError` for a key that `check_key` refuses."""

    async def put(self, path: Path, *, key: str, media_type: str, sha256: str) -> None:
        """Store the file unless the key is taken: the same content there is success, another is `ObjectConflict`.

        A local object whose bytes are no longer what was once stored is made good.

        Raises `ValueError` when the file's content is not the one that `sha256` (lower-case hex) names.
        """
        ...

    async def fetch(self, key: str, to: Path) -> None:
        """Write the object to `to`, whole and checked or not at all; `ObjectMissing`, `ObjectDamaged`."""
        ...

    async def stat(self, key: str) -> StoredObject | None:
        """What is known of the object; None when there is none."""
        ...

    async def is_intact(self, key: str, *, size: int, sha256: str) -> bool:
        """Whether the object is there with this content: read and hashed where nobody else sees to that."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the object; no error when there is none."""
        ...

    async def list_objects(self, prefix: str) -> list[ListedObject]:
        """All objects whose keys start with `prefix`, by key; what is written or removed meanwhile may be missing."""
        ...

    def sign(self, key: str, *, expires: timedelta) -> str:
        """Make a GET URL that works without credentials for up to seven days (longer: `ValueError`); no network."""
        ...

    def public_url(self, key: str) -> str | None:
        """Give the lasting unsigned URL; None when the store has no public address."""
        ...

    async def check(self) -> str:
        """Write and remove a small object; one line for people that says where and that it worked."""
        ...


def check_key(key: str) -> str:
    """Return the key; `ValueError` when it could leave its folder, or would not survive a URL or a header.

    Segments are separated by `/`; empty, `.` and `..` segments, backslashes and control characters are refused.
    """
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise ValueError(f"object key is not valid Unicode: {key!r}") from error
    if not 0 < size <= MAX_KEY_BYTES:
        raise ValueError(f"object key must be 1 to {MAX_KEY_BYTES} bytes long, not {size}")
    if any(segment in ("", ".", "..") for segment in key.split("/")):
        raise ValueError(f"object key has an empty or dotted segment: {key!r}")
    if "\\" in key or any(unicodedata.category(character) == "Cc" for character in key):
        raise ValueError(f"object key has a backslash or a control character: {key!r}")
    return key


def check_lifetime(expires: timedelta) -> int:
    """Return the lifetime of a signed URL in whole seconds; `ValueError` outside 1 s to 7 days."""
    seconds = int(expires.total_seconds())
    if not 1 <= seconds <= MAX_URL_LIFETIME.total_seconds():
        raise ValueError(f"a signed URL lives 1 s to 7 days, not {expires}")
    return seconds
