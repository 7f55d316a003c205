"""`/api/webhooks/...`: what vendors announce. Their signature takes the place of an API key."""

import logging
import time
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, BackgroundTasks, Query, Request
from pydantic import BaseModel, Field

from api.documents import problem_response, problems
from api.guard import OPEN, GuardedRoute
from api.problems import AWAY, ApiError
from api.services import Given, Services
from api.views import TakenView
from domain.rejections import RejectedError
from models.enums import FailureCode, Provider
from providers.http_errors import parse
from providers.signatures import KeysUnavailable, SignatureRefused, check_sync
from runtime.launching import tell_purchase_changed
from runtime.webhooks import Announcements
from runtime.wiring import purchases_of

JobId = Annotated[str, Query(min_length=1, max_length=64, description="The purchase, as the vendor was told it.")]
RequestId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
BodyT = TypeVar("BodyT", bound=BaseModel)

router = APIRouter(prefix="/api/webhooks", tags=["webhooks"], route_class=GuardedRoute)
log = logging.getLogger(__name__)


class _FalBody(BaseModel):
    request_id: RequestId


class _SyncBody(BaseModel):
    id: RequestId


def _taking(name: str) -> dict[str, Any]:
    """A route's `openapi_extra`: the body is looked at once its signature holds, so FastAPI must not read it."""
    schema = {"type": "object", "required": [name], "properties": {name: {"type": "string"}}}
    return OPEN | {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_RESPONSES = problems(404, 409) | {401: problem_response("The signature does not hold")}


@router.post("/fal", openapi_extra=_taking("request_id"), responses=_RESPONSES)
async def fal(services: Given, request: Request, background: BackgroundTasks, job: JobId) -> TakenView:
    """fal says that a job is over. Signed with `X-Fal-Webhook-*`; may come early, late or twice."""
    body = await request.body()
    try:
        await services.parts.fal_signatures.check(request.headers, body)
    except KeysUnavailable:
        raise ApiError(503, FailureCode.PROVIDER_UNAVAILABLE, "the signature cannot be checked now") from None
    except SignatureRefused as error:
        raise _refused(Provider.FAL, error) from None
    found = _read(_FalBody, body)
    return await _taken(services, background, Provider.FAL, job, found.request_id)


@router.post("/sync", openapi_extra=_taking("id"), responses=_RESPONSES)
async def sync(services: Given, request: Request, background: BackgroundTasks, job: JobId) -> TakenView:
    """sync.so says that a generation is over. Signed with `Sync-Signature`; may come early, late or twice."""
    body = await request.body()
    secret = services.settings.sync_webhook_secret
    try:
        if secret is None:
            raise SignatureRefused("SYNC_WEBHOOK_SECRET is not set")
        check_sync(request.headers, body, secret=secret, now=time.time())
    except SignatureRefused as error:
        raise _refused(Provider.SYNC, error) from None
    found = _read(_SyncBody, body)
    return await _taken(services, background, Provider.SYNC, job, found.id)


def _refused(provider: Provider, error: SignatureRefused) -> ApiError:
    """Why stays in our log: a forger need not learn it."""
    log.warning("a webhook in %s's name was refused: %s", provider, error)
    return ApiError(401, "unauthorized", "the signature does not hold", WWW_Authenticate="Signature")


def _read(kind: type[BodyT], body: bytes) -> BodyT:
    found = parse(kind, body)
    if found is None:
        raise ApiError(400, "unreadable_body", "the body is not a webhook of this vendor")
    return found


async def _taken(
    services: Services, background: BackgroundTasks, provider: Provider, job_id: str, request_id: str
) -> TakenView:
    announcements = Announcements(services.database, purchases_of(services.parts))
    scene_id = await announcements.take(provider, job_id, request_id)
    if scene_id is not None:
        background.add_task(_tell, services, scene_id)  # vendors want their answer at once
    return TakenView(status="taken")


async def _tell(services: Services, scene_id: str) -> None:
    """Wake the scene's run; one that does not hear it looks again by itself after a while."""
    try:
        await tell_purchase_changed(await services.temporal(), scene_id)
    except (RejectedError, *AWAY) as error:
        log.warning("scene %s was not told of its purchase: %s", scene_id, error)
