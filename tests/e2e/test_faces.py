"""The identity check on the whole of Devatar: what was drawn until somebody was content is drawn once."""

from dataclasses import replace

from domain.estimates import Verdict
from models.approving import ApprovalAnswer
from models.enums import ApprovalDecision, AssetKind, Step
from models.inputs import AssetDraft
from models.messages import GenerateSceneResult
from models.tables import Scene
from runtime.approving import send_answer
from runtime.catalog.assets import add_asset
from runtime.catalog.plans import plan_run
from runtime.launching import start_scene
from runtime.settings import ROOT, load_settings
from runtime.wiring import Parts, workshop_of
from tests.support.stack import Stack

# So strict that no drawing passes: each is drawn again once, and then a person is asked.
STRICT = {"DEVATAR_FACE_POLICY": "approve", "DEVATAR_FACE_THRESHOLD": "0.999", "DEVATAR_FACE_RETRIES": "1"}
PHOTOGRAPH = ROOT / "tests/media/photographs/sunak.jpg"


async def approved(stack: Stack, scene: Scene, queue: str, *fresh: Step, after: str = "") -> tuple[str, str]:
    """Film it with a picture that a person approves against the check: its token, and the film."""
    handle = await start_scene(stack.servers.client, scene, queue, fresh=fresh)
    token = await stack.until_asked(scene, after)
    answer = ApprovalAnswer(token=token, by="anna")
    await send_answer(stack.servers.client, scene, ApprovalDecision.APPROVED, answer)
    return token, (await handle.result()).film.key


async def unchanged(stack: Stack, parts: Parts, scene: Scene, queue: str) -> GenerateSceneResult:
    """Film it again: the plan says that nothing is bought, exactly, and nothing is bought or asked."""
    plan, before = await plan_run(parts, scene.id), await stack.bill()
    result = await (await start_scene(stack.servers.client, scene, queue)).result()
    assert {step.verdict for step in plan.steps} == {Verdict.REUSE}
    assert (plan.exact, plan.notes) == (True, ())
    assert await stack.bill() == before
    return result


async def test_an_approved_picture(stack: Stack) -> None:
    """It is filmed again for nothing and without a question, also one that was made anew."""
    identity, room, queue = await stack.identity(), f"room {stack.unique()}", f"faces-{stack.unique()}"
    draft = AssetDraft(kind=AssetKind.HEADSHOT, name="face.jpg", identity=identity.name)
    await add_asset(stack.parts.database, workshop_of(stack.parts), draft, PHOTOGRAPH)
    twin = {"identity": identity.name, "generation_mode": "digital-twin", "environment": room}
    scene = await stack.scene(f"Is it me, {room}?", **twin)
    parts = replace(stack.parts, settings=load_settings({**stack.servers.environment, **STRICT}))
    await stack.control("POST", "/control/variety", json={"on": True})
    try:
        async with stack.worker(queue, STRICT):
            token, film = await approved(stack, scene, queue)
            assert sum(job.step == Step.IMAGE for job in await stack.jobs(scene)) == 2
            assert (await unchanged(stack, parts, scene, queue)).film.key == film

            _, another = await approved(stack, scene, queue, Step.IMAGE, after=token)
            assert another != film
            assert (await unchanged(stack, parts, scene, queue)).film.key == another
    finally:
        await stack.control("POST", "/control/variety", json={"on": False})
