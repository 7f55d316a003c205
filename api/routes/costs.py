"""`/api/costs`: what was spent, what is on its way, what may be lost, and what did not have to be bought."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.cost_views import CostReportView
from api.documents import problems
from api.guard import READ, GuardedRoute
from api.services import Given
from models.enums import Provider
from models.inputs import Reference
from runtime.catalog.costs import CostQuery, costs_of

router = APIRouter(prefix="/api/costs", tags=["costs"], route_class=GuardedRoute)

Named = Annotated[Reference | None, Query(description="Id or name; by id also of one that was deleted.")]


@router.get("", openapi_extra=READ, responses=problems(404))
async def costs(
    services: Given,
    scene: Named = None,
    project: Named = None,
    identity: Named = None,
    provider: Provider | None = None,
    since: Annotated[
        str | None, Query(max_length=40, description="A date or time (UTC), or how long ago: `24h`, `7d`, `2w`.")
    ] = None,
) -> CostReportView:
    """Sums of the ledger over all that fits every filter; the ledger outlives what it is about."""
    query = CostQuery(scene=scene, project=project, identity=identity, provider=provider, since=since)
    return CostReportView.of(await costs_of(services.database, services.settings, query))
