"""What can be made anew."""

from collections.abc import Collection

import pytest

from domain.freshness import FRESH_STEPS, check_fresh
from domain.rejections import RejectedError
from models.enums import Step
from models.scene import ImagePlan, ScenePlan
from tests.workflows.stand_ins import plan


def planned(*, seed: int | None = None, headshot: bool = False) -> ScenePlan:
    """A digital twin, or a scene that starts from a headshot."""
    made = plan()
    image: ImagePlan | None = made.image
    assert image is not None
    return made.model_copy(update={"image": None if headshot else image.model_copy(update={"seed": seed})})


@pytest.mark.parametrize(
    ("given", "fresh"),
    [
        (planned(), FRESH_STEPS),
        (planned(seed=0), (Step.SPEECH, Step.VIDEO, Step.LIPSYNC)),
        (planned(headshot=True), (Step.SPEECH, Step.VIDEO, Step.LIPSYNC)),
        (planned(seed=0), ()),
    ],
    ids=["everything", "seed", "headshot", "nothing"],
)
def test_taken(given: ScenePlan, fresh: Collection[Step]) -> None:
    """Whatever is bought can be bought once more."""
    check_fresh(given, fresh)


@pytest.mark.parametrize(
    ("given", "step", "problem", "remedy"),
    [
        (planned(seed=0), Step.IMAGE, "seed is 0", "Change the seed"),
        (planned(headshot=True), Step.IMAGE, "not drawn", "another headshot"),
        (planned(), Step.JOIN, "not bought", "speech, image, video, lipsync"),
    ],
    ids=["seed", "headshot", "free"],
)
def test_refused(given: ScenePlan, step: Step, problem: str, remedy: str) -> None:
    """What would come out as it is, or costs nothing anyway, is refused with what to do instead."""
    with pytest.raises(RejectedError, match=problem) as caught:
        check_fresh(given, [step])
    assert remedy in caught.value.remedy
