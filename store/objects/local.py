"""Objects in a folder, for the embedded mode: the contract of the real store, on one machine.

An object is a folder named by the hash of its key that holds the content and `meta.json`. It is made elsewhere and
renamed into place: a rename onto a folder that is not empty fails, so of many racers one wins, and a crash leaves
either nothing or the whole object. Served over HTTP by `runtime.file_server`.
"""

import hashlib
import hmac
import json
import shutil
import threading
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from urllib.parse import quote

from pydantic import SecretStr

from store.objects.files import Stopped, copy_hashed, run_stoppable, sync_file, sync_folder, written_whole
from store.objects.port import (
    ListedObject,
    ObjectConflict,
    ObjectDamaged,
    ObjectMissing,
    StoredObject,
    StoreRefused,
    StoreUnavailable,
    check_key,
    check_lifetime,
)

_ABANDONED_AFTER_S = 24 * 3600  # no copy takes that long: what is older was left by a crash


class Signature(Enum):
    """What a signed URL's query is worth."""

    GOOD = "good"
    BAD = "bad"
    EXPIRED = "expired"


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except PermissionError as error:
        raise StoreRefused(f"object store folder: {error.strerror}: {error.filename}") from error
    except OSError as error:
        raise StoreUnavailable(f"object store folder: {error.strerror or error}: {error.filename}") from error


