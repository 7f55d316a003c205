"""The picture that a scene's current take was filmed from, so that the next run films the same one again."""

from domain.fingerprints import fingerprint
from models.artifacts import ArtifactRef
from models.enums import ApprovalDecision, Provider, Step
from models.requests import ImageRequest
from models.scene import DrawnPicture
from models.tables import Scene
from models.take_tables import Take
from store.database import Transaction


async def picture_of_current_take(tx: Transaction, scene: Scene) -> DrawnPicture | None:
    """None where the scene has no take, or a headshot was filmed."""
    take = await tx.takes.find(scene.id, scene.current_take) if scene.current_take else None
    request = await _request_for_picture(tx, take) if take else None
    if take is None or request is None:
        return None
    provider, drawn = request
    plan, sha256 = take.inputs["plan"], take.artifacts["anchor"]["sha256"]
    asked = drawn.model_copy(update={"seed": plan["image"]["seed"]})
    decisions = {row.decision for row in await tx.approvals.of_scene(scene.id) if row.picture["sha256"] == sha256}
    return DrawnPicture(
        asked=fingerprint(provider, asked),
        seed=drawn.seed,
        sha256=sha256,
        approved=ApprovalDecision.APPROVED in decisions,
        checked=bool(plan.get("face")),
        score=take.face_score,
    )


async def _request_for_picture(tx: Transaction, take: Take) -> tuple[Provider, ImageRequest] | None:
    """What bought it: as its plan asked, but for the seed, which differs where the first picture was not the one."""
    image, anchor = take.inputs["plan"]["image"], take.artifacts.get("anchor")
    if not image or not anchor:
        return None
    planned = (image["model"], image["prompt"], take.lora_fingerprint)
    for job in await tx.jobs.stored_as(ArtifactRef.model_validate(anchor).key):
        if job.step == Step.IMAGE:
            request = ImageRequest.model_validate(job.request)
            if (request.model, request.prompt, request.lora and request.lora.fingerprint) == planned:
                return Provider(job.provider), request
    return None
