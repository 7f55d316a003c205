"""What a person's answer is about: this picture, by this LoRA, at this price, in this run."""

from typing import Any

from temporalio.testing import WorkflowEnvironment

from models.approving import ApprovalQuestion
from models.artifacts import LoraReport
from models.enums import ExpiryPolicy, Step
from models.messages import ValidatedAnchor
from tests.workflows.runs import start, worker_of
from tests.workflows.test_approval import WEEKS, answered, refusal, say, stand_ins, until_asked


async def test_redrawn_with_another_lora(environment: WorkflowEnvironment) -> None:
    """What the LoRA is when a person asks for another picture is what that picture is booked, and filmed, under."""
    contents = iter(["old", "new"])

    async def validate(_: Any) -> ValidatedAnchor:
        report = LoraReport(size=2**28, fingerprint=next(contents), dialect="diffusers", tensors=1)
        return ValidatedAnchor(report=report, subject="Deven")

    acting = stand_ins()
    acting.scripts["validate_identity_anchor"] = validate
    await answered(environment, acting, ("redraw", "picture1", {}), ("approve", "picture2", {}))

    drawn = [item.request.lora.fingerprint for name, item in acting.asked if name == "submit_image"]
    assert drawn == ["old", "new"]
    assert acting.input_of("publish_scene").lora_fingerprint == "new"
    assert next(item.plan for name, item in acting.asked if name == "record_decision") == acting.plan
    assert {acting.input_of(name).identity_id for name in ("validate_identity_anchor", "submit_image")} == {"i1"}


async def test_answer_to_another_run(environment: WorkflowEnvironment) -> None:
    """The same picture in a later run is another question, maybe at another price: it takes its own answer only."""

    async def ask(order: Any) -> ApprovalQuestion:
        return ApprovalQuestion(needed=True, price_micros=11_000, token=order.token)

    acting = stand_ins()
    acting.scripts = {"ask_approval": ask}  # every picture is the same one
    with environment.auto_time_skipping_disabled():
        async with worker_of(environment, acting) as worker:
            earlier, later = await start(environment, worker), await start(environment, worker)
            old, new = await until_asked(earlier), await until_asked(later)
            for stale in (old, "picture"):
                assert f"another picture waits now: {new}" in await refusal(later, "approve", stale)
            for handle, token in ((earlier, old), (later, new)):
                await say(handle, "approve", token)
                await handle.result()


async def test_fresh_video(environment: WorkflowEnvironment) -> None:
    """Whether somebody has to be asked is decided about the very clips that the run then buys."""
    acting = stand_ins(approval=WEEKS.model_copy(update={"on_expiry": ExpiryPolicy.APPROVE}))
    async with worker_of(environment, acting) as worker:
        await (await start(environment, worker, fresh=[Step.VIDEO])).result()

    assert acting.input_of("ask_approval").fresh == acting.input_of("submit_video").fresh != ""
