"""Record one history of each kind of run: `python -m tests.workflows.record`.

Old files stay: a history that was ever recorded must replay for as long as such a run may be open. New code that makes
other decisions gets new files under new names.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from temporalio.client import WorkflowFailureError

from models.approving import ApprovalAnswer
from models.enums import ApprovalDecision, AssetKind, JobState, Step
from models.inputs import AssetDraft
from models.tables import Scene
from runtime.approving import send_answer
from runtime.catalog.assets import add_asset
from runtime.decisions import give_up
from runtime.launching import SceneHandle, scene_handle, tell_purchase_changed
from runtime.settings import ROOT
from runtime.wiring import workshop_of
from studio.media.portrait import draw_portrait
from tests.support.stack import Stack, running_stack

HISTORIES = Path(__file__).parent / "histories"
PHOTOGRAPH = ROOT / "tests/media/photographs/sunak.jpg"
STRICT = {"DEVATAR_FACE_POLICY": "approve", "DEVATAR_FACE_THRESHOLD": "0.999", "DEVATAR_FACE_RETRIES": "1"}
TWIN: dict[str, Any] = {"generation_mode": "digital-twin"}


async def _twin_loop(stack: Stack) -> Scene:
    return await _film(stack, **TWIN)


async def _twin_cover(stack: Stack) -> Scene:
    text = "Hello, and thank you for watching. Today I want to show you how this little film was made for you."
    return await _film(stack, dialogue=text, clip_policy="cover", **TWIN)


async def _reused(stack: Stack) -> Scene:
    scene = await _film(stack, **TWIN)
    await stack.film(scene)
    return scene


async def _standard_text(stack: Stack) -> Scene:
    return await _film(stack)


async def _standard_headshot(stack: Stack) -> Scene:
    headshot = stack.servers.data_dir / "headshot.png"
    headshot.write_bytes(draw_portrait("a face", face="x", seed=1, width=640, height=480))
    return await _film(stack, headshot=str(headshot))


async def _twin_fallback(stack: Stack) -> Scene:
    return await _film(stack, person={"lora_url": None}, **TWIN)


async def _failed_lora(stack: Stack) -> Scene:
    return await _film(stack, person={"lora_url": stack.lora("missing.safetensors")}, **TWIN)


async def _retried_and_bought_again(stack: Stack) -> Scene:
    for fault in (
        {"provider": "elevenlabs", "fault": "rate_limited", "parameters": {"retry_after": 1}},
        {"provider": "fal", "model": "fal-ai/flux-lora", "fault": "completed_with_error"},
    ):
        await stack.control("POST", "/control/faults", json=fault)
    return await _film(stack, **TWIN)


async def _canceled(stack: Stack) -> Scene:
    stuck = {"provider": "fal", "model": "fal-ai/flux-lora", "fault": "stuck"}
    await stack.control("POST", "/control/faults", json=stuck)
    scene = await _scene(stack, {}, TWIN)
    handle = await stack.start(scene)
    await stack.until(scene, Step.IMAGE, JobState.ACCEPTED)
    await handle.cancel()
    with suppress(WorkflowFailureError):
        await handle.result()
    return scene


async def _held_and_bought_again(stack: Stack) -> Scene:
    lost = {"provider": "fal", "model": "fal-ai/flux-lora", "fault": "accept_then_drop"}
    await stack.control("POST", "/control/faults", json=lost)
    scene = await _scene(stack, {}, TWIN)
    handle = await stack.start(scene)
    await stack.until(scene, Step.IMAGE, JobState.UNKNOWN)
    lost_job = next(job for job in await stack.jobs(scene) if job.step == Step.IMAGE)
    await give_up(stack.parts.database, lost_job.id, "recorded")
    await tell_purchase_changed(stack.servers.client, scene.id)
    await handle.result()
    return scene


async def _over_budget(stack: Stack) -> Scene:
    return await _film(stack, budget_usd="0.05", **TWIN)


async def _approved(stack: Stack) -> Scene:
    scene = await _scene(stack, {}, {"approval": True, **TWIN})
    handle = await stack.start(scene)
    await _answer(stack, scene, ApprovalDecision.APPROVED)
    await handle.result()
    return scene


async def _rejected(stack: Stack) -> Scene:
    scene = await _scene(stack, {}, {"approval": True, **TWIN})
    handle = await stack.start(scene)
    await _answer(stack, scene, ApprovalDecision.REJECTED, reason="too dark")
    with suppress(WorkflowFailureError):
        await handle.result()
    return scene


async def _redrawn(stack: Stack) -> Scene:
    return await _redraw(stack, {}, TWIN)


async def _redrawn_standard(stack: Stack) -> Scene:
    return await _redraw(stack, {"lora_url": None}, {"seed": None})


async def _redraw(stack: Stack, person: dict[str, Any], fields: dict[str, Any]) -> Scene:
    scene = await _scene(stack, person, {"approval": True, **fields})
    handle = await stack.start(scene)
    first = await _answer(stack, scene, ApprovalDecision.REDRAWN)
    await _answer(stack, scene, ApprovalDecision.APPROVED, after=first)
    await handle.result()
    return scene


async def _face_retried(stack: Stack) -> Scene:
    return await _doubted(stack, again=False)


async def _face_reused(stack: Stack) -> Scene:
    return await _doubted(stack, again=True)


async def _doubted(stack: Stack, *, again: bool) -> Scene:
    """A picture that no check lets pass is drawn again and approved by a person; the next run films it again."""
    scene = await _scene(stack, {}, {**TWIN, "environment": f"room {stack.unique()}"})
    draft = AssetDraft(kind=AssetKind.HEADSHOT, name="face.jpg", identity=scene.identity_id)
    await add_asset(stack.parts.database, workshop_of(stack.parts), draft, PHOTOGRAPH)
    async with stack.worker(f"faces-{scene.id}", STRICT) as queue:
        handle = await stack.start(scene, queue)
        await _answer(stack, scene, ApprovalDecision.APPROVED)
        await handle.result()
        if again:
            await (await stack.start(scene, queue)).result()
    return scene


KINDS: dict[str, Callable[[Stack], Awaitable[Scene]]] = {
    "twin_loop": _twin_loop,
    "twin_cover": _twin_cover,
    "twin_fallback": _twin_fallback,
    "standard_text": _standard_text,
    "standard_headshot": _standard_headshot,
    "reused": _reused,
    "failed_lora": _failed_lora,
    "retried_and_bought_again": _retried_and_bought_again,
    "canceled": _canceled,
    "held_and_bought_again": _held_and_bought_again,
    "over_budget": _over_budget,
    "approved": _approved,
    "rejected": _rejected,
    "redrawn": _redrawn,
    "redrawn_standard": _redrawn_standard,
    "face_retried": _face_retried,
    "face_reused": _face_reused,
}


async def _answer(
    stack: Stack, scene: Scene, decision: ApprovalDecision, after: str = "", reason: str | None = None
) -> str:
    token = await stack.until_asked(scene, after)
    answer = ApprovalAnswer(token=token, by="somebody", reason=reason)
    await send_answer(stack.servers.client, scene, decision, answer)
    return token


async def _film(stack: Stack, *, person: dict[str, Any] | None = None, **fields: Any) -> Scene:
    scene = await _scene(stack, person or {}, fields)
    with suppress(WorkflowFailureError):
        await stack.film(scene)
    return scene


async def _scene(stack: Stack, about: dict[str, Any], fields: dict[str, Any]) -> Scene:
    number = stack.unique()
    person = await stack.identity(**about)
    given: dict[str, Any] = {"identity": person.name, "seed": number, **fields}
    return await stack.scene(given.pop("dialogue", f"This is number {number}."), **given)


async def _history(handle: SceneHandle) -> str:
    """The history as JSON, without the name of the machine that it was recorded on."""
    document = json.loads((await handle.fetch_history()).to_json())
    return json.dumps(_anonymous(document), indent=1) + "\n"


def _anonymous(value: object, name: str = "") -> object:
    """Without the machine's name in `identity` and without stack traces, which hold paths."""
    if isinstance(value, dict):
        fields = cast(dict[str, object], value)
        return {key: _anonymous(item, key) for key, item in fields.items() if key != "stackTrace"}
    if isinstance(value, list):
        return [_anonymous(item) for item in cast(list[object], value)]
    return "recorded" if name == "identity" and isinstance(value, str) else value


async def main(prefix: str) -> None:
    """Record all kinds into files that start with `prefix`."""
    with tempfile.TemporaryDirectory() as folder:
        async with running_stack(Path(folder), "320x180") as stack:
            for name, film in KINDS.items():
                scene = await film(stack)
                history = await _history(scene_handle(stack.servers.client, scene.id))
                (HISTORIES / f"{prefix}_{name}.json").write_text(history)
                sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