class LocalObjectStore:
    """An `ObjectStore` in the folder `root`; signed URLs start with `base_url` (that of the file server)."""

    def __init__(self, root: Path, base_url: str, signing_key: SecretStr) -> None:
        if not signing_key.get_secret_value():
            raise ValueError("the signing key of the local object store is empty")
        self._objects = root / "objects"
        self._incoming = root / "incoming"
        self._base_url = base_url.rstrip("/")
        self._secret = signing_key.get_secret_value().encode()

    def path_of(self, key: str) -> Path:
        """Where the content of this key stands, or would stand; its name keeps the key's extension."""
        suffix = Path(check_key(key)).suffix
        name = f"content{suffix}" if suffix[1:].isalnum() and len(suffix) <= 10 and suffix.isascii() else "content"
        return self._folder_of(key) / name

    async def put(self, path: Path, *, key: str, media_type: str, sha256: str) -> None:
        """See `ObjectStore.put`."""
        check_key(key)
        await run_stoppable(lambda stop: self._put(path, key, media_type, sha256, stop))

    async def fetch(self, key: str, to: Path) -> None:
        """See `ObjectStore.fetch`."""
        check_key(key)
        await run_stoppable(lambda stop: self._fetch(key, to, stop))

    async def stat(self, key: str) -> StoredObject | None:
        """See `ObjectStore.stat`."""
        check_key(key)
        return await run_stoppable(lambda _: self.look_up(key))

    async def is_intact(self, key: str, *, size: int, sha256: str) -> bool:
        """See `ObjectStore.is_intact`; nobody looks after a folder's bytes, so they are read."""
        check_key(key)
        return await run_stoppable(lambda stop: self._is_intact(key, size, sha256, stop))

    async def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        check_key(key)
        await run_stoppable(lambda _: self._delete(key))

    async def list_objects(self, prefix: str) -> list[ListedObject]:
        """See `ObjectStore.list_objects`; reads what stands beside each object, since folders are named by hashes."""
        return await run_stoppable(lambda stop: self._list(prefix, stop))

    def sign(self, key: str, *, expires: timedelta) -> str:
        """See `ObjectStore.sign`; the URL serves GET and HEAD."""
        until = int(time.time()) + check_lifetime(expires)
        return f"{self._base_url}/objects/{quote(check_key(key))}?expires={until}&signature={self._mac(key, until)}"

    def public_url(self, key: str) -> str | None:
        """Give None: a folder has no public address."""
        check_key(key)

    async def check(self) -> str:
        """See `ObjectStore.check`; also clears what crashed writers left more than a day ago."""
        return await run_stoppable(lambda _: self._check())

    def verify(self, key: str, *, expires: str, signature: str) -> Signature:
        """Judge the query of a signed URL, in constant time as to the signature."""
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12 and signature.isascii()):
            return Signature.BAD
        if not hmac.compare_digest(self._mac(key, int(expires)), signature):
            return Signature.BAD
        return Signature.GOOD if time.time() < int(expires) else Signature.EXPIRED

    def look_up(self, key: str) -> StoredObject | None:
        """Blocking form of `stat`, for the file server's threads."""
        with _translated():
            try:
                meta = json.loads((self._folder_of(key) / "meta.json").read_bytes())
                size = self.path_of(key).stat().st_size
            except FileNotFoundError:
                return None
        return StoredObject(key=key, size=size, sha256=meta["sha256"], media_type=meta["media_type"])

    def _folder_of(self, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()
        return self._objects / name[:2] / name

    def _mac(self, key: str, until: int) -> str:
        return hmac.new(self._secret, f"{until}\n{key}".encode(), hashlib.sha256).hexdigest()

    def _put(self, path: Path, key: str, media_type: str, sha256: str, stop: threading.Event) -> None:
        with path.open("rb") as source, _translated():
            staged = self._incoming / uuid.uuid4().hex
            staged.mkdir(parents=True)
            try:
                with (staged / self.path_of(key).name).open("xb") as sink:
                    actual = copy_hashed(source, sink, stop)
                    sync_file(sink)
                if actual != sha256:
                    raise ValueError(f"{path.name} has SHA-256 {actual}, not {sha256}")
                self._publish(staged, key, {"key": key, "sha256": sha256, "media_type": media_type}, stop)
            finally:
                shutil.rmtree(staged, ignore_errors=True)

    def _publish(self, staged: Path, key: str, meta: dict[str, str], stop: threading.Event) -> None:
        with (staged / "meta.json").open("xb") as sink:
            sink.write(json.dumps(meta, ensure_ascii=False, indent=2).encode())
            sync_file(sink)
        sync_folder(staged)
        folder = self._folder_of(key)
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            staged.rename(folder)
        except OSError:
            present = self.look_up(key)
            if present is None:
                raise
            if present.sha256 != meta["sha256"]:
                raise ObjectConflict(f"{key} already holds SHA-256 {present.sha256}, not {meta['sha256']}") from None
            if not self._is_intact(key, present.size, present.sha256, stop):
                self._delete(key)
                staged.rename(folder)
        sync_folder(folder.parent)
        sync_folder(self._objects)

    def _is_intact(self, key: str, size: int, sha256: str, stop: threading.Event) -> bool:
        found = self.look_up(key)
        if found is None or (found.size, found.sha256) != (size, sha256):
            return False
        with _translated(), self.path_of(key).open("rb") as source:
            return copy_hashed(source, None, stop) == sha256

    def _fetch(self, key: str, to: Path, stop: threading.Event) -> None:
        found = self.look_up(key)
        if found is None:
            raise ObjectMissing(f"no object {key}")
        with _translated(), self.path_of(key).open("rb") as source, written_whole(to) as sink:
            actual = copy_hashed(source, sink, stop)
            if actual != found.sha256:
                raise ObjectDamaged(f"{key} has SHA-256 {actual}, recorded was {found.sha256}")

    def _delete(self, key: str) -> None:
        with _translated():
            self._incoming.mkdir(parents=True, exist_ok=True)
            removed = self._incoming / uuid.uuid4().hex
            try:
                self._folder_of(key).rename(removed)
            except FileNotFoundError:
                return
            shutil.rmtree(removed, ignore_errors=True)

    def _list(self, prefix: str, stop: threading.Event) -> list[ListedObject]:
        found: list[ListedObject] = []
        with _translated():
            for meta in self._objects.glob("*/*/meta.json"):
                if stop.is_set():
                    raise Stopped
                try:
                    key = json.loads(meta.read_bytes())["key"]
                    content = self.path_of(key).stat()
                except FileNotFoundError:
                    continue  # removed meanwhile
                if key.startswith(prefix):
                    found.append(ListedObject(key, content.st_size, datetime.fromtimestamp(content.st_mtime, UTC)))
        return sorted(found, key=lambda listed: listed.key)

    def _check(self) -> str:
        with _translated():
            self._incoming.mkdir(parents=True, exist_ok=True)
            probe = self._incoming / uuid.uuid4().hex
            probe.write_bytes(b"devatar")
            probe.unlink()
            for left in self._incoming.iterdir():
                if time.time() - left.stat().st_mtime > _ABANDONED_AFTER_S:
                    shutil.rmtree(left, ignore_errors=True)
            free_gib = shutil.disk_usage(self._incoming).free / 2**30
        return f"folder {self._objects}: writable, {free_gib:.1f} GiB free"
