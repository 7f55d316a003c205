"""A scene as it is shown: the whole record for people and for programs."""

from dataclasses import dataclass
from typing import Any

from activities.anchor import without_query
from cli.costs import money_document, money_facts
from cli.films import Place, place_lines
from cli.jobs import job_document, print_jobs
from cli.output import clock, print_facts, print_table, row_document, say
from models.artifacts import ArtifactRef
from models.enums import SceneStatus
from models.tables import IdentityProfile, Project, ProviderJob, Scene
from models.take_tables import Approval
from runtime.catalog.costs import SceneMoney


@dataclass(frozen=True)
class SceneRecord:
    """A scene with what belongs to it; `money` is that of all of its runs, `waiting` its picture to be approved."""

    scene: Scene
    identity: IdentityProfile | None
    project: Project | None
    jobs: list[ProviderJob]
    money: SceneMoney
    film: Place | None
    waiting: Approval | None


def scene_document(record: SceneRecord) -> dict[str, Any]:
    """Everything recorded, for programs."""
    scene = record.scene
    document = row_document(scene)
    document["headshot_url"] = without_query(scene.headshot_url) if scene.headshot_url else None
    return document | {
        "identity": record.identity.name if record.identity else None,
        "project": record.project.name if record.project else None,
        "film": record.film,
        "waits_for_approval": record.waiting is not None,
        **money_document(record.money.costs, record.money.budget),
        "purchases": [job_document(job) for job in record.jobs],
    }


def list_document(scene: Scene, *, waits: bool) -> dict[str, Any]:
    """One entry of `scene list` for programs: `scene show` has the rest."""
    fields = {"id", "name", "status", "identity_id", "project_id", "position", "version", "dialogue", "generation_mode"}
    fields |= {
        "effective_mode",
        "mode_reason",
        "mode_fallback",
        "film_duration_s",
        "failure_code",
        "failure_message",
        "run_id",
    }
    document = scene.model_dump(mode="json", include=fields | {"created_at", "started_at", "ended_at"})
    return document | {"waits_for_approval": waits}


def list_row(scene: Scene, *, waits: bool) -> tuple[object, ...]:
    """One line of `scene list`."""
    length = f"{scene.film_duration_s:.2f} s" if scene.film_duration_s and scene.status == "completed" else None
    mode = f"{scene.effective_mode} (FALLBACK)" if scene.mode_fallback else scene.effective_mode
    words = scene.dialogue if len(scene.dialogue) <= 40 else f"{scene.dialogue[:39]}…"
    status = f"{scene.status}, waits for approval" if waits else scene.status
    return scene.id, scene.name, status, mode, length, scene.failure_code, words


def print_scene(record: SceneRecord) -> None:
    """Everything recorded, for people."""
    scene = record.scene
    say(f"scene {scene.name} ({scene.id}): {scene.status}", _STYLE.get(SceneStatus(scene.status), "bold"))
    if record.waiting:
        say(f"a picture waits for approval: starter.py scene approval {scene.name}", _LOUD)
    print_outcome(record)
    print_facts(_written(record))
    say("")
    print_facts(_made(scene))
    print_facts(money_facts(record.money.costs, record.money.budget))
    if scene.artifacts:
        say("\nARTIFACTS", "bold")
        print_table(("WHAT", "KEY", "TYPE", "BYTES", "LENGTH"), artifact_rows(scene.artifacts))
    if record.jobs:
        say("\nPURCHASES", "bold")
        print_jobs(record.jobs)


def print_outcome(record: SceneRecord) -> None:
    """What came of the last run: the film, or the failure and what to look at; a fallback never in small print."""
    scene = record.scene
    print_fallback(scene)
    if record.film:
        if scene.status != SceneStatus.COMPLETED:
            say("this film is of an earlier run:")
        for line in place_lines("film", record.film):
            say(line)
    if scene.failure_code:
        say(f"{scene.failure_code} in {scene.failure_step or 'the run'}: {scene.failure_message}", "red")
        say(f"  {scene.failure_detail}")


def print_fallback(scene: Scene) -> None:
    """Loud, when the film does not show the face that was asked for."""
    if scene.mode_fallback:
        say(f"FALLBACK: asked for {scene.generation_mode}, used {scene.effective_mode}: {scene.mode_reason}", _LOUD)


_LOUD = "bold yellow"
_STYLE = {
    SceneStatus.COMPLETED: "bold green",
    SceneStatus.FAILED: "bold red",
    SceneStatus.CANCELED: _LOUD,
    SceneStatus.GENERATING: "bold cyan",
}


def _written(record: SceneRecord) -> list[tuple[str, object]]:
    scene = record.scene
    headshot = ArtifactRef.model_validate(scene.headshot).key if scene.headshot else None
    return [
        ("dialogue", scene.dialogue),
        ("identity", record.identity.name if record.identity else "the default identity"),
        ("mode asked", scene.generation_mode or "standard"),
        ("environment", scene.environment),
        ("wardrobe", scene.wardrobe),
        ("movement", scene.movement),
        ("camera", scene.camera),
        ("lighting", scene.mood_lighting),
        ("prompt", scene.prompt),
        ("aspect ratio", scene.aspect_ratio),
        ("clips", scene.clip_policy),
        ("headshot", headshot or (scene.headshot_url and without_query(scene.headshot_url))),
        ("own voice", scene.voice_id),
        ("seed asked", scene.seed),
        ("approval", _approval(record)),
        ("project", record.project and f"{record.project.name}, as number {scene.position}"),
        ("created", clock(scene.created_at)),
    ]


def _approval(record: SceneRecord) -> str | None:
    if record.scene.approval is None:
        return "as its project: asked for" if record.project and record.project.approval else None
    return "asked for" if record.scene.approval else "not asked for"


def _made(scene: Scene) -> list[tuple[str, object]]:
    video = f"{scene.video_model} ({scene.video_provider})" if scene.video_model else None
    clips = " + ".join(str(seconds) for seconds in scene.clip_seconds or [])
    return [
        ("mode used", scene.effective_mode),
        ("why", scene.mode_reason),
        ("face from", scene.anchor_source),
        ("voice", scene.voice_used),
        ("speech model", scene.speech_model),
        ("image model", scene.image_model),
        ("image prompt", scene.image_prompt),
        ("image seed", scene.image_seed),
        ("LoRA content", scene.lora_fingerprint),
        ("video model", video),
        ("video prompt", scene.video_prompt),
        ("negative", scene.negative_prompt),
        ("clip seconds", clips),
        ("lipsync model", scene.lipsync_model),
        ("sync mode", scene.sync_mode),
        ("speech length", scene.speech_duration_s and f"{scene.speech_duration_s:.3f} s"),
        ("film length", scene.film_duration_s and f"{scene.film_duration_s:.3f} s"),
        ("take", scene.current_take),
        ("run", scene.run_id),
        ("started", clock(scene.started_at)),
        ("ended", clock(scene.ended_at)),
    ]


def artifact_rows(artifacts: dict[str, Any]) -> list[tuple[object, ...]]:
    """One line an artifact: what it is, key, type, bytes, length."""
    named = [(name, value) for name, value in artifacts.items() if name != "clips"]
    named += [(f"clip {number}", value) for number, value in enumerate(artifacts.get("clips", []), 1)]
    refs = [(name, ArtifactRef.model_validate(value)) for name, value in named]
    return [(name, r.key, r.media_type, r.size, r.duration_s and f"{r.duration_s:.2f} s") for name, r in refs]
