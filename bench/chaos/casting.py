"""What a run is made of: its scenes, and what each of its workers is told."""

import os
from collections.abc import Mapping

from bench.chaos.plan import Run, Target
from bench.chaos.stage import Stage
from bench.chaos.worker import Assignment
from models.enums import GenerationMode, Provider, Step
from models.tables import Scene
from tests.support.stack import Stack
from tests.support.studio import KLING_ACCESS_KEY, KLING_SECRET_KEY

UNKNOWN_IMAGE = "rebuy_after:5"
SPEECH_TIMEOUT_S = "10"  # so long an order that the vendor does not list may still be at work
ELEVENLABS, FAL, KLING, SYNC = (provider.value for provider in Provider)

# The models of a run whose answer gets lost are nobody else's, so that the studio's fault falls on it alone.
_LOST: Mapping[Target, tuple[str, str]] = {
    Target.SPEECH: (ELEVENLABS, "eleven_multilingual_v2"),
    Target.IMAGE: (FAL, "fal-ai/flux/schnell"),
    Target.VIDEO_FAL: (FAL, "fal-ai/kling-video/v2.5-turbo/pro/image-to-video"),
    Target.VIDEO_KLING: (KLING, "kling-v3"),
    Target.LIPSYNC: (SYNC, "lipsync-1.9.0-beta"),
}


async def scenes_of(stack: Stack, run: Run, number: int, token: str) -> list[Scene]:
    """Scenes that are new to the vendors and to us in every step, and that they can be asked about by their token."""
    mode = GenerationMode.STANDARD if run.lost is Target.IMAGE else run.mode
    voice_model = _LOST[Target.SPEECH][1] if run.lost is Target.SPEECH else "eleven_turbo_v2_5"
    base_model = "flux-schnell" if run.lost is Target.IMAGE else "flux-dev"
    identity = await stack.identity(voice_model=voice_model, base_model=base_model)
    fields = {"identity": identity.name, "generation_mode": mode, "seed": number, "environment": token}
    return [await stack.scene(f"Take {number}.", **fields) for _ in range(2 if run.shared else 1)]


async def lose_answer(stack: Stack, target: Target) -> None:
    """Let the vendor's next answer to an order of this step never arrive."""
    provider, model = _LOST[target]
    fault = {"provider": provider, "model": model, "fault": "accept_then_drop"}
    await stack.control("POST", "/control/faults", json=fault)


def assignment(stage: Stage, run: Run, number: int, worker: int) -> Assignment:
    """What one of the run's workers is told. The two of a pair die once together: whoever comes by first."""
    marks = stage.folder / "marks" / str(number)
    marks.mkdir(parents=True, exist_ok=True)
    return Assignment(
        environment={**os.environ, **stage.servers.environment, **_settings(stage, run, queue_of(run, number, worker))},
        log=stage.folder / "logs" / f"run-{number}-{worker}.log",
        marks=marks,
        crashes=run.crashes,
        broken_puts=run.broken_puts,
        sabotage=run.sabotage,
    )


def _settings(stage: Stage, run: Run, queue: str) -> dict[str, str]:
    chosen = {
        "DATABASE_URL": stage.urls[run.database],
        "DEVATAR_TASK_QUEUE": queue,
        "DEVATAR_UNKNOWN_IMAGE": UNKNOWN_IMAGE,
        "DEVATAR_SPEECH_TIMEOUT_SECONDS": SPEECH_TIMEOUT_S,
        "DEVATAR_RECONCILE_MINUTES": "0",  # no queue of the drill outlives its scene
    }
    if run.video is Provider.KLING:
        chosen |= {"KLING_ACCESS_KEY": KLING_ACCESS_KEY, "KLING_SECRET_KEY": KLING_SECRET_KEY}
    if run.lost is not None and run.lost.step is Step.VIDEO:
        chosen["DEVATAR_VIDEO_MODEL"] = _LOST[run.lost][1]
    if run.lost is Target.LIPSYNC:
        chosen["DEVATAR_LIPSYNC_MODEL"] = _LOST[run.lost][1]
    if run.impatient:
        chosen["DEVATAR_POLL_PATIENCE_MINUTES"] = "0.01"
    return chosen


def queue_of(run: Run, number: int, worker: int) -> str:
    """The task queue of a worker: each of a pair has its own, others have one together."""
    return f"drill-{number}-{worker}" if run.shared else f"drill-{number}"
