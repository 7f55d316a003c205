"""`/api/scenes/{reference}/takes`: what the runs of a scene have made, what differs, and which one is current."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.documents import problems
from api.etags import IfMatch, expected, tag
from api.guard import READ, WRITE, GuardedRoute
from api.services import Given
from api.take_views import FullTakeView, TakeDiffView, TakesView, TakeView
from runtime.catalog.takes import MOST, diff_takes, get_take, list_takes, use_take

router = APIRouter(prefix="/api/scenes/{reference}/takes", tags=["takes"], route_class=GuardedRoute)

Number = Annotated[int, Path(ge=1, le=MOST, description="The take's number within its scene.")]


@router.get("", openapi_extra=READ)
async def list_all(services: Given, reference: str) -> TakesView:
    """What runs made, oldest first; a run that neither bought nor changed anything makes no take."""
    scene, takes = await list_takes(services.database, reference)
    return TakesView(items=[TakeView.of(take) for take in takes], current_take=scene.current_take)


@router.get("/diff", openapi_extra=READ)
async def diff(
    services: Given,
    reference: str,
    before: Annotated[int, Query(alias="from", ge=1, le=MOST)],
    after: Annotated[int, Query(alias="to", ge=1, le=MOST)],
) -> TakeDiffView:
    """What differs between two takes: inputs, artifacts by content, and cost."""
    return TakeDiffView.of(await diff_takes(services.database, reference, before, after))


@router.get("/{number}", openapi_extra=READ)
async def show(services: Given, reference: str, number: Number) -> FullTakeView:
    """One take with what it was made of, and what it made."""
    return FullTakeView.of(await get_take(services.database, reference, number))


@router.post("/{number}/use", openapi_extra=WRITE, responses=problems(409, 412, 428))
async def use(
    services: Given, reference: str, number: Number, response: Response, if_match: IfMatch = None
) -> FullTakeView:
    """Make it the scene's current one again, at no cost; `If-Match` and the answer's `ETag` are the scene's.

    Refused while the scene is generating, and when an object of the take is gone.
    """
    version, objects = expected(if_match), services.parts.objects
    chosen = await use_take(services.database, objects, reference, number, expected_version=version)
    tag(response, chosen.scene.version)
    return FullTakeView.of(chosen)
