"""The identity check: does a picture show exactly one face, and that of its identity?"""

import hashlib

from domain.rejections import RejectedError
from models.enums import FacePolicy, FaceVerdict
from models.faces import FaceCheck, FaceMeasures
from models.settings import PlanSettings

INSTALL = "Install the extra identity-check where the worker runs (README.md), or set DEVATAR_FACE_POLICY=off"


def check_installed(settings: PlanSettings) -> None:
    """Raises RejectedError when pictures are to be checked and the check is not installed."""
    if settings.face_policy is not FacePolicy.OFF and not settings.identity_check:
        problem = f"it is {settings.face_policy}, but the identity check is not installed"
        raise RejectedError("DEVATAR_FACE_POLICY", problem, INSTALL)


def judge(measures: FaceMeasures, threshold: float) -> FaceVerdict:
    """A single face passes when its similarity reaches the threshold, or when there was nothing to compare it with."""
    if measures.faces != 1:
        return FaceVerdict.MANY_FACES if measures.faces else FaceVerdict.NO_FACE
    if measures.similarity is not None and measures.similarity < threshold:
        return FaceVerdict.OTHER_PERSON
    return FaceVerdict.PASSED


def next_seed(asked: str, retry: int) -> int:
    """The seed of another try at the picture that was asked for: the same at every run, so none is bought twice."""
    return int(hashlib.sha256(f"{asked}:{retry}".encode()).hexdigest()[:8], 16) // 2


def describe(check: FaceCheck) -> str:
    """The check in one clause, for logs and for the person who approves."""
    match check.verdict:
        case FaceVerdict.NO_FACE:
            return "the picture shows no face"
        case FaceVerdict.MANY_FACES:
            return f"the picture shows {check.faces} faces, not one"
        case FaceVerdict.OTHER_PERSON:
            return f"the face is another person's: {_score(check)}"
        case FaceVerdict.PASSED if check.similarity is None:
            return "the picture shows one face; the identity has no reference headshot to compare it with"
        case FaceVerdict.PASSED:
            return f"the face is the identity's: {_score(check)}"


def _score(check: FaceCheck) -> str:
    return f"similarity {check.similarity or 0:.2f}, wanted {check.threshold:.2f}"
