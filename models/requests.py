"""What is asked of a provider: everything that its output depends on, with media as artifact references.

These are recorded in workflow history, so they hold no URL that carries a signature and no secret.
"""

from models.artifacts import ArtifactRef
from models.base import Message
from models.enums import AspectRatio, SyncMode


class Voice(Message):
    """A voice and its five settings as ElevenLabs names them; `speed` is a factor of 0.7 to 1.2."""

    voice_id: str
    model: str
    stability: float
    similarity: float
    style: float
    speaker_boost: bool
    speed: float = 1.0


class SpeechRequest(Message):
    """One line of dialogue, spoken."""

    text: str
    voice: Voice
    output_format: str = "mp3_44100_128"
    seed: int | None = None

    @property
    def model(self) -> str:
        """The speech model's id."""
        return self.voice.model


class Lora(Message):
    """A LoRA to load: `url` is what the provider fetches, `fingerprint` what the output depends on.

    `url` stays empty in workflow history, since a user's link may carry a signature; the activity that submits fills it
    in.
    """

    scale: float
    fingerprint: str
    url: str = ""


class ImageRequest(Message):
    """One picture by Flux; `model` is fal's endpoint id."""

    model: str
    prompt: str
    aspect_ratio: AspectRatio
    steps: int
    guidance: float
    seed: int | None = None
    lora: Lora | None = None
    safety_checker: bool = True


class VideoRequest(Message):
    """One clip by Kling of `seconds` length; `model` is the provider's id."""

    model: str
    prompt: str
    negative_prompt: str
    aspect_ratio: AspectRatio
    start_image: ArtifactRef
    end_image: ArtifactRef | None
    seconds: int


class LipsyncRequest(Message):
    """The mouth of `video` made to follow `audio`; `model` is sync.so's id."""

    model: str
    video: ArtifactRef
    audio: ArtifactRef
    sync_mode: SyncMode


PaidRequest = SpeechRequest | ImageRequest | VideoRequest | LipsyncRequest
