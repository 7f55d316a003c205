"""What fal's models do: pictures, clips and lipsynced films from validated inputs. Failures are in fal's model form."""

import asyncio
import hashlib
from typing import Any

from studio.context import LEAST_PICTURE_SIDE, Context, JobFailedError
from studio.fetch import FetchError
from studio.makers import (
    BadMediaError,
    PictureFacts,
    make_clip,
    make_lipsync,
    make_portrait,
    media_facts,
    picture_facts,
)
from studio.prices import Charge, lipsync_charge
from studio.state import Job, JsonObject, canonical
from studio.vendors.fal_models import MODELS, FluxInput, FluxLoraInput
from studio.vendors.lora import WrongArchitectureError, fingerprint

MIN_SIDE = 300
MAX_RATIO = 2.5
MAX_PICTURE_BYTES = 50 * 1024 * 1024
MAX_AUDIO_S = 300.5  # five minutes and the padding of an MP3
PICTURE_FORMATS = frozenset({"PNG", "JPEG", "WEBP"})


def model_error(
    field: list[str | int], message: str, kind: str, *, status: int = 422, billed: bool = False, retryable: bool = False
) -> JobFailedError:
    """A failure in the list form of fal's models."""
    detail = [
        {
            "loc": ["body", *field],
            "msg": message,
            "type": kind,
            "url": f"https://docs.fal.ai/errors/#{kind}",
            "input": None,
        }
    ]
    failure: JsonObject = {
        "status": status,
        "body": {"detail": detail},
        "headers": {"X-Fal-Retryable": str(retryable).lower()},
        "error": message,
        "error_type": kind,
    }
    return JobFailedError(failure, billed=billed)


def derived_seed(body: JsonObject) -> int:
    """The seed of a request that names none: 18 digits, the same for the same request."""
    digest = hashlib.sha256(canonical(body).encode()).digest()
    return 10**17 + int.from_bytes(digest[:8]) % (9 * 10**17)


