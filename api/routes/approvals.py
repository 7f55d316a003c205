"""`/api/scenes/{reference}/approval|approve|reject|redraw`: a person decides on the picture before video is bought."""

from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request
from temporalio.service import RPCError

from api.approval_views import ApprovalView, DecisionView
from api.bodies import ApproveBody, RedrawBody, RejectBody
from api.documents import problems
from api.guard import GENERATE, READ, GuardedRoute, caller_of
from api.services import Given, Services
from domain.rejections import RejectedError
from models.approving import ApprovalAnswer
from models.enums import ApprovalDecision
from runtime.approving import approval_of, send_answer
from runtime.catalog.drafts import draft_from
from runtime.catalog.scenes import get_scene
from runtime.launching import mend

router = APIRouter(prefix="/api/scenes/{reference}", tags=["approval"], route_class=GuardedRoute)


@router.get("/approval", openapi_extra=READ)
async def approval(services: Given, reference: str) -> ApprovalView:
    """The picture that waits, with the price of what is left and the token that an answer needs; and past answers."""
    scene = await get_scene(services.database, reference)
    with suppress(RejectedError, RPCError):  # while Temporal is away the record is what there is
        await mend(services.database, await services.temporal(), scene)
    return ApprovalView.of(await approval_of(services.database, scene.id), services.link)


@router.post("/approve", openapi_extra=GENERATE, responses=problems(409))
async def approve(services: Given, request: Request, reference: str, body: ApproveBody) -> DecisionView:
    """The picture is good: the run buys the video. Refused when another picture waits, or none (any more)."""
    return await _answered(services, request, reference, ApprovalDecision.APPROVED, body.model_dump())


@router.post("/reject", openapi_extra=GENERATE, responses=problems(409))
async def reject(services: Given, request: Request, reference: str, body: RejectBody) -> DecisionView:
    """End the run without a film; the picture and the speech are kept for the next one."""
    return await _answered(services, request, reference, ApprovalDecision.REJECTED, body.model_dump())


@router.post("/redraw", openapi_extra=GENERATE, responses=problems(409))
async def redraw(services: Given, request: Request, reference: str, body: RedrawBody) -> DecisionView:
    """Draw another picture and ask again; the scene's seed and prompt change as given. Refused for a headshot."""
    return await _answered(services, request, reference, ApprovalDecision.REDRAWN, body.model_dump())


async def _answered(
    services: Services, request: Request, reference: str, decision: ApprovalDecision, given: dict[str, Any]
) -> DecisionView:
    scene = await get_scene(services.database, reference)
    answer = draft_from(ApprovalAnswer, given | {"by": caller_of(request).name})
    recorded = await send_answer(await services.temporal(), scene, decision, answer)
    return DecisionView(scene_id=scene.id, token=answer.token, decision=recorded.decision, decided_by=answer.by)
