"""`/api/health` and `/api/ready`: for whoever watches the process."""

from fastapi import APIRouter, Response

from api.guard import OPEN, GuardedRoute
from api.services import Given
from api.views import HealthView, ReadyView

router = APIRouter(prefix="/api", tags=["health"], route_class=GuardedRoute)


@router.get("/health", openapi_extra=OPEN)
async def health() -> HealthView:
    """The process answers; nothing else is looked at."""
    return HealthView(status="alive")


@router.get("/ready", openapi_extra=OPEN, responses={503: {"model": ReadyView, "description": "A service is away"}})
async def ready(services: Given, response: Response) -> ReadyView:
    """Whether the database, Temporal and the object store answer; 503 when one does not."""
    checks = await services.checks()
    is_ready = set(checks.values()) == {"ok"}
    if not is_ready:
        response.status_code = 503
    return ReadyView(ready=is_ready, checks=checks)