class FalWork:
    """The work behind each kind of model."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def face_of(self, body: FluxInput) -> str:
        """The fingerprints of all LoRAs in use; empty when there is none. Raises JobFailedError."""
        loras = body.loras if isinstance(body, FluxLoraInput) else []
        faces: list[str] = []
        for index, lora in enumerate(loras):
            field: list[str | int] = ["loras", index, "path"]
            try:
                print_of_face = await fingerprint(self._context.http, lora.path)
            except FetchError as error:
                message = f"Failed to download the file: {error}"
                raise model_error(field, message, "file_download_error", retryable=True) from None
            except WrongArchitectureError:
                raise model_error(field, "The LoRA is not a FLUX.1 LoRA", "feature_not_supported") from None
            if lora.scale > 0:
                faces.append(print_of_face)
        return "+".join(faces)

    async def image(self, job: Job) -> JsonObject:
        """Draws the pictures of a FLUX job."""
        body: Any = MODELS[job.model].input.model_validate_json(canonical(job.body))
        face = await self.face_of(body)
        seed = body.seed if body.seed is not None else derived_seed(job.body)
        width, height = self._context.shrunk(*body.pixels(), least=LEAST_PICTURE_SIDE)
        black = "nsfw" in job.faults and body.enable_safety_checker
        names: list[str] = []
        for index in range(body.num_images):
            data = await self._context.renderer.run(
                make_portrait,
                body.prompt,
                face=face,
                seed=seed + index,
                width=width,
                height=height,
                output_format=body.output_format,
                black=black,
            )
            ending = "png" if body.output_format == "png" else "jpg"
            name = f"{job.id}-{index}.{ending}"
            self._context.store.put_output(name, data, f"image/{body.output_format}", job.id)
            names.append(name)
        flagged = [black] * len(names)
        return {
            "files": names,
            "width": width,
            "height": height,
            "seed": seed,
            "flagged": flagged,
            "prompt": body.prompt,
        }

    async def picture(self, job: Job, field: str, url: str) -> tuple[bytes, PictureFacts]:
        """A picture input, checked against Kling's limits. Raises JobFailedError."""
        try:
            data = await self._context.fetch("fal", job.model, url)
        except FetchError as error:
            message = f"Failed to download the file: {error}"
            raise model_error([field], message, "file_download_error", retryable=True) from None
        if len(data) > MAX_PICTURE_BYTES:
            raise model_error([field], "File too large", "file_too_large")
        try:
            facts = await asyncio.to_thread(picture_facts, data)
        except BadMediaError:
            raise model_error([field], "Failed to load the image", "image_load_error") from None
        self._check_picture(field, facts)
        return data, facts

    def _check_picture(self, field: str, facts: PictureFacts) -> None:
        if facts.format not in PICTURE_FORMATS:
            raise model_error([field], "Unsupported image format", "unsupported_image_format")
        cap = self._context.options.picture
        # Pictures that the studio itself shrank must stay usable as inputs.
        least = MIN_SIDE if cap is None else min(MIN_SIDE, cap[1] // 2)
        if min(facts.width, facts.height) < least:
            raise model_error([field], f"Image must be at least {MIN_SIDE} pixels on each side", "image_too_small")
        if max(facts.width, facts.height) > MAX_RATIO * min(facts.width, facts.height):
            raise model_error([field], "Aspect ratio must be between 1:2.5 and 2.5:1", "value_error")

    async def clip(self, job: Job) -> JsonObject:
        """Animates the start frame of a Kling job."""
        start = "start_image_url" if "start_image_url" in job.body else "image_url"
        end = next((name for name in ("tail_image_url", "end_image_url") if job.body.get(name)), None)
        image, facts = await self.picture(job, start, job.body[start])
        tail = (await self.picture(job, end, job.body[end]))[0] if end is not None else None
        scale = MODELS[job.model].short_side / min(facts.width, facts.height)
        width, height = self._context.shrunk(round(facts.width * scale), round(facts.height * scale))
        film = await self._context.renderer.run(
            make_clip,
            image,
            tail=tail,
            seconds=int(job.body["duration"]),
            width=width,
            height=height,
            sound=bool(job.body.get("generate_audio", False)),
        )
        return {"file": self._keep_film(job, film)}

    def _keep_film(self, job: Job, film: bytes) -> str:
        name = f"{job.id}-output.mp4"
        self._context.store.put_output(name, film, "video/mp4", job.id)
        return name

    async def _input(self, job: Job, field: str) -> bytes:
        try:
            return await self._context.fetch("fal", job.model, job.body[field])
        except FetchError as error:
            message = f"Failed to download the file: {error}"
            raise model_error([field], message, "file_download_error", retryable=True) from None

    async def lipsync(self, job: Job) -> tuple[JsonObject, Charge]:
        """Lipsyncs a film; the price follows the length of the output."""
        video, audio = await self._input(job, "video_url"), await self._input(job, "audio_url")
        try:
            length = (await asyncio.to_thread(media_facts, audio)).audio_s
        except BadMediaError:
            length = None
        if length is None:
            raise model_error(["audio_url"], "Unsupported audio format", "unsupported_audio_format")
        if length > MAX_AUDIO_S:
            raise model_error(["audio_url"], "Audio exceeds 300 s", "audio_duration_too_long")
        try:
            film = await self._context.renderer.run(make_lipsync, video, audio, sync_mode=job.body["sync_mode"])
        except ValueError:
            raise model_error(["video_url"], "Unsupported video format", "unsupported_video_format") from None
        facts = await asyncio.to_thread(media_facts, film)
        priced_as = f"{job.model}#lipsync-2-pro" if job.body.get("model") == "lipsync-2-pro" else job.model
        return {"file": self._keep_film(job, film)}, lipsync_charge(priced_as, facts.video_s or 0.0)
