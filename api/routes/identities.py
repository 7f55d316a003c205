"""`/api/identities`: who speaks."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api.bodies import IdentityBody, IdentityPatch, IdentityQuery, IdentityTestBody
from api.documents import problems
from api.etags import IfMatch, expected, tag
from api.guard import GENERATE, READ, WRITE, GuardedRoute
from api.identity_views import IdentityStatusView, IdentityTestView, IdentityView, VerdictView
from api.links import unless_as_shown
from api.services import Given, Services
from api.views import PageView
from models.inputs import Paging
from runtime.catalog.identities import (
    add_identity,
    delete_identity,
    get_identity,
    list_identities,
    patch_identity,
    set_default_identity,
)
from runtime.catalog.status import identity_status
from runtime.probing import test_identity

router = APIRouter(prefix="/api/identities", tags=["identities"], route_class=GuardedRoute)


@router.get("", openapi_extra=READ)
async def list_all(services: Given, query: Annotated[IdentityQuery, Query()]) -> PageView[IdentityView]:
    """Identities by name, each with its count of scenes."""
    paging = Paging(limit=query.limit, offset=query.offset)
    page = await list_identities(services.database, paging, active=query.active)
    return PageView[IdentityView].of(page, [IdentityView.of(item.identity, item.scene_count) for item in page.items])


@router.post("", status_code=201, openapi_extra=WRITE, responses=problems(409))
async def create(services: Given, body: IdentityBody, response: Response) -> IdentityView:
    """Create an identity; its name and trigger word must be free."""
    identity = await add_identity(services.database, body)
    response.headers["Location"] = f"/api/identities/{identity.id}"
    return await _shown(services, identity.id, response)


@router.get("/status", openapi_extra=READ)
async def status(services: Given) -> IdentityStatusView:
    """Whether Digital Twin is available and why, which variables are set, the effective default, what to do next."""
    return IdentityStatusView.of(await identity_status(services.database, services.settings))


@router.get("/{reference}", openapi_extra=READ)
async def show(services: Given, reference: str, response: Response) -> IdentityView:
    """One identity, by id or name."""
    return await _shown(services, reference, response)


@router.put("/{reference}", openapi_extra=WRITE, responses=problems(409, 412, 428))
async def replace(
    services: Given, reference: str, body: IdentityBody, response: Response, if_match: IfMatch = None
) -> IdentityView:
    """Every field anew: what is left out gets its default."""
    return await _edited(services, reference, body.model_dump(), if_match, response)


@router.patch("/{reference}", openapi_extra=WRITE, responses=problems(409, 412, 428))
async def change(
    services: Given, reference: str, body: IdentityPatch, response: Response, if_match: IfMatch = None
) -> IdentityView:
    """Change the fields that are given."""
    return await _edited(services, reference, body.changes(), if_match, response)


@router.delete("/{reference}", status_code=204, openapi_extra=WRITE, responses=problems(409, 412, 428))
async def delete(services: Given, reference: str, if_match: IfMatch = None) -> None:
    """Remove; refused, with their count and names, while scenes use it."""
    await delete_identity(services.database, reference, expected_version=expected(if_match))


@router.post("/{reference}/set-default", openapi_extra=WRITE, responses=problems(409))
async def set_default(services: Given, reference: str, response: Response) -> IdentityView:
    """Make it the one default; an inactive one is refused."""
    identity = await set_default_identity(services.database, reference)
    return await _shown(services, identity.id, response)


@router.post("/{reference}/test", openapi_extra=GENERATE, responses=problems(409))
async def check(services: Given, reference: str, body: IdentityTestBody | None = None) -> IdentityTestView:
    """Ask the vendors whether the LoRA and the voice can be used; with `testGeneration` also buy one picture."""
    tested = await test_identity(services.parts, reference, generate=body is not None and body.test_generation)
    return IdentityTestView(
        identity_id=tested.identity_id,
        overall=tested.overall,
        message=tested.message,
        uses_default_lora=tested.uses_default_lora,
        lora=VerdictView.model_validate(tested.lora),
        voice=VerdictView.model_validate(tested.voice),
        picture=VerdictView.model_validate(tested.picture),
        picture_url=services.link(tested.artifact) if tested.artifact else None,
        cost_micros=tested.cost_micros,
    )


async def _edited(
    services: Services, reference: str, changes: dict[str, Any], if_match: str | None, response: Response
) -> IdentityView:
    version = expected(if_match)
    current = (await get_identity(services.database, reference)).identity
    meant = unless_as_shown(changes, "lora_url", current.lora_url)
    identity = await patch_identity(services.database, current.id, meant, expected_version=version)
    return await _shown(services, identity.id, response)


async def _shown(services: Services, reference: str, response: Response) -> IdentityView:
    found = await get_identity(services.database, reference)
    tag(response, found.identity.version)
    return IdentityView.of(found.identity, found.scene_count)
