"""Clips by Kling on fal."""

from dataclasses import dataclass

from pydantic import BaseModel

from models.enums import FailureCode, Provider
from models.requests import VideoRequest
from providers.errors import ProviderError
from providers.fal import VENDOR, FalQueue
from providers.http_errors import answer_lost, parse, unreadable
from providers.kling import check_length
from providers.ports import Finished, UrlOf, Waiting


@dataclass(frozen=True)
class KlingEndpoint:
    """How one Kling endpoint names its inputs, and whether it makes a soundtrack unless told not to."""

    image_field: str
    end_image_field: str | None = None
    has_audio: bool = False


_KLING = "fal-ai/kling-video"
_V26 = KlingEndpoint("start_image_url", "end_image_url", has_audio=True)

# The input schemas of fal's model pages, for the models of `domain.video_models`.
ENDPOINTS = {
    f"{_KLING}/v1/standard/image-to-video": KlingEndpoint("image_url", "tail_image_url"),
    f"{_KLING}/v2.1/standard/image-to-video": KlingEndpoint("image_url"),
    f"{_KLING}/v2.5-turbo/standard/image-to-video": KlingEndpoint("image_url"),
    f"{_KLING}/v2.5-turbo/pro/image-to-video": KlingEndpoint("image_url", "tail_image_url"),
    f"{_KLING}/v2.6/pro/image-to-video": _V26,
    f"{_KLING}/v3/standard/image-to-video": _V26,
    f"{_KLING}/v3/pro/image-to-video": _V26,
}


class _Video(BaseModel):
    url: str


class _Output(BaseModel):
    video: _Video


class FalVideoProvider:
    """Kling through fal's queue. fal knows no idempotency key: a lost answer stays unknown."""

    provider = Provider.FAL

    def __init__(self, queue: FalQueue) -> None:
        self._queue = queue

    async def submit(self, request: VideoRequest, *, key: str, url_of: UrlOf, callback_url: str | None = None) -> str:
        """Buy one clip and return fal's request id; an end image is left out where the model takes none."""
        return await self._queue.buy(request.model, _arguments(request, url_of), callback_url)

    async def recover(self, request: VideoRequest, *, key: str, url_of: UrlOf) -> str | None:
        """Raises `outcome_unknown`: fal cannot look a job up by anything that we know."""
        raise answer_lost(VENDOR, "cannot tell whether the job was created; look at the dashboard's request history")

    async def poll(self, request: VideoRequest, request_id: str) -> Waiting | Finished:
        """Ask once."""
        answer = await self._queue.fetch(request.model, request_id)
        if isinstance(answer, Waiting):
            return answer
        output = parse(_Output, answer.content)
        if output is None:
            raise unreadable(VENDOR, paid=False, status=200)
        return Finished(output.video.url, actual_cost_micros=answer.actual_cost_micros)

    async def cancel(self, request: VideoRequest, request_id: str) -> None:
        """Take the job out of the queue; success when it is already over."""
        await self._queue.stop(request.model, request_id)

    async def check(self) -> str:
        """A free call that proves address and key."""
        return await self._queue.check()


def _arguments(request: VideoRequest, url_of: UrlOf) -> dict[str, object]:
    endpoint = ENDPOINTS.get(request.model)
    if endpoint is None:
        known = ", ".join(ENDPOINTS)
        raise ProviderError(FailureCode.INVALID_REQUEST, f"fal: no Kling endpoint {request.model!r}; known: {known}")
    check_length(Provider.FAL, request)
    arguments: dict[str, object] = {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        endpoint.image_field: url_of(request.start_image),
        "duration": str(request.seconds),
    }
    if request.end_image and endpoint.end_image_field:
        arguments[endpoint.end_image_field] = url_of(request.end_image)
    if endpoint.has_audio:
        arguments["generate_audio"] = False
    return arguments
