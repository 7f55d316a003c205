"""Pictures by Flux on fal, with or without a LoRA."""

from pydantic import BaseModel

from models.enums import AspectRatio, FailureCode, Provider
from models.requests import ImageRequest
from providers.errors import Delivery, ProviderError
from providers.fal import VENDOR, FalQueue, FalResult
from providers.http_errors import answer_lost, gone, parse, unreadable
from providers.ports import Finished, UrlOf, Waiting

LORA_MODEL = "fal-ai/flux-lora"

# Flux models served by fal; all take the same input, except that only the first takes LoRAs.
MODELS = frozenset({LORA_MODEL, "fal-ai/flux/dev", "fal-ai/flux/schnell"})

_IMAGE_SIZES = {
    AspectRatio.LANDSCAPE: "landscape_16_9",
    AspectRatio.PORTRAIT: "portrait_16_9",
    AspectRatio.SQUARE: "square_hd",
}


class _Image(BaseModel):
    url: str


class _Output(BaseModel):
    images: list[_Image]
    seed: int | None = None
    has_nsfw_concepts: list[bool] = []


class FalImageProvider:
    """Flux through fal's queue. fal knows no idempotency key: a lost answer stays unknown."""

    provider = Provider.FAL

    def __init__(self, queue: FalQueue) -> None:
        self._queue = queue

    async def submit(self, request: ImageRequest, *, key: str, url_of: UrlOf, callback_url: str | None = None) -> str:
        """Buy one picture and return fal's request id."""
        return await self._queue.buy(request.model, _arguments(request), callback_url)

    async def recover(self, request: ImageRequest, *, key: str, url_of: UrlOf) -> str | None:
        """Raises `outcome_unknown`: fal cannot look a job up by anything that we know."""
        raise answer_lost(VENDOR, "cannot tell whether the job was created; look at the dashboard's request history")

    async def poll(self, request: ImageRequest, request_id: str) -> Waiting | Finished:
        """Ask once. A picture that the safety checker flagged is black: the job ended as `content_refused`."""
        try:
            answer = await self._queue.fetch(request.model, request_id)
        except ProviderError as error:
            if request.lora and error.vendor_code == "file_download_error":  # the LoRA is the only file fal fetches
                raise gone(error, FailureCode.LORA_NOT_FOUND) from None
            raise
        if isinstance(answer, Waiting):
            return answer
        output = parse(_Output, answer.content)
        if output is None:
            raise unreadable(VENDOR, paid=False, status=200)
        if any(output.has_nsfw_concepts):
            raise _ended(FailureCode.CONTENT_REFUSED, "the safety checker flagged the picture", answer)
        if not output.images:
            raise _ended(FailureCode.MEDIA_INVALID, "the job completed without a picture", answer)
        return Finished(output.images[0].url, output.seed, answer.actual_cost_micros)

    async def cancel(self, request: ImageRequest, request_id: str) -> None:
        """Take the job out of the queue; success when it is already over."""
        await self._queue.stop(request.model, request_id)

    async def check(self) -> str:
        """A free call that proves address and key."""
        return await self._queue.check()


def _arguments(request: ImageRequest) -> dict[str, object]:
    if request.model not in MODELS:
        raise ProviderError(
            FailureCode.INVALID_REQUEST, f"fal: no Flux model {request.model!r}; known: {sorted(MODELS)}"
        )
    if request.lora and request.model != LORA_MODEL:
        raise ProviderError(FailureCode.INVALID_REQUEST, f"fal: {request.model} takes no LoRA, {LORA_MODEL} does")
    arguments: dict[str, object] = {
        "prompt": request.prompt,
        "image_size": _IMAGE_SIZES[request.aspect_ratio],
        "num_inference_steps": request.steps,
        "guidance_scale": request.guidance,
        "num_images": 1,
        "output_format": "png",
        "enable_safety_checker": request.safety_checker,
    }
    if request.seed is not None:
        arguments["seed"] = request.seed
    if request.lora:
        arguments["loras"] = [{"path": request.lora.url, "scale": request.lora.scale}]
    return arguments


def _ended(code: FailureCode, detail: str, result: FalResult) -> ProviderError:
    """fal answered with success, so it charged, whatever the output is worth."""
    return ProviderError(
        code,
        f"{VENDOR}: {detail}",
        delivery=Delivery.JOB_ENDED,
        charged=True,
        actual_cost_micros=result.actual_cost_micros,
    )
