"""The take that a run leaves: what it was made of, and what it made."""

from domain.ledger import booked, booking_of
from models.artifacts import ArtifactRef
from models.enums import JobState
from models.messages import GenerateSceneResult, PublishSceneInput
from models.tables import ProviderJob, Scene
from models.take_tables import Take
from store.database import Transaction


async def write_take(tx: Transaction, scene: Scene, order: PublishSceneInput, result: GenerateSceneResult) -> None:
    """Write the run's take and make it the current one, unless it bought nothing and made what is current already."""
    film = scene.artifacts.get("film")
    is_current = film is not None and ArtifactRef.model_validate(film).key == order.film.key
    bought = [job for job in await tx.jobs.of_scene(scene.id) if job.run_id == order.run.run_id]
    if scene.current_take is not None and is_current and not bought:
        return
    plan = order.plan
    take = Take(
        scene_id=scene.id,
        number=0,
        run_id=order.run.run_id,
        started_by=order.started_by,
        fresh=list(order.fresh),
        inputs={**plan.inputs, "plan": plan.model_dump(mode="json", exclude={"inputs", "drawn"})},
        mode=plan.decision.mode,
        models={
            "speech": plan.speech.model,
            "image": plan.image.model if plan.image else None,
            "video": plan.video.model,
            "video_provider": plan.video.provider,
            "lipsync": plan.lipsync_model,
        },
        artifacts=artifacts_of(order, result),
        image_seed=order.anchor_seed,
        lora_fingerprint=order.lora_fingerprint,
        clip_seconds=order.clip_plan.seconds,
        sync_mode=order.clip_plan.sync_mode,
        speech_duration_s=order.speech.duration_s or 0.0,
        film_duration_s=result.duration_s,
        cost_micros=sum(map(_spent_micros, bought)),
        face_score=order.face_score,
    )
    make_current(scene, await tx.takes.add(take))


async def show_current_take(tx: Transaction, scene: Scene) -> None:
    """After a run without a film: have the scene tell of the film that it has, not of what that run was going to do."""
    take = await tx.takes.find(scene.id, scene.current_take) if scene.current_take else None
    if take is not None:
        make_current(scene, take)


def make_current(scene: Scene, take: Take) -> None:
    """Have the scene show this take's film and everything that belongs to it."""
    plan = take.inputs["plan"]
    decision, image = plan["decision"], plan["image"]
    scene.anchor_source, scene.mode_reason = decision["source"], decision["reason"]
    scene.mode_fallback = decision["fallback"]
    scene.identity_used, scene.voice_used = plan["identity_id"], plan["speech"]["voice"]["voice_id"]
    scene.image_prompt = image["prompt"] if image else None
    scene.video_prompt, scene.negative_prompt = plan["video"]["prompt"], plan["video"]["negative_prompt"]
    scene.current_take = take.number
    scene.artifacts = take.artifacts
    scene.effective_mode = take.mode
    scene.speech_model, scene.lipsync_model = take.models["speech"], take.models["lipsync"]
    scene.image_model = take.models["image"]
    scene.video_model, scene.video_provider = take.models["video"], take.models["video_provider"]
    scene.image_seed = take.image_seed
    scene.lora_fingerprint = take.lora_fingerprint
    scene.sync_mode = take.sync_mode
    scene.clip_seconds = take.clip_seconds
    scene.speech_duration_s = take.speech_duration_s
    scene.film_duration_s = take.film_duration_s


def artifacts_of(order: PublishSceneInput, result: GenerateSceneResult) -> dict[str, object]:
    """A run's artifacts by what they are, as JSON."""
    refs: dict[str, ArtifactRef] = {
        "speech": order.speech,
        "anchor": order.anchor,
        "base_video": order.base_video,
        "film": order.film,
        "captions_srt": result.captions_srt,
        "captions_vtt": result.captions_vtt,
    }
    artifacts: dict[str, object] = {name: ref.model_dump(mode="json") for name, ref in refs.items()}
    if order.lipsync is not None:
        artifacts["lipsync"] = order.lipsync.model_dump(mode="json")
    artifacts["clips"] = [clip.model_dump(mode="json") for clip in order.clips]
    return artifacts


def _spent_micros(job: ProviderJob) -> int:
    """What the ledger has for it as charged: also where it failed, and another had to be bought in its place."""
    micros = job.estimated_cost_micros if job.actual_cost_micros is None else job.actual_cost_micros
    return booked(booking_of(JobState(job.state), job.actual_cost_micros), micros, 1).spent_micros
