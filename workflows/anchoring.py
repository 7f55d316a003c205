"""The anchor picture of a run: fitted or drawn, checked, and approved where somebody is to be asked."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from domain.fingerprints import fingerprint
from domain.identity_check import next_seed
from domain.keys import question_token
from domain.orders import image_request, picture_of_take
from models.approving import ApprovalAnswer, ApprovalQuestion, AskApprovalInput, CheckFaceInput
from models.artifacts import ArtifactRef
from models.enums import ApprovalDecision, FacePolicy, FailureCode, Provider, Step
from models.faces import FacePlan
from models.messages import PrepareHeadshotInput, RunRef, SubmitImageInput, ValidateAnchorInput
from models.requests import Lora
from models.scene import ClipPlan, ImagePlan, ScenePlan
from workflows import policies
from workflows.anchors import Anchor, Drawing, mismatch
from workflows.approvals import Approvals, not_approved
from workflows.board import Board
from workflows.buying import Buyer
from workflows.calls import call
from workflows.failures import failure_of


class Anchoring:
    """Makes the picture that starts every clip."""

    def __init__(self, run: RunRef, board: Board, buyer: Buyer, approvals: Approvals) -> None:
        self._run = run
        self._board = board
        self._buyer = buyer
        self._approvals = approvals

    async def prepare(self, plan: ScenePlan) -> Anchor | Drawing:
        """What costs nothing: the headshot fitted, or the LoRA checked for a picture that is still to be drawn."""
        if plan.image is not None:
            return Drawing(image=plan.image, lora=await self._validate_lora(plan, plan.image))
        self._board.skipped(Step.IDENTITY_ANCHOR, plan.decision.reason)
        return await self._fit_headshot(plan)

    async def make(self, plan: ScenePlan, prepared: Anchor | Drawing) -> Anchor:
        """The picture, bought unless it is a headshot."""
        return prepared if isinstance(prepared, Anchor) else await self._draw_the_person(plan, prepared)

    async def _fit_headshot(self, plan: ScenePlan) -> Anchor:
        with self._board.step(Step.IMAGE, plan.decision.reason):
            order = PrepareHeadshotInput(run=self._run, source=plan.decision.source, aspect_ratio=plan.aspect_ratio)
            picture = await call(policies.PREPARE_HEADSHOT, order, plan.decision.reason)
            self._board.detail(Step.IMAGE, plan.decision.reason)
        return Anchor(picture=picture)

    async def _validate_lora(self, plan: ScenePlan, image: ImagePlan) -> Lora | None:
        if image.lora_scale is None:
            self._board.skipped(Step.IDENTITY_ANCHOR, "no LoRA in this mode")
            return None
        with self._board.step(Step.IDENTITY_ANCHOR, "the LoRA's host"):
            order = ValidateAnchorInput(run=self._run, identity_id=plan.identity_id)
            checked = await call(policies.VALIDATE_ANCHOR, order, "LoRA check")
            size = round(checked.report.size / (1024 * 1024))
            self._board.detail(Step.IDENTITY_ANCHOR, f"LoRA of {checked.subject}: {size}MB")
        return Lora(scale=image.lora_scale, fingerprint=checked.report.fingerprint)

    async def _draw_the_person(self, plan: ScenePlan, drawing: Drawing) -> Anchor:
        """Draw, and where faces are checked draw again with new seeds, a bounded number of times, until it is them."""
        fresh = self._buyer.fresh(Step.IMAGE)
        anchor = await self._draw(plan, drawing, fresh) if fresh else await self._draw_as_before(plan, drawing)
        if plan.face is None:
            return anchor
        asked = fingerprint(Provider.FAL, image_request(plan, drawing.image, drawing.lora))
        if fresh:  # the same picture is followed by the same others, whichever run bought it
            asked += anchor.picture.sha256
        for retry in range(plan.face.retries + 1):
            anchor = await self._checked(plan, plan.face, anchor)
            if anchor.may_be_filmed:
                return anchor
            if retry == plan.face.retries:
                break
            drawn = self._board.of(Step.IMAGE)
            try:
                anchor = await self._draw(plan, drawing.with_seed(next_seed(asked, retry)))
            except ActivityError as error:
                if failure_of(error, Step.IMAGE).code is not FailureCode.BUDGET_EXCEEDED:
                    raise
                self._board.back_to(drawn, f"{drawn.detail}; the budget allows no other")
                break
        if plan.face.policy is FacePolicy.FAIL:
            raise mismatch(anchor)
        return anchor

    async def _draw_as_before(self, plan: ScenePlan, drawing: Drawing) -> Anchor:
        """The current take's picture where it was asked for in the same words, however many were drawn to find it."""
        known = picture_of_take(plan, image_request(plan, drawing.image, drawing.lora))
        if known is None or not workflow.patched("picture-of-the-take"):
            return await self._draw(plan, drawing)
        anchor = await self._draw(plan, drawing.with_seed(known.seed))
        is_it = anchor.picture.sha256 == known.sha256
        return anchor.model_copy(update={"approved": known.approved and is_it})

    async def _checked(self, plan: ScenePlan, face: FacePlan, anchor: Anchor) -> Anchor:
        order = CheckFaceInput(
            run=self._run, picture=anchor.picture, identity_id=plan.identity_id, threshold=face.threshold
        )
        check = await call(policies.CHECK_FACE, order, "identity check")
        return anchor.model_copy(update={"face": check})

    async def _draw(self, plan: ScenePlan, drawing: Drawing, fresh: str = "") -> Anchor:
        image, lora = drawing.image, drawing.lora
        request = image_request(plan, image, lora)
        with self._board.step(Step.IMAGE, f"fal.ai: {image.model}"):
            order = SubmitImageInput(run=self._run, request=request, fresh=fresh, identity_id=plan.identity_id)
            drawn = await self._buyer.buy(
                Step.IMAGE, policies.SUBMIT_IMAGE, order, policies.COLLECT_IMAGE, f"fal.ai: {image.model}"
            )
            self._board.bought(Step.IMAGE, [drawn], f"{drawn.artifact.width}x{drawn.artifact.height}")
        return Anchor(picture=drawn.artifact, seed=drawn.seed, lora_fingerprint=lora.fingerprint if lora else None)

    async def approved(
        self,
        plan: ScenePlan,
        prepared: Anchor | Drawing,
        clip_plan: ClipPlan,
        anchor: Anchor,
        speech: ArtifactRef,
    ) -> tuple[ScenePlan, Anchor]:
        """The picture that a person wants filmed, where somebody is to be asked, and the plan that it was made by."""
        approval = plan.approval or anchor.doubt(plan.face)
        if approval is None:
            self._board.skipped(Step.APPROVAL, "nobody is to be asked")
            return plan, anchor
        plan = plan.model_copy(update={"approval": approval})
        with self._board.step(Step.APPROVAL, "a person's approval"):
            while True:
                self._approvals.round += 1
                question = await self._ask(plan, clip_plan, anchor, speech)
                if not question.needed:
                    self._board.skipped(Step.APPROVAL, "no video is left to buy")
                    return plan, anchor
                token = question.token or anchor.picture.sha256  # a run that asked before tokens were made goes on
                self._board.asks(token, anchor.picture, question.price_micros, anchor.note)
                drawing = prepared if isinstance(prepared, Drawing) else None
                decision, answer = await self._approvals.answer_to(
                    token, approval, can_redraw=drawing is not None, drawn_with=anchor.seed
                )
                self._board.asks_no_more()
                if decision is not ApprovalDecision.REDRAWN or drawing is None:
                    await self._approvals.record(decision, answer)
                    if decision is not ApprovalDecision.APPROVED:
                        raise not_approved(decision, answer)
                    self._board.detail(Step.APPROVAL, f"by {answer.by}")
                    return plan, anchor
                plan, prepared, anchor = await self._redrawn(plan, drawing, answer)

    async def _ask(self, plan: ScenePlan, clip_plan: ClipPlan, anchor: Anchor, speech: ArtifactRef) -> ApprovalQuestion:
        order = AskApprovalInput(
            run=self._run,
            round=self._approvals.round,
            plan=plan,
            clip_plan=clip_plan,
            picture=anchor.picture,
            speech=speech,
            face_score=anchor.score,
            note=anchor.note,
            fresh=self._buyer.fresh(Step.VIDEO),
            token=question_token(self._run.run_id, self._approvals.round, anchor.picture.sha256),
        )
        return await call(policies.ASK_APPROVAL, order, "the question")

    async def _redrawn(
        self, plan: ScenePlan, drawing: Drawing, answer: ApprovalAnswer
    ) -> tuple[ScenePlan, Drawing, Anchor]:
        """Another picture as a person asked for it; its face is checked too, but that decides nothing any more."""
        answer = self._with_seed(answer, drawing)
        recorded = await self._approvals.record(ApprovalDecision.REDRAWN, answer, plan)
        if recorded.image is None:
            changed = answer.model_copy(update={"reason": "its scene needs no drawn picture any more"})
            raise not_approved(ApprovalDecision.REDRAWN, changed)
        # While a person thinks, the LoRA may change: the picture is booked under what is there when it is drawn.
        is_checked = workflow.patched("redraw-checks-lora")
        lora = await self._validate_lora(plan, recorded.image) if is_checked else drawing.lora
        drawing = Drawing(image=recorded.image, lora=lora)
        wished = {
            name: value for name, value in (("seed", answer.seed), ("prompt", answer.prompt)) if value is not None
        }
        inputs = plan.inputs | {"scene": plan.inputs.get("scene", {}) | wished}
        plan = plan.model_copy(update={"image": recorded.image, "inputs": inputs})
        # A seed draws one picture: where that is stored it need not be bought again. Without one each is another.
        fresh = "" if drawing.image.seed is not None else f"{self._run.run_id}-{self._approvals.round}"
        anchor = await self._draw(plan, drawing, fresh)
        if plan.face is not None:
            anchor = await self._checked(plan, plan.face, anchor)
        return plan, drawing, anchor

    def _with_seed(self, answer: ApprovalAnswer, drawing: Drawing) -> ApprovalAnswer:
        """Where the scene pins a seed and no other is given, one at random: the same would draw the same picture."""
        if answer.seed is not None or drawing.image.seed is None or answer.prompt is not None:
            return answer
        return answer.model_copy(update={"seed": workflow.random().randrange(2**31)})
