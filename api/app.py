"""The application: routes, the shape of errors, headers."""

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import documents, problems
from api.routes import (
    approvals,
    assets,
    costs,
    health,
    identities,
    plans,
    projects,
    runs,
    scenes,
    settings,
    takes,
    webhooks,
)
from api.services import Services

VERSION = "1"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
EXPOSED = ["ETag", "Location", "Retry-After"]


class SecurityHeaders:
    """Puts the headers on every answer that does not have its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and add."""

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, adding)


def create_app(services: Services) -> FastAPI:
    """Make the application around services that its owner opens and closes."""
    app = bare_app()
    app.state.services = services
    app.add_middleware(
        CORSMiddleware,
        allow_origins=sorted(services.settings.api_cors_origins),
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Last-Event-ID"],
        expose_headers=EXPOSED,
    )
    app.add_middleware(SecurityHeaders)
    return app


def bare_app() -> FastAPI:
    """The routes and what describes them, without anything to serve them with."""
    app = FastAPI(
        title="Devatar", version=VERSION, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    problems.install(app)
    for module in (identities, projects, scenes, plans, runs, approvals, takes, costs, settings, webhooks, health):
        app.include_router(module.router)
    for router in (assets.uploads, assets.router, runs.ledger):
        app.include_router(router)
    _add_documents(app)
    return app


def _add_documents(app: FastAPI) -> None:
    app.openapi = lambda: documents.describe(app)

    async def document(request: Request) -> Response:
        return JSONResponse(app.openapi())

    async def page(request: Request) -> Response:
        return HTMLResponse(documents.page(app.openapi()))

    app.add_route("/api/openapi.json", document, include_in_schema=False)
    app.add_route("/api/docs", page, include_in_schema=False)
