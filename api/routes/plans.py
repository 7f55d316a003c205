"""`/api/scenes/{reference}/plan`: what the next run would reuse, buy, cost and take."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.guard import READ, GuardedRoute
from api.plan_views import RunPlanView
from api.services import Given
from models.enums import Step
from runtime.catalog.plans import plan_run

router = APIRouter(prefix="/api/scenes/{reference}/plan", tags=["runs"], route_class=GuardedRoute)


@router.get("", openapi_extra=READ)
async def plan(
    services: Given,
    reference: str,
    fresh: Annotated[
        list[Step] | None,
        Query(max_length=4, description="Steps to make anew, with what depends on them: `speech`, `image`, ..."),
    ] = None,
) -> RunPlanView:
    """The price before a run is started; buys and changes nothing. The LoRA or headshot is checked, which is free."""
    return RunPlanView.of(await plan_run(services.parts, reference, fresh or ()))
