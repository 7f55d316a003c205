"""The headshot that a scene starts from: found, fetched and fitted to the film."""

import asyncio
from pathlib import Path

from pydantic import SecretStr

from activities.workshop import Workshop
from domain.rejections import RejectedError
from domain.system_settings import DEFAULT_HEADSHOT
from media.picture import fit_headshot
from models.artifacts import ArtifactRef
from models.enums import AnchorSource, AspectRatio, FailureCode
from providers.ports import WebFetcher
from store.database import Database, Transaction

MAX_HEADSHOT_BYTES = 50 * 1024**2  # the most that any Kling version takes (PROVIDERS 1.10)


class Headshots:
    """Fits the headshots of scenes."""

    def __init__(
        self, database: Database, workshop: Workshop, web: WebFetcher, default_headshot: SecretStr | None
    ) -> None:
        self._database = database
        self._workshop = workshop
        self._web = web
        self._default_headshot = default_headshot

    async def fit(self, scene_id: str, source: AnchorSource, aspect_ratio: AspectRatio, folder: Path) -> Path:
        """A PNG in `folder`, kept nowhere else.

        Raises RejectedError when it was removed, MediaInvalid, ProviderError and StoreError.
        """
        async with self._database.transaction() as tx:
            kept, link = await self._found(tx, scene_id, source)
        fetched = await self._fetch(kept, link, folder / "source")
        fitted = folder / "headshot.png"
        await asyncio.to_thread(fit_headshot, fetched, fitted, aspect_ratio)
        return fitted

    async def _found(
        self, tx: Transaction, scene_id: str, source: AnchorSource
    ) -> tuple[ArtifactRef | None, str | None]:
        """Where the picture is: in our store, or at a link. The database's default goes before the environment's."""
        if source is AnchorSource.SCENE_HEADSHOT:
            scene = await tx.scenes.get(scene_id)
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
