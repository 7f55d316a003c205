"""What takes hold, and what a run bought anew on purpose before it ended without one."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.enums import ApprovalDecision, FailureCode, Step
from models.tables import GenerationLog, ProviderJob, Reuse
from models.take_tables import Approval, Take

_DECLINED = (ApprovalDecision.REDRAWN, ApprovalDecision.REJECTED)
_WRONG_PICTURE = (FailureCode.FACE_MISMATCH, FailureCode.NOT_APPROVED)


def keys_of(artifacts: dict[str, Any]) -> list[str]:
    """The objects of a take."""
    named = [value for name, value in artifacts.items() if name != "clips"]
    return [each["key"] for each in (*named, *artifacts.get("clips", []))]


async def held_by_takes(session: AsyncSession, scene_id: str) -> list[str]:
    """The objects of all takes of a scene."""
    takes = await session.exec(select(col(Take.artifacts)).where(col(Take.scene_id) == scene_id))
    return [key for artifacts in takes for key in keys_of(artifacts)]


def left_over(
    scene_id: str, run_id: str, step: Step, clip: int | None, fingerprint: str, held: Collection[str]
) -> ColumnElement[bool]:
    """Whether a purchase is one of another run that left no take, in none of `held`, and good for the next fresh order.

    A picture that a person declined, or that its run failed for, is not: whoever asks again wants another one.
    """
    job = ProviderJob
    filmed = select(Take.id).where(col(Take.scene_id) == scene_id, col(Take.run_id) == col(job.run_id))
    declined = select(col(Approval.picture)["sha256"].as_string()).where(
        col(Approval.scene_id) == scene_id, col(Approval.decision).in_(_DECLINED)
    )
    reusing = select(col(Reuse.run_id)).where(col(Reuse.job_id) == col(job.id))
    failed_for_it = select(GenerationLog.id).where(
        col(GenerationLog.scene_id) == scene_id,
        col(GenerationLog.error_code).in_(_WRONG_PICTURE),
        (col(GenerationLog.run_id) == col(job.run_id)) | col(GenerationLog.run_id).in_(reusing),
    )
    whole = (
        (col(job.scene_id) == scene_id)
        & (col(job.step) == step)
        & (col(job.clip).is_(None) if clip is None else col(job.clip) == clip)
        & col(job.claim).startswith(f"{fingerprint}:")
        & (col(job.run_id) != run_id)
        & ~filmed.exists()
        & col(job.artifact)["key"].as_string().not_in(held)
    )
    if step is not Step.IMAGE:
        return whole
    return whole & col(job.artifact)["sha256"].as_string().not_in(declined) & ~failed_for_it.exists()
