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
from domain.system_settings import DEFAULT_HEADSHOT
from media.picture import fit_headshot
from models.artifacts import ArtifactRef
from models.enums import AnchorSource, FailureCode, LogStep
from models.messages import PrepareHeadshotInput, ValidateAnchorInput, ValidatedAnchor
from providers.ports import LoraInspector, WebFetcher
from store.database import Database, Transaction

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
                kept, link = await self._headshot(tx, order)
            async with heartbeating() as pulse, self._workshop.bench() as folder:
                pulse.waiting_for = "headshot"
                source = await self._fetch(kept, link, folder / "source")
                fitted = folder / "headshot.png"
                await asyncio.to_thread(fit_headshot, source, fitted, order.aspect_ratio)
                return await self._workshop.keep(fitted, PNG)

    async def _headshot(self, tx: Transaction, order: PrepareHeadshotInput) -> tuple[ArtifactRef | None, str | None]:
        """Where the picture is: in our store, or at a link. The database's default goes before the environment's."""
        if order.source is AnchorSource.SCENE_HEADSHOT:
            scene = await tx.scenes.get(order.run.scene_id)
            kept, link = (scene.headshot, scene.headshot_url) if scene else (None, None)
        else:
            asset_id = (await tx.settings.values()).get(DEFAULT_HEADSHOT)
            asset = await tx.assets.get(asset_id) if asset_id else None
            kept = asset.artifact if asset else None
            link = self._default_headshot.get_secret_value() if self._default_headshot else None
        return ArtifactRef.model_validate(kept) if kept else None, link

    async def _fetch(self, kept: ArtifactRef | None, link: str | None, to: Path) -> Path:
        if kept is not None:
            return await self._workshop.fetch(kept, to)
        if not link:
            raise RejectedError(
                "headshot", "it was removed", "Give the scene a headshot and generate again", FailureCode.NOT_FOUND
            )
        return (await self._web.download(link, to, max_bytes=MAX_HEADSHOT_BYTES)).path

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
