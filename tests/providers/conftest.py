import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from models.artifacts import ArtifactRef
from models.requests import SpeechRequest
from providers.clients import vendor_client
from providers.elevenlabs import ElevenLabsSpeechProvider
from providers.guard import guarded_client
from providers.ports import Downloaded, Finished, JobProvider
from providers.web import GuardedWebFetcher
from tests.providers.adapters import KLING, PICTURE, SPEECH_REQUEST, VIDEO, Adapter, Endpoint
from tests.providers.wire import Received, Wire, reply, serving
from tests.support.studio import (
    ELEVENLABS_KEY,
    FAL_KEY,
    KLING_ACCESS_KEY,
    KLING_SECRET_KEY,
    SYNC_KEY,
    VOICE,
    Studio,
)

SPEECH = SPEECH_REQUEST.model_copy(update={"voice": SPEECH_REQUEST.voice.model_copy(update={"voice_id": VOICE})})


@dataclass
class Bench:
    """The adapters against the studio, with the media that they pass on."""

    studio: Studio
    http: httpx.AsyncClient
    to: Endpoint
    media: dict[str, bytes] = field(default_factory=dict[str, bytes])
    files: Wire = field(default_factory=Wire)

    def provider(
        self, adapter: Adapter, *, timeout_s: float = 30.0, keys: Mapping[str, SecretStr] | None = None
    ) -> JobProvider[Any]:
        """The adapter itself; `keys` replace its good ones."""
        return adapter.make(self.http, replace(self.to, **(keys or {})), timeout_s)

    def speech(self, *, timeout_s: float = 30.0, key: str = ELEVENLABS_KEY) -> ElevenLabsSpeechProvider:
        """The speech adapter."""
        base = self.to.base("elevenlabs")
        return ElevenLabsSpeechProvider(self.http, base_url=base, key=SecretStr(key), timeout_s=timeout_s)

    def request(self, adapter: Adapter) -> Any:
        """The adapter's request, with the studio's LoRA where it takes one."""
        lora = getattr(adapter.request, "lora", None)
        if lora is None:
            return adapter.request
        changed = lora.model_copy(update={"url": self.studio.lora_url(), "scale": 1.0})
        return adapter.request.model_copy(update={"lora": changed})

    def url_of(self, artifact: ArtifactRef) -> str:
        """A signed URL of one of the media."""
        return f"{self.files.url}/{artifact.key}?sig=s1gned"

    async def submit(self, adapter: Adapter, key: str, **options: Any) -> str:
        """Submit the adapter's request under `key`."""
        return await self.provider(adapter, **options).submit(self.request(adapter), key=key, url_of=self.url_of)

    async def finish(self, adapter: Adapter, request_id: str) -> Finished:
        """Poll until the job is over."""
        provider = self.provider(adapter)
        async with asyncio.timeout(60):
            while True:
                state = await provider.poll(self.request(adapter), request_id)
                if isinstance(state, Finished):
                    return state
                await asyncio.sleep(0.02)

    async def download(self, url: str, to: Path) -> Downloaded:
        """Fetch an output as Devatar does."""
        async with guarded_client(frozenset({self.studio.url})) as client:
            return await GuardedWebFetcher(client, timeout_s=20).download(url, to, max_bytes=50_000_000)

    def posts(self, adapter: Adapter) -> list[dict[str, Any]]:
        """The paid requests that the studio received of an adapter."""
        return [request for request in self.studio.requests(adapter.provider) if request["method"] == "POST"]


@pytest_asyncio.fixture(scope="session")
async def media(running_studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A picture, a clip and a line of speech by their keys, made once by the studio."""
    folder = tmp_path_factory.mktemp("media")
    made: dict[str, bytes] = {}
    async with vendor_client() as http, serving(lambda request: _serve(made, request)) as files:
        bench = Bench(running_studio, http, _endpoint(running_studio), made, files)
        picture = await bench.download(running_studio.picture_url(), folder / "picture")
        made[PICTURE.key] = await asyncio.to_thread(picture.path.read_bytes)
        clip = await bench.finish(KLING, await bench.submit(KLING, "media"))
        film = await bench.download(clip.url, folder / "clip")
        made[VIDEO.key] = await asyncio.to_thread(film.path.read_bytes)
        request: SpeechRequest = SPEECH
        made["speech/line.mp3"] = (await bench.speech().synthesize(request)).audio
    return made


@pytest_asyncio.fixture
async def bench(studio: Studio, media: dict[str, bytes]) -> AsyncGenerator[Bench]:
    """The adapters against an empty studio."""
    studio.reset()
    async with vendor_client() as http, serving(lambda request: _serve(media, request)) as files:
        yield Bench(studio, http, _endpoint(studio), media, files)


def _serve(media: dict[str, bytes], request: Received) -> bytes:
    return reply(200, media[request.target.removeprefix("/").partition("?")[0]])


def _endpoint(studio: Studio) -> Endpoint:
    return Endpoint(
        studio.url,
        fal_key=SecretStr(FAL_KEY),
        sync_key=SecretStr(SYNC_KEY),
        kling_access_key=SecretStr(KLING_ACCESS_KEY),
        kling_secret_key=SecretStr(KLING_SECRET_KEY),
        prefixes=True,
    )
