"""How a run stands, told to people and programs."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from rich.text import Text
from temporalio.client import Client, WorkflowFailureError

from cli.films import Place, film_of, place_lines
from cli.follow import observe, progress_table, unanswered
from cli.output import Exit, console, say
from cli.session import Session
from models.enums import SceneStatus
from models.messages import Failure, GenerateSceneResult
from models.progress import SceneProgress
from models.tables import Scene
from runtime.launching import Run, SceneHandle, look, run_failure
from workflows.visibility import dollars

EXIT_OF = {SceneStatus.FAILED: Exit.FAILED, SceneStatus.CANCELED: Exit.CANCELED}


@dataclass(frozen=True)
class Outcome:
    """A scene and its newest run, where the server knows one; `attached` says that this command did not start it.

    `film` and `result` are those of a completed run, `failure` says why there is none.
    """

    scene: Scene
    status: SceneStatus
    run: Run | None = None
    attached: bool = True
    progress: SceneProgress | None = None
    result: GenerateSceneResult | None = None
    film: Place | None = None
    failure: Failure | None = None

    @property
    def exit_code(self) -> Exit:
        """For scripts: a run that is not over is no failure."""
        return EXIT_OF.get(self.status, Exit.OK)


async def of_run(open_session: Session, client: Client, scene: Scene, handle: SceneHandle) -> Outcome:
    """The run as it stands, from what Temporal says: good also where the record could not be written."""
    run, progress = await observe(client, handle, scene.id)
    if not run.over:
        return Outcome(scene, SceneStatus.GENERATING, run, progress=progress)
    scene = await open_session.scene(scene.id)
    try:
        result = await handle.result()
    except WorkflowFailureError as error:
        status, failure = run_failure(error)
        if scene.run_id == run.run_id and scene.status == status:
            failure = _recorded_failure(scene) or failure  # it knows the step of a cancel, too
        return Outcome(scene, status, run, progress=progress, failure=failure)
    film = film_of(open_session.settings, scene)
    return Outcome(scene, SceneStatus.COMPLETED, run, progress=progress, result=result, film=film)


async def just_started(client: Client, scene: Scene, handle: SceneHandle) -> Outcome:
    """A run that nobody waits for here."""
    return Outcome(scene, SceneStatus.GENERATING, await look(client, handle))


def of_record(open_session: Session, scene: Scene) -> Outcome:
    """What the database alone says."""
    status = SceneStatus(scene.status)
    film = film_of(open_session.settings, scene) if status is SceneStatus.COMPLETED else None
    return Outcome(scene, status, film=film, failure=_recorded_failure(scene))


def attached(outcome: Outcome, *, to_running: bool) -> Outcome:
    """The same, saying whether this command started the run."""
    return replace(outcome, attached=to_running)


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """For programs; `scene show --json` has the rest of the record."""
    scene, result = outcome.scene, outcome.result
    return {
        "scene_id": scene.id,
        "name": scene.name,
        "status": outcome.status,
        "run_id": outcome.run.run_id if outcome.run else scene.run_id,
        "attached": outcome.attached,
        "run": asdict(outcome.run) if outcome.run else None,
        "mode_asked": scene.generation_mode or "standard",
        "mode": result.mode if result else scene.effective_mode,
        "mode_reason": result.mode_reason if result else scene.mode_reason,
        "mode_fallback": result.mode_fallback if result else scene.mode_fallback,
        "duration_s": result.duration_s if result else None,
        "cost_micros": result.cost_micros if result else _cost_so_far(outcome),
        "film": outcome.film,
        "failure": outcome.failure,
        "progress": outcome.progress,
    }


def print_result(outcome: Outcome) -> None:
    """How a followed run ended, with the film's place alone on a line."""
    result, failure = outcome.result, outcome.failure
    if result is not None:
        mode = f"{result.mode} ({result.mode_reason})"
        if result.mode_fallback:
            say(f"FALLBACK: asked for {result.requested_mode}, used {mode}", "bold yellow")
        for line in place_lines("film", outcome.film) if outcome.film else ():
            say(line)
        say(f"length: {result.duration_s:.2f} s, mode: {mode}, cost of this run: {dollars(result.cost_micros)}")
    elif failure is not None:
        where = f" in {failure.step}" if failure.step else ""
        say(f"{outcome.status}: {failure.user_message} ({failure.code}{where})", "bold red")
        say(f"  {failure.detail}")
        say(f"next: starter.py scene logs {outcome.scene.name}")


def print_status(outcome: Outcome) -> None:
    """A run as it stands, step by step where a worker answers."""
    scene, run = outcome.scene, outcome.run
    if outcome.progress is not None and run is not None:
        console.print(progress_table(outcome.progress, run.pending))
    else:
        console.print(Text(f"scene {scene.id} ({scene.name}): {outcome.status}", "bold"))
    if run is not None and not run.over and (outcome.progress is None or run.workers == 0):
        say(unanswered(run), "yellow")
    print_result(outcome)
    if outcome.status is SceneStatus.DRAFT:
        say(f"next: starter.py scene generate {scene.name}")


def _recorded_failure(scene: Scene) -> Failure | None:
    if scene.failure_code is None:
        return None
    facts = {"code": scene.failure_code, "step": scene.failure_step}
    return Failure.model_validate(
        facts | {"user_message": scene.failure_message or "", "detail": scene.failure_detail or ""}
    )


def _cost_so_far(outcome: Outcome) -> int | None:
    return outcome.progress.cost_micros if outcome.progress else None
