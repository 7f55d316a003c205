"""The studio put together: one ASGI application from its parts."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.types import ASGIApp

from studio.context import Context, Options, Vendor
from studio.control import Control
from studio.faults import Faults
from studio.fetch import open_client
from studio.files import Files
from studio.jobs import Jobs
from studio.journal import Journal, JournalMiddleware
from studio.render import Renderer
from studio.state import Store
from studio.vendors.elevenlabs import ElevenLabs
from studio.vendors.fal import Fal
from studio.vendors.kling import Kling
from studio.vendors.sync import Sync


def build_app(url: str, data: Path, options: Options) -> ASGIApp:
    """The application for `url`, its state in the folder `data`."""
    context = Context(url, options, Store(data), Faults(), Journal(), Renderer(), open_client())
    jobs = Jobs(context)
    vendors: list[Vendor] = [Fal(context, jobs), ElevenLabs(context, jobs), Sync(context, jobs), Kling(context, jobs)]
    routes = [*Control(context, jobs).routes(), *Files(context).routes()]
    for vendor in vendors:
        routes += vendor.routes()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        jobs.serve({vendor.name: vendor for vendor in vendors})
        yield
        await jobs.close()
        await context.http.aclose()
        context.renderer.close()
        context.store.close()

    return JournalMiddleware(Starlette(routes=routes, lifespan=lifespan), context.journal)
