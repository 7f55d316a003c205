"""What a command works with: settings, the database, and Temporal where it answers."""

import asyncio
import getpass
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from temporalio.client import Client
from temporalio.service import RPCError

from activities.workshop import Workshop
from cli.output import note
from domain.rejections import RejectedError
from models.enums import SceneStatus
from models.inputs import Paging
from models.tables import Scene
from runtime.catalog.edits import Page
from runtime.catalog.scenes import find_scene
from runtime.launching import mend
from runtime.settings import Settings, load_settings
from runtime.temporal import connect
from store.database import Database

CONNECT_PATIENCE_S = 10.0  # an address that swallows packets would otherwise hold a command for minutes
PAGE = 500  # the most that one page may hold

Row = TypeVar("Row")


@dataclass
class Session:
    """One command's connections; Temporal is connected to when it is first needed."""

    settings: Settings
    database: Database
    _client: Client | None = None
    _away: str | None = None

    def workshop(self) -> Workshop:
        """The object store's door. Raises RejectedError when none is configured."""
        from runtime.wiring import object_store

        return Workshop(object_store(self.settings), self.settings.data_dir / "scratch")

    async def temporal(self) -> Client:
        """Raises RejectedError (`provider_unavailable`) or TimeoutError when Temporal is away."""
        if self._client is None:
            async with asyncio.timeout(CONNECT_PATIENCE_S):
                self._client = await connect()
        return self._client

    async def temporal_if_there(self) -> Client | None:
        """None, with a note the first time, when Temporal is away: what is shown is then from the database alone."""
        if self._away is not None:
            return None
        try:
            return await self.temporal()
        except (RejectedError, TimeoutError) as error:
            self._lost(error.problem if isinstance(error, RejectedError) else "it takes too long to answer")
            return None

    async def scene(self, reference: str) -> Scene:
        """By id or name, and its status mended. Raises RejectedError (`not_found`)."""
        async with self.database.transaction() as tx:
            scene = await find_scene(tx, reference)
        return (await self.mended([scene]))[0]

    async def mended(self, scenes: Iterable[Scene]) -> list[Scene]:
        """The scenes, each that says "generating" compared with its run."""
        return [await self._mend(scene) for scene in scenes]

    async def _mend(self, scene: Scene) -> Scene:
        if scene.status != SceneStatus.GENERATING:
            return scene
        client = await self.temporal_if_there()
        if client is None:
            return scene
        try:
            return await mend(self.database, client, scene)
        except RPCError as error:
            self._lost(str(error))
            return scene

    def _lost(self, problem: str) -> None:
        self._away = problem
        note(f"note: Temporal does not answer ({problem}); this is what the database says")


@asynccontextmanager
async def session() -> AsyncGenerator[Session]:
    """Open what a command needs. Raises RejectedError for settings that cannot be used."""
    settings = load_settings()
    database = Database(settings.database_url.get_secret_value())
    try:
        yield Session(settings, database)
    finally:
        await database.close()


async def everything(fetch: Callable[[Paging], Awaitable[Page[Row]]]) -> list[Row]:
    """All entries of a list that comes in pages."""
    rows: list[Row] = []
    while True:
        page = await fetch(Paging(limit=PAGE, offset=len(rows)))
        rows += page.items
        if not page.items or len(rows) >= page.total:
            return rows


def user_name() -> str | None:
    """Who runs this command; None where the machine has no name for them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return None
