"""`/api/scenes`: what is to be filmed. What runs stands in `api.routes.runs`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api.bodies import SceneBody, SceneListQuery, ScenePatch
from api.documents import problems
from api.etags import IfMatch, expected, tag
from api.guard import READ, WRITE, GuardedRoute
from api.links import unless_as_shown
from api.services import Given, Services
from api.views import PageView, SceneView
from models.inputs import Paging
from models.tables import Scene
from runtime.catalog.costs import money_of_scenes
from runtime.catalog.scenes import (
    SceneQuery,
    add_scene,
    delete_scene,
    get_scene,
    list_scenes,
    patch_scene,
)

router = APIRouter(prefix="/api/scenes", tags=["scenes"], route_class=GuardedRoute)


@router.get("", openapi_extra=READ, responses=problems(404))
async def list_all(services: Given, query: Annotated[SceneListQuery, Query()]) -> PageView[SceneView]:
    """Scenes, oldest first; those of one project in its order."""
    which = SceneQuery(project=query.project, identity=query.identity, status=query.status)
    page = await list_scenes(services.database, Paging(limit=query.limit, offset=query.offset), which)
    return PageView[SceneView].of(page, await _views(services, page.items))


@router.post("", status_code=201, openapi_extra=WRITE, responses=problems(404, 409))
async def create(services: Given, body: SceneBody, response: Response) -> SceneView:
    """Create a scene; its name must be free."""
    scene = await add_scene(services.database, None, body)
    response.headers["Location"] = f"/api/scenes/{scene.id}"
    return await _shown(services, scene, response)


@router.get("/{reference}", openapi_extra=READ)
async def show(services: Given, reference: str, response: Response) -> SceneView:
    """One scene with everything recorded of it, by id or name."""
    return await _shown(services, await get_scene(services.database, reference), response)


@router.put("/{reference}", openapi_extra=WRITE, responses=problems(409, 412, 428))
async def replace(
    services: Given, reference: str, body: SceneBody, response: Response, if_match: IfMatch = None
) -> SceneView:
    """Every field anew: what is left out gets its default."""
    return await _edited(services, reference, body.model_dump(), if_match, response)


@router.patch("/{reference}", openapi_extra=WRITE, responses=problems(409, 412, 428))
async def change(
    services: Given, reference: str, body: ScenePatch, response: Response, if_match: IfMatch = None
) -> SceneView:
    """Change the fields that are given; a scene that is generating shows them in its next film."""
    return await _edited(services, reference, body.changes(), if_match, response)


@router.delete("/{reference}", status_code=204, openapi_extra=WRITE, responses=problems(409, 412, 428))
async def delete(services: Given, reference: str, if_match: IfMatch = None) -> None:
    """Remove with its log; its purchases stay in the ledger. Refused while it is generating."""
    await delete_scene(services.database, reference, expected_version=expected(if_match))


async def _edited(
    services: Services, reference: str, changes: dict[str, Any], if_match: str | None, response: Response
) -> SceneView:
    version = expected(if_match)
    current = await get_scene(services.database, reference)
    meant = unless_as_shown(changes, "headshot", current.headshot_url)
    edited = await patch_scene(services.database, None, current.id, meant, expected_version=version)
    return await _shown(services, edited, response)


async def _shown(services: Services, scene: Scene, response: Response) -> SceneView:
    tag(response, scene.version)
    return (await _views(services, [scene]))[0]


async def _views(services: Services, scenes: list[Scene]) -> list[SceneView]:
    async with services.database.transaction() as tx:
        money = await money_of_scenes(tx, services.settings, scenes)
        waiting = await tx.approvals.waiting([scene.id for scene in scenes])
    return [SceneView.of(scene, costs, waits=scene.id in waiting) for scene, costs in zip(scenes, money, strict=True)]
