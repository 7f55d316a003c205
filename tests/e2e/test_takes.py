"""Takes: what each run bought and made, steps made anew on purpose, and older takes made current again."""

import asyncio
import json
import shutil
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from domain.rejections import ConflictError, RejectedError
from domain.takes import artifacts_of, compare
from models.enums import FailureCode, JobState, Step
from models.tables import Scene
from models.take_tables import Take
from runtime.catalog.scenes import patch_scene
from runtime.catalog.takes import check_start, list_takes, use_take
from runtime.launching import cancel_scene, start_scene
from runtime.settings import ROOT
from runtime.wiring import workshop_of
from tests.e2e.test_reuse import step_of
from tests.support.stack import Stack

SECRET = "f00dfeed"
EVERYTHING = {Step.SPEECH, Step.IMAGE, Step.VIDEO, Step.LIPSYNC}


@pytest.fixture
async def variety(stack: Stack) -> AsyncGenerator[None]:
    """What is made anew differs, as at the vendors."""
    await stack.control("POST", "/control/variety", json={"on": True})
    yield
    await stack.control("POST", "/control/variety", json={"on": False})


async def filmed(stack: Stack, scene: Scene, *fresh: Step) -> list[Step]:
    """Film it, the steps in `fresh` anew: what was billed, which is what the run cost."""
    before, queue = await stack.bill(), stack.parts.settings.task_queue
    handle = await start_scene(stack.servers.client, scene, queue, fresh=fresh, started_by="anna")
    result = await handle.result()
    new = (await stack.bill())[len(before) :]
    assert sum(line["price_usd_micros"] for line in new) == result.cost_micros
    return sorted(map(step_of, new), key=list(Step).index)


async def takes_of(stack: Stack, scene: Scene) -> list[Take]:
    """Its takes as the database has them."""
    return [chosen.take for chosen in (await list_takes(stack.parts.database, scene.id))[1]]


async def use(stack: Stack, scene: Scene, number: int) -> None:
    """Make it current."""
    await use_take(stack.parts.database, stack.parts.objects, scene.id, number)


def differing(takes: Sequence[Take], before: int, after: int) -> set[str]:
    """The artifacts whose content differs between two takes, but for the film.

    A film that had to be cut to the speech is encoded anew, and shows the studio's same person in the same bytes.
    """
    return {each.name for each in compare(takes[before - 1], takes[after - 1]).artifacts} - {"film"}


@pytest.mark.usefixtures("variety")
async def test_steps_made_anew_and_older_takes_used_again(stack: Stack) -> None:
    """A fresh step costs itself and what follows; an older take comes back for nothing, and is kept and built upon."""
    identity = await stack.identity(lora_url=f"{stack.lora('deven.safetensors')}?signature={SECRET}")
    scene = await stack.scene(
        f"Take number {stack.unique()}.",
        identity=identity.name,
        generation_mode="digital-twin",
        environment=f"room {stack.unique()}",
    )
    assert set(await filmed(stack, scene)) == EVERYTHING
    assert await filmed(stack, scene, Step.IMAGE) == [Step.IMAGE, Step.VIDEO, Step.LIPSYNC]
    second = await stack.reload(scene)

    await use(stack, scene, 1)
    first = await stack.reload(scene)
    assert await filmed(stack, scene) == []
    kept, takes = await stack.reload(scene), await takes_of(stack, scene)
    assert (second.current_take, first.current_take, kept.current_take) == (2, 1, 1)
    assert [take.number for take in takes] == [1, 2]
    assert first.artifacts == kept.artifacts == takes[0].artifacts
    assert first.version == kept.version == second.version + 1

    assert await filmed(stack, scene, Step.LIPSYNC) == [Step.LIPSYNC]
    assert await filmed(stack, scene, Step.VIDEO) == [Step.VIDEO, Step.LIPSYNC]
    assert await filmed(stack, scene, Step.SPEECH) == [Step.SPEECH, Step.LIPSYNC]
    takes = await takes_of(stack, scene)
    video = {"clip 1", "base_video", "lipsync"}
    assert differing(takes, 1, 2) == video | {"anchor"}
    assert differing(takes, 1, 3) == {"lipsync"}
    assert differing(takes, 3, 4) == video
    assert differing(takes, 4, 5) == {"speech", "lipsync"}

    await use(stack, scene, 1)
    assert await filmed(stack, scene) == []
    assert (await stack.reload(scene)).artifacts == first.artifacts
    assert [take.fresh for take in takes] == [[], ["image"], ["lipsync"], ["video"], ["speech"]]
    assert {take.started_by for take in takes} == {"anna"}
    assert SECRET not in json.dumps([take.model_dump(mode="json") for take in takes])


async def test_a_headshot_by_a_signed_link(stack: Stack, tmp_path: Path) -> None:
    """The link is in no take, the picture cannot be made anew, and what is gone is named when its take is wanted."""
    face = Path(shutil.copy(ROOT / "tests/media/photographs/sunak.jpg", tmp_path))
    kept = await workshop_of(stack.parts).keep(face, "image/jpeg")
    link = stack.parts.objects.sign(kept.key, expires=timedelta(hours=1))
    identity = await stack.identity()
    scene = await stack.scene(f"My face, {stack.unique()}.", identity=identity.name, headshot=link)
    assert Step.IMAGE not in await filmed(stack, scene)
    (take,) = await takes_of(stack, scene)
    stored: Any = take.model_dump(mode="json")
    assert stored["models"]["image"] is None
    assert "?" in link
    assert not {word for word in (link.partition("?")[2], kept.key, "http") if word in json.dumps(stored["inputs"])}

    for refused in (Step.IMAGE, Step.JOIN):
        with pytest.raises(RejectedError, match="fresh: "):
            await check_start(stack.parts.database, stack.parts.settings, scene, [refused])
    with pytest.raises(WorkflowFailureError) as failed:  # a client that does not ask first is told by the run
        await (await start_scene(stack.servers.client, scene, "devatar", fresh=[Step.IMAGE])).result()
    assert getattr(failed.value.cause, "type", None) == FailureCode.INVALID_REQUEST

    lost = artifacts_of(take)["captions_vtt"]
    await stack.parts.objects.delete(lost.key)
    with pytest.raises(ConflictError, match=f"captions_vtt of take 1 is gone or damaged: {lost.key}"):
        await use(stack, scene, 1)


async def test_while_a_run_is_under_way(stack: Stack) -> None:
    """Nothing can be made anew, which that run would not do, and no take can be made current."""
    identity = await stack.identity()
    room = f"room {stack.unique()}"
    scene = await stack.scene(f"Busy, {stack.unique()}.", identity=identity.name, environment=room)
    await filmed(stack, scene)
    await patch_scene(stack.parts.database, None, scene.id, {"environment": f"room {stack.unique()}"})
    await stack.control("POST", "/control/faults", json={"provider": "fal", "fault": "stuck"})
    try:
        handle = await stack.start(scene)
        await stack.until(scene, Step.IMAGE, JobState.ACCEPTED)
        with pytest.raises(ConflictError, match="under way"):
            await start_scene(stack.servers.client, scene, "devatar", fresh=[Step.IMAGE])
        with pytest.raises(ConflictError, match="is generating"):
            await use(stack, scene, 1)
    finally:
        await stack.control("DELETE", "/control/faults")
        await cancel_scene(stack.servers.client, scene.id)
    with pytest.raises(WorkflowFailureError):
        await asyncio.wait_for(handle.result(), 30)
    assert (await stack.reload(scene)).current_take == 1
