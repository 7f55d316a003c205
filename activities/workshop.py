"""Local files on their way into the object store: a scratch folder, measured, hashed and put."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from domain.keys import artifact_key
from domain.media_types import extension_of
from media.probe import measure_audio, measure_picture, measure_video
from models.artifacts import ArtifactRef
from store.objects.port import ObjectStore


class Workshop:
    """Brings objects to local disk and files into the store."""

    def __init__(self, objects: ObjectStore, scratch: Path) -> None:
        self._objects = objects
        self._scratch = scratch

    @asynccontextmanager
    async def bench(self) -> AsyncGenerator[Path]:
        """A folder that is gone after the block."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            yield Path(folder)

    async def fetch(self, artifact: ArtifactRef, to: Path) -> Path:
        """Bring an artifact to local disk, whole and checked."""
        await self._objects.fetch(artifact.key, to)
        return to

    async def describe(self, path: Path, media_type: str) -> ArtifactRef:
        """What the file would be in the store, without putting it there. Raises MediaInvalid as `keep` does."""
        return await asyncio.to_thread(_describe, path, media_type)

    async def keep(self, path: Path, media_type: str) -> ArtifactRef:
        """Measure, hash and put a file. Raises MediaInvalid for a file that is not the media it should be."""
        ref = await self.describe(path, media_type)
        await self._objects.put(path, key=ref.key, media_type=media_type, sha256=ref.sha256)
        return ref

    async def has(self, key: str) -> bool:
        """Whether the object is there."""
        return await self._objects.stat(key) is not None

    async def forget(self, key: str) -> None:
        """Remove an object that nothing refers to any more."""
        await self._objects.delete(key)


def _describe(path: Path, media_type: str) -> ArtifactRef:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    key = artifact_key(sha256, extension_of(media_type))
    ref = ArtifactRef(key=key, media_type=media_type, size=path.stat().st_size, sha256=sha256)
    kind = media_type.split("/")[0]
    if kind == "audio":
        return ref.model_copy(update={"duration_s": measure_audio(path).duration_s})
    if kind == "image":
        picture = measure_picture(path)
        return ref.model_copy(update={"width": picture.width, "height": picture.height})
    if kind == "video":
        video = measure_video(path)
        facts = {"duration_s": video.video_duration_s, "width": video.width, "height": video.height}
        return ref.model_copy(update=facts)
    return ref
