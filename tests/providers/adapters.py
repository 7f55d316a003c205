"""The job adapters under one roof: each with a request it can serve, for the suites that hold for all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import SecretStr

from models.artifacts import ArtifactRef
from models.enums import AspectRatio, Provider, SyncMode
from models.requests import ImageRequest, LipsyncRequest, Lora, SpeechRequest, VideoRequest, Voice
from providers.fal import FalQueue
from providers.flux import FalImageProvider
from providers.kling import KlingVideoProvider
from providers.kling_fal import FalVideoProvider
from providers.ports import JobProvider, UrlOf
from providers.sync_so import SyncLipsyncProvider

FAL_KEY = SecretStr("made-up-id:made-up-fal-secret")
SYNC_KEY = SecretStr("made-up-sync-key")
KLING_ACCESS_KEY = SecretStr("made-up-access-key")
KLING_SECRET_KEY = SecretStr("made-up-secret-key-of-32-characters")
ELEVENLABS_KEY = SecretStr("made-up-elevenlabs-key")

KLING_ON_FAL = "fal-ai/kling-video/v2.6/pro/image-to-video"

PICTURE = ArtifactRef(key="pictures/anchor.png", media_type="image/png", size=1, sha256="0" * 64)
VIDEO = ArtifactRef(key="clips/clip.mp4", media_type="video/mp4", size=1, sha256="1" * 64)
AUDIO = ArtifactRef(key="speech/line.mp3", media_type="audio/mpeg", size=1, sha256="2" * 64)


def url_of(artifact: ArtifactRef) -> str:
    """A signed URL as our store mints them."""
    return f"https://media.example/{artifact.key}?sig=s1gned"


IMAGE_REQUEST = ImageRequest(
    model="fal-ai/flux-lora",
    prompt="DEVEN man at a desk",
    aspect_ratio=AspectRatio.LANDSCAPE,
    steps=28,
    guidance=3.5,
    seed=123456789012345678,
    lora=Lora(url="https://media.example/deven.safetensors", scale=0.0, fingerprint="f"),
)
VIDEO_REQUEST = VideoRequest(
    model=KLING_ON_FAL,
    prompt="he speaks to the camera",
    negative_prompt="blur",
    aspect_ratio=AspectRatio.LANDSCAPE,
    start_image=PICTURE,
    end_image=PICTURE,
    seconds=5,
)
KLING_REQUEST = VIDEO_REQUEST.model_copy(update={"model": "kling-v2-6"})
LIPSYNC_REQUEST = LipsyncRequest(model="lipsync-2", video=VIDEO, audio=AUDIO, sync_mode=SyncMode.LOOP)
SPEECH_REQUEST = SpeechRequest(
    text="Hello there.",
    voice=Voice(
        voice_id="vvvvvvvvvvvvvvvvvvvv",
        model="eleven_multilingual_v2",
        stability=0.0,
        similarity=0.8,
        style=0.25,
        speaker_boost=False,
        speed=1.1,
    ),
    seed=0,
)


@dataclass(frozen=True)
class Endpoint:
    """Where an adapter sends to and with which keys."""

    url: str
    fal_key: SecretStr = FAL_KEY
    sync_key: SecretStr = SYNC_KEY
    kling_access_key: SecretStr = KLING_ACCESS_KEY
    kling_secret_key: SecretStr = KLING_SECRET_KEY
    prefixes: bool = False
    """The studio serves each vendor under a prefix of its own."""

    def base(self, prefix: str) -> str:
        """The base URL of a vendor."""
        return f"{self.url}/{prefix}" if self.prefixes else self.url


Make = Callable[[httpx.AsyncClient, Endpoint, float], JobProvider[Any]]


@dataclass(frozen=True)
class Adapter:
    """One job adapter: how to make it, and what to ask of it."""

    provider: Provider
    make: Make
    request: Any
    url_of: UrlOf = url_of

    def __str__(self) -> str:
        return f"{self.provider}-{self.request.model.rpartition('/')[2]}"


def _queue(http: httpx.AsyncClient, to: Endpoint, timeout_s: float) -> FalQueue:
    return FalQueue(http, base_url=to.base("fal-queue"), key=to.fal_key, timeout_s=timeout_s)


def _image(http: httpx.AsyncClient, to: Endpoint, timeout_s: float) -> FalImageProvider:
    return FalImageProvider(_queue(http, to, timeout_s))


def _video(http: httpx.AsyncClient, to: Endpoint, timeout_s: float) -> FalVideoProvider:
    return FalVideoProvider(_queue(http, to, timeout_s))


def _kling(http: httpx.AsyncClient, to: Endpoint, timeout_s: float) -> KlingVideoProvider:
    return KlingVideoProvider(
        http,
        base_url=to.base("kling"),
        access_key=to.kling_access_key,
        secret_key=to.kling_secret_key,
        timeout_s=timeout_s,
    )


def _sync(http: httpx.AsyncClient, to: Endpoint, timeout_s: float) -> SyncLipsyncProvider:
    return SyncLipsyncProvider(http, base_url=to.base("sync"), key=to.sync_key, timeout_s=timeout_s)


FAL_IMAGE = Adapter(Provider.FAL, _image, IMAGE_REQUEST)
FAL_VIDEO = Adapter(Provider.FAL, _video, VIDEO_REQUEST)
KLING = Adapter(Provider.KLING, _kling, KLING_REQUEST)
SYNC = Adapter(Provider.SYNC, _sync, LIPSYNC_REQUEST)
ADAPTERS = [FAL_IMAGE, FAL_VIDEO, KLING, SYNC]
