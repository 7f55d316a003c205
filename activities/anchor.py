"""The picture that starts every clip: is the LoRA usable, or is there a headshot?"""

import time
from urllib.parse import urlsplit

from temporalio import activity

from activities import journal
from activities.failures import translated_failures
from activities.headshots import Headshots
from activities.heartbeats import heartbeating
from activities.journal import Entry
from activities.loras import LoraLinks
from activities.workshop import Workshop
from models.artifacts import ArtifactRef
from models.enums import LogStep
from models.messages import PrepareHeadshotInput, ValidateAnchorInput, ValidatedAnchor
from providers.ports import LoraInspector
from store.database import Database

MEGABYTE = 1024 * 1024
PNG = "image/png"


class AnchorActivities:
    """The activity of the step `identity_anchor`, and of `image` where a headshot serves."""

    def __init__(
        self,
        *,
        database: Database,
        workshop: Workshop,
        headshots: Headshots,
        inspector: LoraInspector,
        links: LoraLinks,
    ) -> None:
        self._database = database
        self._workshop = workshop
        self._headshots = headshots
        self._inspector = inspector
        self._links = links

    @activity.defn
    async def validate_identity_anchor(self, order: ValidateAnchorInput) -> ValidatedAnchor:
        """One ranged GET on the LoRA: its size and the fingerprint of its content."""
        with translated_failures():
            link = await self._links.of_scene(order.run.scene_id, order.identity_id)
            whose = "the default LoRA" if link.default else link.subject
            await self._note(
                order, "validating", f"Validating LoRA URL accessibility for {whose}: {without_query(link.url)}"
            )
            began = time.monotonic()
            report = await self._inspector.inspect(link.url)
            megabytes = round(report.size / MEGABYTE)
            elapsed_ms = int((time.monotonic() - began) * 1000)
            event = f"validated:{report.fingerprint}"  # a run that checks again tells of another content
            await self._note(order, event, f"LoRA validated: {megabytes}MB", elapsed_ms, report.fingerprint)
        return ValidatedAnchor(report=report, subject=link.subject)

    @activity.defn
    async def prepare_headshot(self, order: PrepareHeadshotInput) -> ArtifactRef:
        """Fetch the headshot and fit it to the scene's aspect ratio."""
        with translated_failures():
            async with heartbeating() as pulse, self._workshop.bench() as folder:
                pulse.waiting_for = "headshot"
                fitted = await self._headshots.fit(order.run.scene_id, order.source, order.aspect_ratio, folder)
                return await self._workshop.keep(fitted, PNG)

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
