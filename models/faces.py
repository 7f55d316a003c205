"""What the optional identity check sees in a picture, and what it makes of it."""

from models.base import Message
from models.enums import ExpiryPolicy, FacePolicy, FaceVerdict


class FaceMeasures(Message):
    """How many faces a picture shows, and the best cosine similarity (-1 to 1) of its face to those of the references.

    `similarity` is unset where there is nothing to compare: no reference, or not exactly one face.
    """

    faces: int
    similarity: float | None = None


class FaceCheck(FaceMeasures):
    """The measures and the verdict that follows from them at a threshold."""

    threshold: float
    verdict: FaceVerdict


class FacePlan(Message):
    """How a scene's picture is checked: what a face must reach, and what happens when it does not.

    `retries` is how many pictures with a new seed may be bought before `policy` decides. Under `approve` a person is
    asked then, until `approval_expires_s` have passed and `on_expiry` decides.
    """

    policy: FacePolicy
    threshold: float
    retries: int
    approval_expires_s: float | None = None
    on_expiry: ExpiryPolicy = ExpiryPolicy.REJECT
