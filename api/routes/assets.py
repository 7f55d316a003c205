"""`/api/assets`: files that somebody brings, judged by their content alone."""

import asyncio
import shutil
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Form, Query, Response, UploadFile

from api.bodies import AssetQuery
from api.documents import problems
from api.guard import MEBIBYTE, READ, WRITE, GuardedRoute, UploadRoute
from api.services import Given
from api.views import AssetView, PageView
from domain.rejections import RejectedError
from models.enums import AssetKind
from models.inputs import AssetDraft, Paging
from runtime.catalog.assets import Limits, add_asset, delete_asset, get_asset, list_assets
from runtime.catalog.drafts import draft_from

router = APIRouter(prefix="/api/assets", tags=["assets"], route_class=GuardedRoute)
uploads = APIRouter(prefix="/api/assets", tags=["assets"], route_class=UploadRoute)


@router.get("", openapi_extra=READ, responses=problems(404))
async def list_all(services: Given, query: Annotated[AssetQuery, Query()]) -> PageView[AssetView]:
    """Assets, newest first."""
    paging = Paging(limit=query.limit, offset=query.offset)
    page = await list_assets(services.database, paging, kind=query.kind, project=query.project, identity=query.identity)
    return PageView[AssetView].of(page, [AssetView.of(asset) for asset in page.items])


@uploads.post("", status_code=201, openapi_extra=WRITE, responses=problems(404, 409))
async def upload(
    services: Given,
    response: Response,
    file: Annotated[UploadFile, File(description="PNG, JPEG, WebP, MP3, WAV or a safetensors LoRA, as `kind` says.")],
    kind: Annotated[AssetKind, Form()],
    name: Annotated[str | None, Form(max_length=200, description="How people call it; else the file's name.")] = None,
    project: Annotated[str | None, Form(max_length=200, description="Id or name.")] = None,
    identity: Annotated[
        str | None, Form(max_length=200, description="Id or name of whom a headshot shows, for the identity check.")
    ] = None,
) -> AssetView:
    """Keep a file. What it is is read from its content; neither its name nor its media type are believed."""
    file_name = _plain(file.filename or "")
    owners = {"project": project or None, "identity": identity or None}
    draft = draft_from(AssetDraft, {"kind": kind, "name": name or file_name, **owners})
    limits = Limits(
        max_bytes=services.settings.api_max_upload_mb * MEBIBYTE, min_lora_bytes=services.settings.min_lora_bytes
    )
    async with services.workshop.bench() as folder:
        path = folder / "upload"
        await asyncio.to_thread(_write, file, path)
        asset = await add_asset(services.database, services.workshop, draft, path, limits)
    response.headers["Location"] = f"/api/assets/{asset.id}"
    return AssetView.of(asset)


@router.get("/{asset_id}", openapi_extra=READ)
async def show(services: Given, asset_id: str) -> AssetView:
    """One asset."""
    return AssetView.of(await get_asset(services.database, asset_id))


@router.delete("/{asset_id}", status_code=204, openapi_extra=WRITE, responses=problems(409))
async def delete(services: Given, asset_id: str) -> None:
    """Remove, with its object when nothing else holds it; refused while anything refers to it."""
    await delete_asset(services.database, services.workshop, asset_id)


def _plain(file_name: str) -> str:
    """The name, when it is one and no path."""
    if any(character in file_name for character in "/\\") or file_name in {".", ".."}:
        raise RejectedError("file", "its name is a path", "Send the file's bare name")
    return file_name


def _write(file: UploadFile, path: Path) -> None:
    with path.open("wb") as output:
        shutil.copyfileobj(file.file, output, MEBIBYTE)
