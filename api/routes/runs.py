"""`/api/scenes/{reference}/...`: filming a scene, watching it, stopping it, and having its film."""

import hashlib
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from api.bodies import GenerateBody
from api.documents import problems
from api.events import stream
from api.guard import GENERATE, READ, GuardedRoute, caller_of
from api.live import state_of
from api.run_views import CancelView, JobsView, JobView, LogPageView, LogView, StartedView, StatusView
from api.services import Given, Services
from api.views import CostsView
from domain.keys import workflow_id
from domain.ledger import total
from domain.rejections import ConflictError, RejectedError
from models.artifacts import ArtifactRef
from models.enums import FailureCode, SceneStatus, Step
from models.inputs import Reference
from models.tables import Scene
from runtime.catalog import idempotency
from runtime.catalog.scenes import find_scene, get_scene
from runtime.catalog.takes import check_start
from runtime.launching import cancel_scene, newest_run, start_or_attach
from runtime.temporal import ui_link
from store.ledger import LedgerFilter

REDIRECT: dict[int | str, dict[str, Any]] = {
    307: {"description": "Where it is, by a link that expires", "headers": {"Location": {"schema": {"type": "string"}}}}
}
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `progress` and, last, `end`, each with a status",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    204: {"description": "The end was seen already"},
}

router = APIRouter(prefix="/api/scenes/{reference}", tags=["runs"], route_class=GuardedRoute)
ledger = APIRouter(prefix="/api/jobs", tags=["runs"], route_class=GuardedRoute)


class CaptionFormat(StrEnum):
    """SubRip or WebVTT."""

    SRT = "srt"
    VTT = "vtt"


@router.post(
    "/generate",
    status_code=202,
    openapi_extra=GENERATE,
    response_model=StartedView,
    responses=problems(409),
)
async def generate(
    services: Given,
    request: Request,
    reference: str,
    body: GenerateBody | None = None,
    idempotency_key: Annotated[
        str | None,
        Header(min_length=1, max_length=128, description="A repetition with the same key gets the first answer."),
    ] = None,
) -> Response:
    """Start a run, or join the one under way: refused (409) where a step is to be made anew, which that one would not.

    The same `Idempotency-Key` with another request is refused.
    """
    scene = await get_scene(services.database, reference)
    fresh, caller = body.fresh if body else [], caller_of(request)

    async def start() -> StartedView:
        return await _start(services, scene, fresh, caller.name)

    if idempotency_key is None:
        return _accepted((await start()).model_dump(mode="json", by_alias=True))
    once = idempotency.Request(
        owner=caller.owner,
        key=idempotency_key,
        line=f"POST /api/scenes/{scene.id}/generate",
        body_sha256=hashlib.sha256(await request.body()).hexdigest(),
    )
    return await _once(services, once, start)


@router.post("/cancel", status_code=202, openapi_extra=GENERATE, responses=problems(409))
async def cancel(services: Given, reference: str) -> CancelView:
    """Stop the run, also at the vendors where they take it; what is bought already is kept for the next run."""
    scene = await get_scene(services.database, reference)
    client = await services.temporal()
    newest = await newest_run(client, scene.id)
    if newest is None or newest.over or not await cancel_scene(client, scene.id):
        raise ConflictError("scene", f"no run of {scene.name!r} is under way", "There is nothing to cancel")
    return CancelView(workflow_id=workflow_id(scene.id), requested=True)


@router.get("/status", openapi_extra=READ)
async def status(services: Given, reference: str) -> StatusView:
    """The record, each step of the newest run, and what it waits for."""
    return await state_of(services, reference)


@router.get("/logs", openapi_extra=READ)
async def logs(
    services: Given,
    reference: str,
    after: Annotated[int, Query(ge=0, lt=2**63, description="The last id seen.")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> LogPageView:
    """What happened in all runs, oldest first."""
    async with services.database.transaction() as tx:
        scene = await find_scene(tx, reference)
        rows = await tx.logs.of_scene(scene.id, after=after, limit=limit + 1)
    items = [LogView.from_row(row) for row in rows[:limit]]
    return LogPageView(items=items, next_after=items[-1].id if len(rows) > limit else None)


@router.get("/events", openapi_extra=READ, response_class=Response, responses=EVENTS)
async def events(
    services: Given,
    reference: str,
    last_event_id: Annotated[str | None, Header(max_length=200, description="What was seen last.")] = None,
) -> Response:
    """Live progress as server-sent events, until the run is over."""
    return await stream(services, await get_scene(services.database, reference), last_event_id)


@router.get(
    "/video", status_code=307, openapi_extra=READ, response_class=Response, responses={**REDIRECT, **problems(409)}
)
async def video(services: Given, reference: str) -> Response:
    """The newest film, by a fresh link."""
    return _redirect(services, await get_scene(services.database, reference), "film")


@router.get(
    "/captions", status_code=307, openapi_extra=READ, response_class=Response, responses={**REDIRECT, **problems(409)}
)
async def captions(
    services: Given,
    reference: str,
    kind: Annotated[CaptionFormat, Query(alias="format")] = CaptionFormat.SRT,
) -> Response:
    """The newest film's captions, by a fresh link."""
    return _redirect(services, await get_scene(services.database, reference), f"captions_{kind}")


@ledger.get("", openapi_extra=READ, responses=problems(404))
async def jobs(services: Given, scene: Annotated[Reference, Query(description="Id or name.")]) -> JobsView:
    """What was bought for a scene, oldest first."""
    async with services.database.transaction() as tx:
        found = await find_scene(tx, scene)
        rows = await tx.jobs.of_scene(found.id)
        costs = total(await tx.ledger.lines(LedgerFilter(scene_id=found.id)))
    return JobsView(items=[JobView.of(row) for row in rows], costs=CostsView.model_validate(costs))


async def _start(services: Services, scene: Scene, fresh: list[Step], started_by: str) -> StartedView:
    await check_start(services.database, services.settings, scene, fresh)
    client, queue = await services.temporal(), services.settings.task_queue
    handle, joined = await start_or_attach(client, scene, queue, fresh=fresh, started_by=started_by)
    return StartedView(
        workflow_id=handle.id,
        run_id=handle.run_id or "",
        temporal_url=ui_link(client, services.settings, handle.id, handle.run_id),
        joined=joined,
    )


async def _once(services: Services, once: idempotency.Request, work: Callable[[], Awaitable[StartedView]]) -> Response:
    """The first answer again, or a new one that is kept; a failure keeps nothing."""
    first = await idempotency.begin(services.database, once)
    if first is not None:
        return _accepted(first.response, first.status)
    try:
        started = (await work()).model_dump(mode="json", by_alias=True)
    except BaseException:
        await idempotency.abandon(services.database, once)
        raise
    await idempotency.finish(services.database, once, 202, started)
    return _accepted(started)


def _accepted(content: object, status: int = 202) -> Response:
    return JSONResponse(content, status)


def _redirect(services: Services, scene: Scene, artifact: str) -> Response:
    if artifact not in scene.artifacts:
        if scene.status == SceneStatus.GENERATING:
            raise ConflictError("scene", f"{scene.name!r} is generating", "Wait for its end")
        raise RejectedError("scene", f"{scene.name!r} has no film", "Generate it first", FailureCode.NOT_FOUND)
    return RedirectResponse(services.link(ArtifactRef.model_validate(scene.artifacts[artifact])), 307)
