"""Clips become one video, and the finished film is looked at before anybody calls it finished."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from temporalio import activity

from activities import journal
from activities.failures import translated_failures
from activities.heartbeats import heartbeating
from activities.journal import Entry
from activities.workshop import Workshop
from media.film import check_film, finish_film
from media.join import join_clips
from models.artifacts import ArtifactRef
from models.enums import LogStep
from models.messages import CheckMediaInput, JoinClipsInput
from store.database import Database

MP4 = "video/mp4"


class AssemblyActivities:
    """The activities of the steps `join` and `media_check`."""

    def __init__(self, *, database: Database, workshop: Workshop) -> None:
        self._database = database
        self._workshop = workshop

    @activity.defn
    async def join_clips(self, order: JoinClipsInput) -> ArtifactRef:
        """Put the clips one behind the other."""
        with translated_failures():
            async with heartbeating() as pulse, self._workshop.bench() as folder:
                pulse.waiting_for = f"joining {len(order.clips)} clips"
                return await self._workshop.keep(await joined(self._workshop, order.clips, folder), MP4)

    @activity.defn
    async def check_media(self, order: CheckMediaInput) -> ArtifactRef:
        """Bring the film to the speech's length and into streaming order, then check all that can be measured."""
        speech_s = order.speech.duration_s or 0.0
        with translated_failures():
            async with heartbeating() as pulse, self._workshop.bench() as folder:
                pulse.waiting_for = "media check"
                source = await self._workshop.fetch(order.film, folder / "lipsynced.mp4")
                speech = await self._workshop.fetch(order.speech, folder / "speech")
                film = folder / "film.mp4"
                await asyncio.to_thread(finish_film, source, speech, film, speech_s)
                report = await asyncio.to_thread(check_film, film, speech_s)
                kept = await self._workshop.keep(film, MP4)
            entry = Entry(
                event="film:checked",
                step=LogStep.VIDEO_ASSEMBLY,
                message=f"Film checked: {kept.duration_s or 0:.2f} s for {speech_s:.2f} s of speech",
                payload=asdict(report),
            )
            async with self._database.transaction() as tx:
                await journal.write(tx, order.run, entry)
        return kept


async def joined(workshop: Workshop, clips: Sequence[ArtifactRef], folder: Path) -> Path:
    """The clips one behind the other, as a file in `folder`; the same clips always make the same file."""
    paths = [await workshop.fetch(clip, folder / f"clip{number}.mp4") for number, clip in enumerate(clips, 1)]
    whole = folder / "joined.mp4"
    await asyncio.to_thread(join_clips, paths, whole)
    return whole
