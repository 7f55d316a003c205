"""`/api/settings`: the settings that the database holds, which go before the environment's."""

from fastapi import APIRouter, Response

from api.bodies import SettingBody
from api.documents import problems
from api.etags import IfMatch, expected_if_given, tag
from api.guard import READ, WRITE, GuardedRoute
from api.services import Given
from api.views import SettingsView, SettingView
from runtime.catalog.settings import get_setting, list_settings, put_setting

router = APIRouter(prefix="/api/settings", tags=["settings"], route_class=GuardedRoute)


@router.get("", openapi_extra=READ)
async def list_all(services: Given) -> SettingsView:
    """Every setting as it is used, and where its value comes from."""
    found = await list_settings(services.database, services.settings)
    return SettingsView(items=[SettingView.model_validate(setting) for setting in found])


@router.get("/{key}", openapi_extra=READ)
async def show(services: Given, key: str, response: Response) -> SettingView:
    """One setting."""
    found = await get_setting(services.database, services.settings, key)
    tag(response, found.version)
    return SettingView.model_validate(found)


@router.put("/{key}", openapi_extra=WRITE, responses=problems(409, 412))
async def put(
    services: Given, key: str, body: SettingBody, response: Response, if_match: IfMatch = None
) -> SettingView:
    """Set, or with null leave it to the environment again. `If-Match` may be left out."""
    version = expected_if_given(if_match)
    found = await put_setting(services.database, services.settings, key, body.value, expected_version=version)
    tag(response, found.version)
    return SettingView.model_validate(found)
