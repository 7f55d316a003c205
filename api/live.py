"""How a scene stands: its record together with what its run says."""

from temporalio.client import Client
from temporalio.service import RPCError

from api.run_views import ModeView, PendingView, StatusView, StepView
from api.services import Services
from api.views import failure_of
from domain.keys import workflow_id
from domain.rejections import RejectedError
from models.enums import SceneStatus
from models.progress import SceneProgress
from models.tables import Scene
from runtime.catalog.scenes import get_scene
from runtime.launching import Run, mend, newest_run, query_progress
from runtime.temporal import ui_link


async def state_of(services: Services, reference: str) -> StatusView:
    """The scene as it stands; from the record alone while Temporal is away. Raises RejectedError (`not_found`)."""
    scene = await get_scene(services.database, reference)
    try:
        return await live_state_of(services, scene)
    except (RejectedError, RPCError):
        return _view(services, None, scene, None, None)


async def live_state_of(services: Services, scene: Scene) -> StatusView:
    """The scene as it stands. Raises RejectedError or RPCError while Temporal is away."""
    client = await services.temporal()
    run = await newest_run(client, scene.id)
    if run is None or run.over:
        scene = await mend(services.database, client, await get_scene(services.database, scene.id))
    progress = await query_progress(client, scene.id, run.run_id) if run and run.workers else None
    return _view(services, client, scene, run, progress)


def _view(
    services: Services, client: Client | None, scene: Scene, run: Run | None, progress: SceneProgress | None
) -> StatusView:
    under_way = run is not None and not run.over
    run_id = run.run_id if run else scene.run_id
    link = ui_link(client, services.settings, workflow_id(scene.id), run_id) if client and run_id else None
    return StatusView(
        scene_id=scene.id,
        name=scene.name,
        status=SceneStatus.GENERATING if under_way else SceneStatus(scene.status),
        temporal="ok" if client else "away",
        workflow_id=workflow_id(scene.id),
        run_id=run_id,
        temporal_url=link,
        over=not under_way and scene.status != SceneStatus.GENERATING,
        workers=run.workers if run else None,
        mode=ModeView.model_validate(progress.decision) if progress and progress.decision else None,
        mode_fallback=progress.decision.fallback if progress and progress.decision else scene.mode_fallback,
        waits_for_approval=progress is not None and progress.approval is not None,
        steps=[StepView.model_validate(step) for step in progress.steps] if progress else [],
        pending=[PendingView.model_validate(item) for item in run.pending] if run else [],
        cost_micros=progress.cost_micros if progress else None,
        film_duration_s=None if under_way else scene.film_duration_s,
        failure=None if under_way else failure_of(scene),
    )
