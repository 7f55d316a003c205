"""The request body of ElevenLabs speech, with its ranges."""

from typing import Annotated, Literal

from pydantic import Field

from studio.vendors.elevenlabs_catalog import DEFAULT_MODEL
from studio.vendors.strict import Strict

Unit = Annotated[float, Field(ge=0, le=1)]
RequestIds = Annotated[list[str], Field(max_length=3)]


class VoiceSettings(Strict):
    """How the voice is used; null means the voice's own setting."""

    stability: Unit | None = None
    similarity_boost: Unit | None = None
    style: Unit | None = None
    use_speaker_boost: bool | None = None
    speed: Annotated[float, Field(ge=0.7, le=1.2)] | None = None
    clone_strength: Unit | None = None


class DictionaryLocator(Strict):
    """A pronunciation dictionary."""

    pronunciation_dictionary_id: str
    version_id: str | None = None


class SpeechInput(Strict):
    """POST /v1/text-to-speech/{voice_id} and its variants."""

    text: str
    model_id: str = DEFAULT_MODEL
    language_code: Annotated[str, Field(pattern="^[a-z]{2}$")] | None = None
    voice_settings: VoiceSettings | None = None
    pronunciation_dictionary_locators: Annotated[list[DictionaryLocator], Field(max_length=3)] | None = None
    seed: Annotated[int, Field(ge=0, le=4_294_967_295)] | None = None
    previous_text: str | None = None
    next_text: str | None = None
    previous_request_ids: RequestIds | None = None
    next_request_ids: RequestIds | None = None
    apply_text_normalization: Literal["auto", "on", "off"] = "auto"
    apply_language_text_normalization: bool = False
    use_pvc_as_ivc: bool = False

    def speed(self) -> float:
        """The speaking speed asked for; 1 is the voice's own."""
        asked = self.voice_settings.speed if self.voice_settings is not None else None
        return 1.0 if asked is None else asked
