"""One short call of each kind to each vendor, for tests that hold for all of them."""

import time
from dataclasses import dataclass
from typing import Any

import httpx
import jwt

from tests.support.studio import ELEVENLABS_KEY, FAL_KEY, KLING_ACCESS_KEY, KLING_SECRET_KEY, SYNC_KEY, VOICE, Studio

# Jobs whose inputs cannot be fetched: they are accepted and billed like any other, and cost no computing.
NOWHERE = "http://127.0.0.1:9/nothing"
POLL_S = 0.03


@dataclass(frozen=True)
class Vendor:
    """Where a vendor takes a job and how to ask for one. `body` is quick to make."""

    name: str
    submit_path: str
    body: dict[str, Any]
    headers: dict[str, str]

    async def submit(
        self, studio: Studio, http: httpx.AsyncClient, *, timeout_s: float = 30.0, **more: Any
    ) -> httpx.Response:
        """Submits the vendor's job."""
        url = studio.url + self.submit_path
        return await http.post(url, json=self.body | more, headers=self.headers, timeout=timeout_s)


def vendors() -> dict[str, Vendor]:
    """All vendors with good credentials."""
    claims = {"iss": KLING_ACCESS_KEY, "exp": int(time.time()) + 1800, "nbf": int(time.time()) - 5}
    kling = jwt.encode(claims, KLING_SECRET_KEY, algorithm="HS256")
    portrait = {"prompt": "deven, in a blue shirt", "image_size": {"width": 456, "height": 256}}
    film = {"model": "lipsync-2", "input": [{"type": "video", "url": NOWHERE}, {"type": "audio", "url": NOWHERE}]}
    speech = {"text": "Hello."}
    rows = [
        Vendor("fal", "/fal-queue/fal-ai/flux/schnell", portrait, {"Authorization": f"Key {FAL_KEY}"}),
        Vendor("elevenlabs", f"/elevenlabs/v1/text-to-speech/{VOICE}", speech, {"xi-api-key": ELEVENLABS_KEY}),
        Vendor("sync", "/sync/v2/generate", film, {"x-api-key": SYNC_KEY}),
        Vendor("kling", "/kling/v1/videos/image2video", {"image": NOWHERE}, {"Authorization": f"Bearer {kling}"}),
    ]
    return {row.name: row for row in rows}
