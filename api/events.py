"""A scene's progress as server-sent events."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from api.live import live_state_of
from api.problems import AWAY, ApiError
from api.run_views import StatusView
from api.services import Services
from domain.rejections import RejectedError
from models.tables import Scene

LOOK_AGAIN_S = 0.5
HEARTBEAT_S = 15  # below the minute after which proxies cut silent connections
MAX_STREAMS = 200  # each asks Temporal twice a second

log = logging.getLogger(__name__)


async def stream(services: Services, scene: Scene, last_event_id: str | None) -> Response:
    """Each new state as an event `progress`, the last one as `end`; nothing that the caller has seen already.

    An event's id is made from its content, so that a caller may come back to any of our processes. Who has seen the
    end is told so by 204, after which browsers do not come back. Raises ApiError (503) when too many are listening.
    """
    state = await live_state_of(services, scene)
    if state.over and _id(state) == last_event_id:
        return Response(status_code=204)
    if services.streams >= MAX_STREAMS:
        raise ApiError(503, "too_many_streams", "too many are listening; ask for /status instead", Retry_After="10")
    return EventSourceResponse(
        _events(services, scene, state, last_event_id),
        ping=HEARTBEAT_S,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(
    services: Services, scene: Scene, state: StatusView, seen: str | None
) -> AsyncGenerator[ServerSentEvent]:
    services.streams += 1
    try:
        while True:
            if _id(state) != seen:
                seen = _id(state)
                kind = "end" if state.over else "progress"
                yield ServerSentEvent(data=state.model_dump_json(by_alias=True), event=kind, id=seen)
            if state.over:
                return
            await asyncio.sleep(LOOK_AGAIN_S)
            state = await _next(services, scene, state)
    finally:
        services.streams -= 1


async def _next(services: Services, scene: Scene, before: StatusView) -> StatusView:
    """The same as before while a service is away or no worker answers: the listener stays, and hears of it then."""
    try:
        now = await live_state_of(services, scene)
    except (RejectedError, *AWAY) as error:
        log.warning("events of scene %s: %s", scene.id, type(error).__name__)
        return before
    return now if now.over or now.steps else before


def _id(state: StatusView) -> str:
    return hashlib.sha256(state.model_dump_json().encode()).hexdigest()[:24]
