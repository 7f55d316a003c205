"""Objects in R2, or any other S3: boto3 in threads, with our own SHA-256 kept as metadata.

boto3 never retries here: the caller's retries are the only ones, so that each attempt can be seen.
"""

import io
import threading
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import quote

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as NotConnectedError
from pydantic import SecretStr

from store.objects.files import Readable, Stopped, copy_hashed, run_stoppable, written_whole
from store.objects.port import (
    ListedObject,
    ObjectConflict,
    ObjectDamaged,
    ObjectMissing,
    StoredObject,
    StoreError,
    StoreRefused,
    StoreUnavailable,
    check_key,
    check_lifetime,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MIB = 1024 * 1024
SINGLE_PUT_BYTES = 64 * MIB  # up to here one request, which alone can be conditional; S3's own limit is 5 GiB
PART_BYTES = 16 * MIB  # R2 wants equal parts; 10,000 of them are 160 GB
_CONNECT_TIMEOUT_S = 10
_READ_TIMEOUT_S = 60
_BUSY = frozenset({"409", "429", "ConditionalRequestConflict", "OperationAborted", "SlowDown", "TooManyRequests"})


def r2_endpoint(account_id: str) -> str:
    """Give the S3 address of a Cloudflare account without jurisdiction."""
    return f"https://{account_id}.r2.cloudflarestorage.com"


class S3ObjectStore:
    """An `ObjectStore` in one bucket. `public_url` is the bucket's public address, when it has one.

    Objects above `single_put_bytes` go up in parts: there "only when absent" is a look before, not an atomic step.
    """

    def __init__(
        self,
        *,
        endpoint_url: str,
        bucket: str,
        access_key_id: str,
        secret_access_key: SecretStr,
        region: str = "auto",
        public_url: str | None = None,
        single_put_bytes: int = SINGLE_PUT_BYTES,
        part_bytes: int = PART_BYTES,
    ) -> None:
        self._bucket = bucket
        self._endpoint_url = endpoint_url
        self._public_url = public_url.rstrip("/") if public_url else None
        self._single_put_bytes = single_put_bytes
        self._parts = TransferConfig(
            multipart_threshold=1, multipart_chunksize=part_bytes, max_concurrency=4, num_download_attempts=1
        )
        session = cast("Any", Session())  # its stubs know only S3 and are "unknown" for the rest
        self._client: S3Client = session.client(
            "s3",
            endpoint_url=endpoint_url,
            region_name=region,
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret_access_key.get_secret_value(),
            config=Config(
                signature_version="s3v4",
                # R2 has refused the checksum trailers that boto3 sends by default over https.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                retries={"mode": "standard", "total_max_attempts": 1},
                connect_timeout=_CONNECT_TIMEOUT_S,
                read_timeout=_READ_TIMEOUT_S,
                s3={"addressing_style": "path"},
            ),
        )

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
        return await run_stoppable(lambda _: self._stat(key))

    async def is_intact(self, key: str, *, size: int, sha256: str) -> bool:
        """See `ObjectStore.is_intact`; a bucket sees to its bytes, and what others write there lacks our hash."""
        found = await self.stat(key)
        return found is not None and (found.size, found.sha256) == (size, sha256)

    async def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        check_key(key)
        await run_stoppable(lambda _: self._delete(key))

    async def list_objects(self, prefix: str) -> list[ListedObject]:
        """See `ObjectStore.list_objects`; one request for each thousand."""
        return await run_stoppable(lambda stop: self._list(prefix, stop))

    def sign(self, key: str, *, expires: timedelta) -> str:
        """See `ObjectStore.sign`; the URL serves GET only, since the method is part of the signature."""
        params = {"Bucket": self._bucket, "Key": check_key(key)}
        with _translated(f"sign {key}"):
            return self._client.generate_presigned_url("get_object", Params=params, ExpiresIn=check_lifetime(expires))

    def public_url(self, key: str) -> str | None:
        """See `ObjectStore.public_url`."""
        quoted = quote(check_key(key))
        return f"{self._public_url}/{quoted}" if self._public_url else None

    async def check(self) -> str:
        """See `ObjectStore.check`."""
        return await run_stoppable(lambda _: self._check())

    def close(self) -> None:
        """Close the pooled connections."""
        self._client.close()

    def _put(self, path: Path, key: str, media_type: str, sha256: str, stop: threading.Event) -> None:
        with _StoppableFile(path, stop) as source:
            actual = copy_hashed(source, None, stop)
            if actual != sha256:
                raise ValueError(f"{path.name} has SHA-256 {actual}, not {sha256}")
            if source.tell() <= self._single_put_bytes:
                source.seek(0)
                return self._put_single(source, key, media_type, sha256)
        return self._put_parts(path, key, media_type, sha256, stop)

    def _put_single(self, body: IO[bytes], key: str, media_type: str, sha256: str) -> None:
        try:
            with _translated(f"put {key}"):
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=body,
                    ContentType=media_type,
                    Metadata={"sha256": sha256},
                    IfNoneMatch="*",
                )
        except ObjectConflict:
            # Perhaps our own earlier write, whose answer was lost.
            if not self._holds(key, sha256):
                raise StoreUnavailable(f"put {key}: the object that stood in the way is gone") from None

    def _put_parts(self, path: Path, key: str, media_type: str, sha256: str, stop: threading.Event) -> None:
        if self._holds(key, sha256):
            return

        def count(_: int) -> None:
            if stop.is_set():
                raise Stopped

        with _translated(f"put {key}"):
            self._client.upload_file(
                str(path),
                self._bucket,
                key,
                ExtraArgs={"ContentType": media_type, "Metadata": {"sha256": sha256}},
                Callback=count,
                Config=self._parts,
            )

    def _holds(self, key: str, sha256: str) -> bool:
        """Say whether the key holds this content; `ObjectConflict` when it holds another."""
        present = self._stat(key)
        if present is not None and present.sha256 != sha256:
            raise ObjectConflict(f"{key} already holds SHA-256 {present.sha256 or 'unknown'}, not {sha256}")
        return present is not None

    def _fetch(self, key: str, to: Path, stop: threading.Event) -> None:
        with _translated(f"fetch {key}"):
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            with answer["Body"] as body, written_whole(to) as sink:
                actual = copy_hashed(cast("Readable", body), sink, stop)
                recorded = answer["Metadata"].get("sha256", "")
                if actual != recorded:
                    raise ObjectDamaged(f"{key} has SHA-256 {actual}, recorded was {recorded or 'none'}")

    def _stat(self, key: str) -> StoredObject | None:
        try:
            with _translated(f"stat {key}"):
                head = self._client.head_object(Bucket=self._bucket, Key=key)
        except ObjectMissing:
            return None
        sha256 = head["Metadata"].get("sha256", "")
        return StoredObject(key=key, size=head["ContentLength"], sha256=sha256, media_type=head.get("ContentType", ""))

    def _delete(self, key: str) -> None:
        with _translated(f"delete {key}"):
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def _list(self, prefix: str, stop: threading.Event) -> list[ListedObject]:
        found: list[ListedObject] = []
        with _translated(f"list {prefix}"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                if stop.is_set():
                    raise Stopped
                entries = cast("list[dict[str, Any]]", page.get("Contents", []))  # the stubs know no field for sure
                found += [ListedObject(entry["Key"], entry["Size"], entry["LastModified"]) for entry in entries]
        return sorted(found, key=lambda listed: listed.key)

    def _check(self) -> str:
        key = f"devatar-check/{uuid.uuid4().hex}"  # a key of its own: R2 takes one write per second and key
        started = time.monotonic()
        with _translated("check"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=b"devatar", ContentType="text/plain")
            self._client.delete_object(Bucket=self._bucket, Key=key)
        took_ms = (time.monotonic() - started) * 1000
        return f"bucket {self._bucket} at {self._endpoint_url}: writable ({took_ms:.0f} ms)"


class _StoppableFile(io.FileIO):
    """A request body that ends the request when nobody waits for it any more."""

    def __init__(self, path: Path, stop: threading.Event) -> None:
        super().__init__(path)
        self._stop = stop

    def read(self, size: int | None = -1, /) -> bytes:
        if self._stop.is_set():
            raise Stopped
        return super().read(size)


@contextmanager
def _translated(what: str) -> Generator[None]:
    """Turn boto's errors into ours; the text is the vendor's code and words, which hold no URL and no secret."""
    try:
        yield
    except ClientError as error:
        raise _error_of(what, error) from None
    except Boto3Error as error:
        # upload_file wraps what the server said and leaves it as the context.
        cause = error.__context__
        raise (
            _error_of(what, cause) if isinstance(cause, ClientError) else StoreUnavailable(f"{what}: {error}")
        ) from None
    except (NotConnectedError, HTTPClientError, IncompleteReadError) as error:
        raise StoreUnavailable(f"{what}: {type(error).__name__}") from None
    except BotoCoreError as error:
        raise StoreRefused(f"{what}: {error}") from None


def _error_of(what: str, error: ClientError) -> StoreError:
    answer = cast("dict[str, Any]", error.response)
    code = str(answer.get("Error", {}).get("Code", ""))
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    text = f"{what}: {status} {code} {answer.get('Error', {}).get('Message', '')}".rstrip()
    if code in ("404", "NoSuchKey"):
        return ObjectMissing(text)
    if code in ("412", "PreconditionFailed"):
        return ObjectConflict(text)
    if (status >= 500 and status != 501) or status in (409, 429) or code in _BUSY:
        return StoreUnavailable(text)
    return StoreRefused(text)
