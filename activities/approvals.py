"""Before video is bought: is the face the identity's, and does a person think the picture good enough?"""

from datetime import timedelta

from temporalio import activity

from activities import journal
from activities.faces import check_picture
from activities.failures import translated_failures
from activities.heartbeats import heartbeating
from activities.journal import Entry
from activities.loras import planned, required_scene
from activities.wanted import Wanted
from activities.workshop import Workshop
from domain.identity_check import describe
from domain.orders import lipsync_request, video_request
from domain.prices import estimate_cost
from domain.scene_plan import redrawn_image
from models.approving import (
    ApprovalQuestion,
    AskApprovalInput,
    CheckFaceInput,
    DecisionRecorded,
    RecordDecisionInput,
)
from models.artifacts import ArtifactRef
from models.enums import ApprovalDecision, FaceVerdict, LogLevel, LogStep, Provider, Step
from models.faces import FaceCheck
from models.settings import PlanSettings
from models.tables import now
from models.take_tables import Approval
from store.database import Database
from store.jobs import Order
from store.objects.port import ObjectStore

_LEVEL = {ApprovalDecision.REJECTED: LogLevel.WARN, ApprovalDecision.EXPIRED: LogLevel.WARN}


class ApprovalActivities:
    """The activities `check_face`, `ask_approval` and `record_decision`."""

    def __init__(self, *, database: Database, workshop: Workshop, objects: ObjectStore, settings: PlanSettings) -> None:
        self._database = database
        self._workshop = workshop
        self._objects = objects
        self._settings = settings

    @activity.defn
    async def check_face(self, order: CheckFaceInput) -> FaceCheck:
        """Compare the picture's face with the identity's reference headshots. Costs nothing."""
        with translated_failures():
            async with heartbeating():
                references: list[ArtifactRef] = []
                async with self._database.transaction() as tx:
                    if order.identity_id is not None:
                        assets = await tx.assets.references_of(order.identity_id)
                        references = [ArtifactRef.model_validate(asset.artifact) for asset in assets]
                check = await check_picture(self._workshop, order.picture, references, order.threshold)
            passed = check.verdict is FaceVerdict.PASSED
            entry = Entry(
                event=f"face:{order.picture.sha256}",
                step=LogStep.IMAGE_GENERATION,
                level=LogLevel.INFO if passed else LogLevel.WARN,
                message=f"Identity check: {describe(check)}",
            )
            async with self._database.transaction() as tx:
                await journal.write(tx, order.run, entry)
        return check

    @activity.defn
    async def ask_approval(self, order: AskApprovalInput) -> ApprovalQuestion:
        """Keep the question for people to find, with the price of what is left; none where nothing is left to buy."""
        plan = order.plan
        with translated_failures():
            price = await self._price_left(order)
            if not price:
                return ApprovalQuestion(needed=False, price_micros=0)
            async with self._database.transaction() as tx:
                expires_s = plan.approval.expires_s if plan.approval else None
                question = Approval(
                    scene_id=order.run.scene_id,
                    run_id=order.run.run_id,
                    round=order.round,
                    token=order.token or order.picture.sha256,
                    picture=order.picture.model_dump(mode="json"),
                    price_micros=price,
                    face_score=order.face_score,
                    expires_at=now() + timedelta(seconds=expires_s) if expires_s else None,
                )
                question = await tx.approvals.ask(question)
                entry = Entry(
                    event=f"approval:{order.round}:asked",
                    step=LogStep.IMAGE_GENERATION,
                    message=f"The picture waits for approval{order.note}",
                    payload={"price_micros": price, "picture": order.picture.key},
                )
                await journal.write(tx, order.run, entry)
        return ApprovalQuestion(needed=True, price_micros=question.price_micros, token=question.token)

    @activity.defn
    async def record_decision(self, order: RecordDecisionInput) -> DecisionRecorded:
        """Write who decided what and when; for another picture, change scene and planned picture as asked."""
        answer, run = order.answer, order.run
        with translated_failures():
            async with self._database.transaction() as tx:
                question = await tx.approvals.find(run.run_id, order.round)
                if question is not None:
                    await tx.approvals.decide(
                        question, order.decision, by=answer.by, reason=answer.reason, seed=answer.seed
                    )
                why = f": {answer.reason}" if answer.reason else ""
                entry = Entry(
                    event=f"approval:{order.round}:{order.decision}",
                    step=LogStep.IMAGE_GENERATION,
                    level=_LEVEL.get(order.decision, LogLevel.INFO),
                    message=f"The picture was {order.decision} by {answer.by}{why}",
                )
                await journal.write(tx, run, entry)
            if order.decision is not ApprovalDecision.REDRAWN:
                return DecisionRecorded(decision=order.decision)
            async with self._database.transaction() as tx:
                scene = await required_scene(tx, run.scene_id)
                changed = {"seed": answer.seed, "prompt": answer.prompt}
                changed = {name: value for name, value in changed.items() if value is not None}
                if any(getattr(scene, name) != value for name, value in changed.items()):
                    scene.version += 1
                for name, value in changed.items():
                    setattr(scene, name, value)
                # The rest of the film is made by the run's plan: what was edited meanwhile shows in the next one.
                plan = order.plan or await planned(tx, scene, self._settings)
        return DecisionRecorded(
            decision=order.decision, image=redrawn_image(plan, seed=answer.seed, prompt=answer.prompt)
        )

    async def _price_left(self, order: AskApprovalInput) -> int:
        """Micro-dollars at most: the clips that nobody has and, since their mouths are still to move, the lipsync."""
        price = 0
        for number, seconds in enumerate(order.clip_plan.seconds, 1):
            request = video_request(order.plan, order.picture, seconds)
            wanted = Wanted(order.run, Step.VIDEO, order.plan.video.provider, request, number, fresh=order.fresh)
            clip = wanted.order()
            price += 0 if await self._is_stored(clip) else clip.estimated_cost_micros
        if not price:
            return 0
        film = lipsync_request(order.plan, order.clip_plan, order.picture, order.speech)
        return price + estimate_cost(Provider.SYNC, film)

    async def _is_stored(self, order: Order) -> bool:
        """As `activities.claims` will look when the run comes to buy it."""
        async with self._database.transaction() as tx:
            found = await tx.jobs.find_stored(order)
        for job in found:
            artifact = ArtifactRef.model_validate(job.artifact)
            if await self._objects.is_intact(artifact.key, size=artifact.size, sha256=artifact.sha256):
                return True
        return False
