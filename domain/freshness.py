"""What can be made anew although it is stored."""

from collections.abc import Collection

from domain.rejections import RejectedError
from models.enums import Step
from models.scene import ScenePlan

FRESH_STEPS = (Step.SPEECH, Step.IMAGE, Step.VIDEO, Step.LIPSYNC)
"""The steps that are bought; what depends on a new result follows by itself."""


def check_fresh(plan: ScenePlan, fresh: Collection[Step]) -> None:
    """Raises RejectedError for a step that is not bought, or that would come out as it is."""
    for step in fresh:
        if step not in FRESH_STEPS:
            raise RejectedError("fresh", f"{step} is not bought", f"Use some of: {', '.join(FRESH_STEPS)}")
    if Step.IMAGE not in fresh:
        return
    if plan.image is None:
        remedy = "Give the scene another headshot, or none to have a picture drawn"
        raise RejectedError("fresh", f"the picture is not drawn: {plan.decision.reason}", remedy)
    if plan.image.seed is not None:
        problem = f"the scene's seed is {plan.image.seed}, and the same seed draws the same picture"
        raise RejectedError("fresh", problem, "Change the seed, or clear it for a picture that is new each time")
