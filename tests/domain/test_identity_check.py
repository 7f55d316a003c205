"""The identity check's rules: from measures to a verdict, and its words."""

import pytest

from domain.identity_check import check_installed, describe, judge
from domain.rejections import RejectedError
from models.enums import FacePolicy, FaceVerdict
from models.faces import FaceCheck, FaceMeasures
from models.settings import PlanSettings

PASSED, OTHER = FaceVerdict.PASSED, FaceVerdict.OTHER_PERSON
NONE, MANY = FaceVerdict.NO_FACE, FaceVerdict.MANY_FACES


@pytest.mark.parametrize(
    ("faces", "similarity", "verdict", "words"),
    [
        (0, None, NONE, "the picture shows no face"),
        (2, None, MANY, "the picture shows 2 faces, not one"),
        (6, None, MANY, "the picture shows 6 faces, not one"),
        (1, None, PASSED, "the picture shows one face; the identity has no reference headshot to compare it with"),
        (1, 0.41, PASSED, "the face is the identity's: similarity 0.41, wanted 0.40"),
        (1, 0.4, PASSED, "the face is the identity's: similarity 0.40, wanted 0.40"),
        (1, 0.39, OTHER, "the face is another person's: similarity 0.39, wanted 0.40"),
        (1, 0.0, OTHER, "the face is another person's: similarity 0.00, wanted 0.40"),
        (1, -0.1, OTHER, "the face is another person's: similarity -0.10, wanted 0.40"),
    ],
)
def test_a_picture_passes_with_one_face_that_is_similar_enough(
    faces: int, similarity: float | None, verdict: FaceVerdict, words: str
) -> None:
    """The threshold itself passes; without a reference the number of faces alone counts."""
    measures = FaceMeasures(faces=faces, similarity=similarity)

    assert judge(measures, 0.4) is verdict
    assert describe(FaceCheck(**measures.model_dump(), threshold=0.4, verdict=verdict)) == words


@pytest.mark.parametrize("policy", FacePolicy)
@pytest.mark.parametrize("installed", [True, False])
def test_a_policy_that_cannot_be_kept_is_refused(policy: FacePolicy, installed: bool) -> None:
    """A scene that asks for the check is never filmed without it."""
    settings = PlanSettings(face_policy=policy, identity_check=installed)

    if installed or policy is FacePolicy.OFF:
        check_installed(settings)
    else:
        with pytest.raises(RejectedError, match=f"DEVATAR_FACE_POLICY: it is {policy}, but .* not installed"):
            check_installed(settings)
