"""`/api/projects`: scenes that belong together."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.bodies import ProjectBody, ProjectPatch, ReorderBody
from api.documents import problems
from api.etags import IfMatch, expected, expected_if_given, tag
from api.guard import READ, WRITE, GuardedRoute
from api.services import Given, Services
from api.views import DeletedProjectView, PageView, ProjectView
from models.inputs import Paging
from runtime.catalog.projects import (
    add_project,
    delete_project,
    get_project,
    list_projects,
    patch_project,
    reorder_scenes,
    replace_project,
)

router = APIRouter(prefix="/api/projects", tags=["projects"], route_class=GuardedRoute)


@router.get("", openapi_extra=READ)
async def list_all(services: Given, paging: Annotated[Paging, Query()]) -> PageView[ProjectView]:
    """Projects by name, each with its count of scenes."""
    page = await list_projects(services.database, paging)
    return PageView[ProjectView].of(page, [ProjectView.of(item) for item in page.items])


@router.post("", status_code=201, openapi_extra=WRITE, responses=problems(409))
async def create(services: Given, body: ProjectBody, response: Response) -> ProjectView:
    """Create a project; its name must be free."""
    project = await add_project(services.database, body)
    response.headers["Location"] = f"/api/projects/{project.id}"
    return await _shown(services, project.id, response)


@router.get("/{reference}", openapi_extra=READ)
async def show(services: Given, reference: str, response: Response) -> ProjectView:
    """One project, by id or name."""
    return await _shown(services, reference, response)


@router.put("/{reference}", openapi_extra=WRITE, responses=problems(409, 412, 428))
async def replace(
    services: Given, reference: str, body: ProjectBody, response: Response, if_match: IfMatch = None
) -> ProjectView:
    """Every field anew: what is left out gets its default."""
    version = expected(if_match)
    project = await replace_project(services.database, reference, body, expected_version=version)
    return await _shown(services, project.id, response)


@router.patch("/{reference}", openapi_extra=WRITE, responses=problems(409, 412, 428))
async def change(
    services: Given, reference: str, body: ProjectPatch, response: Response, if_match: IfMatch = None
) -> ProjectView:
    """Change the fields that are given."""
    version = expected(if_match)
    project = await patch_project(services.database, reference, body.changes(), expected_version=version)
    return await _shown(services, project.id, response)


@router.delete("/{reference}", openapi_extra=WRITE, responses=problems(409, 412, 428))
async def delete(
    services: Given,
    reference: str,
    if_match: IfMatch = None,
    with_scenes: Annotated[bool, Query(alias="withScenes", description="Delete its scenes too.")] = False,
) -> DeletedProjectView:
    """Remove, and say what went; refused, with the scenes that would go, unless `withScenes` says so."""
    gone = await delete_project(
        services.database, reference, with_scenes=with_scenes, expected_version=expected(if_match)
    )
    return DeletedProjectView(id=gone.project.id, name=gone.project.name, scenes=gone.scene_names)


@router.post("/{reference}/reorder", openapi_extra=WRITE, responses=problems(412))
async def reorder(
    services: Given, reference: str, body: ReorderBody, response: Response, if_match: IfMatch = None
) -> ProjectView:
    """Bring its scenes into this order; each must be named exactly once. `If-Match` may be left out."""
    version = expected_if_given(if_match)
    await reorder_scenes(services.database, reference, body.scenes, expected_version=version)
    return await _shown(services, reference, response)


async def _shown(services: Services, reference: str, response: Response) -> ProjectView:
    found = await get_project(services.database, reference)
    tag(response, found.project.version)
    return ProjectView.of(found)
