"""The picture that starts every clip: is the LoRA usable, or is there a headshot?"""

import asyncio
import time
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr
from temporalio import activity

from activities import journal
from activities.failures import translated_failures
from activities.heartbeats import heartbeating
from activities.journal import Entry
from activities.loras import LoraLinks
from activities.workshop import Workshop
from domain.rejections import RejectedError
from media.picture import fit_headshot
from models.artifacts import ArtifactRef
from models.enums import AnchorSource, FailureCode, LogStep
from models.messages import PrepareHeadshotInput, ValidateAnchorInput, ValidatedAnchor
from models.tables import Scene
from providers.ports import LoraInspector, WebFetcher
from store.database import Database

MAX_HEADSHOT_BYTES = 50 * 1024**2  # the most that any Kling version takes (PROVIDERS 1.10)
MEGABYTE = 1024 * 1024
PNG = "image/png"


class AnchorActivities:
    """The activity of the step `identity_anchor`, and of `image` where a headshot serves."""

    def __init__(
        self,
        *,
        database: Database,
        workshop: Workshop,
        web: WebFetcher,
        inspector: LoraInspector,
        links: LoraLinks,
        default_headshot: SecretStr | None,
    ) -> None:
        self._database = database
        self._workshop = workshop
        self._web = web
        self._inspector = inspector
        self._links = links
        self._default_headshot = default_headshot

    @activity.defn
    async def validate_identity_anchor(self, order: ValidateAnchorInput) -> ValidatedAnchor:
        """One ranged GET on the LoRA: its size and the fingerprint of its content."""
        with translated_failures():
            link = await self._links.of_scene(order.run.scene_id)
            whose = "the default LoRA" if link.default else link.subject
            await self._note(
                order, "validating", f"Validating LoRA URL accessibility for {whose}: {without_query(link.url)}"
            )
            began = time.monotonic()
            report = await self._inspector.inspect(link.url)
            megabytes = round(report.size / MEGABYTE)
            elapsed_ms = int((time.monotonic() - began) * 1000)
            await self._note(order, "validated", f"LoRA validated: {megabytes}MB", elapsed_ms, report.fingerprint)
        return ValidatedAnchor(report=report, subject=link.subject)

    @activity.defn
    async def prepare_headshot(self, order: PrepareHeadshotInput) -> ArtifactRef:
        """Fetch the headshot and fit it to the scene's aspect ratio."""
        with translated_failures():
            async with self._database.transaction() as tx:
                scene = await tx.scenes.get(order.run.scene_id)
            async with heartbeating() as pulse, self._workshop.bench() as folder:
                pulse.waiting_for = "headshot"
                source = await self._fetch(scene, order.source, folder / "source")
                fitted = folder / "headshot.png"
                await asyncio.to_thread(fit_headshot, source, fitted, order.aspect_ratio)
                return await self._workshop.keep(fitted, PNG)

    async def _fetch(self, scene: Scene | None, source: AnchorSource, to: Path) -> Path:
        if scene is not None and source is AnchorSource.SCENE_HEADSHOT and scene.headshot:
            return await self._workshop.fetch(ArtifactRef.model_validate(scene.headshot), to)
        default = self._default_headshot.get_secret_value() if self._default_headshot else None
        url = default if source is AnchorSource.DEFAULT_HEADSHOT else scene and scene.headshot_url
        if not url:
            raise RejectedError(
                "headshot", "it was removed", "Give the scene a headshot and generate again", FailureCode.NOT_FOUND
            )
        return (await self._web.download(url, to, max_bytes=MAX_HEADSHOT_BYTES)).path

    async def _note(
        self,
        order: ValidateAnchorInput,
        event: str,
        message: str,
        duration_ms: int | None = None,
        fingerprint: str | None = None,
    ) -> None:
        entry = Entry(
            event=f"anchor:{event}",
            step=LogStep.IDENTITY_ANCHOR,
            message=message,
            duration_ms=duration_ms,
            payload={"fingerprint": fingerprint} if fingerprint else {},
        )
        async with self._database.transaction() as tx:
            await journal.write(tx, order.run, entry)


def without_query(url: str) -> str:
    """The URL as logs may show it: without user, query and fragment, where signatures and passwords stand."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
