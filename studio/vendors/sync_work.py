"""What a sync.so generation does: inputs fetched and checked, the film lipsynced."""

import asyncio

from studio.context import Context, JobFailedError
from studio.fetch import FetchError
from studio.makers import (
    BadMediaError,
    MediaFacts,
    UnspeakableError,
    make_clip,
    make_lipsync,
    make_speech,
    media_facts,
    picture_facts,
)
from studio.state import Job, JsonObject, canonical
from studio.vendors.strict import parse
from studio.vendors.sync_models import ERRORS, GenerateInput, Item

MAX_AUDIO_S = 300.5  # five minutes and the padding of an MP3
MAX_SCRIPT = 5_000
STILL_CLIP_S = 5


def failed(code: str, message: str | None = None, *, state: str = "failed") -> JobFailedError:
    """A failure as polls show it; failed generations are not billed."""
    text = message if message is not None else ERRORS[code][0]
    return JobFailedError({"error": text, "errorCode": code}, state=state)


class SyncWork:
    """The work behind a generation."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def generate(self, job: Job) -> JsonObject:
        """Makes the film. Raises JobFailedError with one of the vendor's codes."""
        body = parse(GenerateInput, _as_bytes(job))
        if not isinstance(body, GenerateInput):
            raise failed("generation_input_validation_failed")
        video = await self._video(job, next(item for item in body.input if item.type in {"video", "image"}))
        audio = await self._audio(job, next(item for item in body.input if item.type in {"audio", "text"}))
        try:
            film = await self._context.renderer.run(make_lipsync, video, audio, sync_mode=body.sync_mode())
        except ValueError:
            raise failed("generation_pipeline_failed") from None
        name = f"{body.output_file_name or 'output'}-{job.id}.mp4"
        self._context.store.put_output(name, film, "video/mp4", job.id)
        facts = await asyncio.to_thread(media_facts, film)
        return {"file": name, "duration_s": round(facts.video_s or 0.0, 3)}

    async def _fetch(self, job: Job, item: Item) -> bytes:
        url = item.url or ""
        if url.startswith("blob:"):
            return self._context.store.blob_path(url.removeprefix("blob:")).read_bytes()
        try:
            return await self._context.fetch("sync", job.model, url)
        except FetchError as error:
            code = f"generation_input_{item.type}_inaccessible"
            raise failed(code, f"{ERRORS[code][0]} ({error})") from None

    @staticmethod
    async def _facts(data: bytes, code: str) -> MediaFacts:
        try:
            return await asyncio.to_thread(media_facts, data)
        except BadMediaError:
            raise failed(code) from None

    async def _video(self, job: Job, item: Item) -> bytes:
        data = await self._fetch(job, item)
        if item.type == "image":
            return await self._moving(data)
        facts = await self._facts(data, "generation_input_video_invalid")
        if facts.video_s is None:
            raise failed("generation_input_video_invalid")
        return data

    async def _moving(self, image: bytes) -> bytes:
        try:
            facts = await asyncio.to_thread(picture_facts, image)
            width, height = self._context.shrunk(facts.width, facts.height)
            return await self._context.renderer.run(
                make_clip, image, tail=image, seconds=STILL_CLIP_S, width=width, height=height
            )
        except ValueError:
            raise failed("generation_input_validation_failed", "The image could not be decoded.") from None

    async def _audio(self, job: Job, item: Item) -> bytes:
        data = await (self._spoken(item) if item.type == "text" else self._fetch(job, item))
        facts = await self._facts(data, "generation_input_audio_invalid")
        if facts.audio_s is None:
            raise failed("generation_input_audio_invalid")
        if facts.audio_s > MAX_AUDIO_S:
            raise failed("generation_audio_length_exceeded")
        return data

    async def _spoken(self, item: Item) -> bytes:
        if item.provider is None:
            raise failed("generation_audio_missing")
        if len(item.provider.script) > MAX_SCRIPT:
            raise failed("generation_text_length_exceeded")
        try:
            speech = await self._context.renderer.run(
                make_speech,
                item.provider.script,
                voice=item.provider.voice_id,
                speed=1.0,
                output_format="mp3_44100_128",
            )
        except UnspeakableError:
            raise failed("generation_input_validation_failed", "The script has nothing to say.") from None
        return speech.audio


def _as_bytes(job: Job) -> bytes:
    return canonical(job.body).encode()
