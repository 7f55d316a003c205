"""The picture that starts every clip: here already, or still to be drawn."""

from models.artifacts import ArtifactRef
from models.base import Message
from models.requests import Lora
from models.scene import ImagePlan


class Anchor(Message):
    """The picture that starts every clip."""

    picture: ArtifactRef
    seed: int | None = None
    lora_fingerprint: str | None = None


class Drawing(Message):
    """A picture that is still to be drawn, with the LoRA that was checked for it."""

    image: ImagePlan
    lora: Lora | None
