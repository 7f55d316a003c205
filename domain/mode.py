"""The mode decision: which picture starts the film, and why."""

from domain.rejections import RejectedError
from models.enums import AnchorSource, FailureCode, GenerationMode, MissingLoraPolicy
from models.scene import ModeDecision


def decide_mode(
    asked: GenerationMode | None,
    *,
    has_lora: bool,
    has_scene_headshot: bool,
    has_default_headshot: bool,
    on_missing_lora: MissingLoraPolicy,
) -> ModeDecision:
    """Decide from what the scene asks and what exists. An unset mode means standard (old rows hold NULL).

    Raises RejectedError (`lora_not_found`) for a digital twin without any LoRA under the policy `fail`. Whether a
    configured LoRA is usable is not decided here: an unusable one fails the scene, it never falls back.
    """
    if asked is GenerationMode.DIGITAL_TWIN and has_lora:
        return _decision(asked, GenerationMode.DIGITAL_TWIN, AnchorSource.LORA, "the identity has a LoRA")
    source, reason = _standard_source(has_scene_headshot, has_default_headshot)
    if asked is not GenerationMode.DIGITAL_TWIN:
        return _decision(GenerationMode.STANDARD, GenerationMode.STANDARD, source, reason)
    if on_missing_lora is MissingLoraPolicy.FAIL:
        raise RejectedError(
            "identity.lora_url",
            "the scene asks for a digital twin and no LoRA is configured",
            "Set the identity's lora_url or DEVEN_LORA_URL, or allow it: DEVATAR_ON_MISSING_LORA=fallback",
            FailureCode.LORA_NOT_FOUND,
        )
    why = f"no LoRA is configured, so the digital twin fell back to standard: {reason}"
    return _decision(asked, GenerationMode.STANDARD, source, why, fallback=True)


def _standard_source(has_scene_headshot: bool, has_default_headshot: bool) -> tuple[AnchorSource, str]:
    if has_scene_headshot:
        return AnchorSource.SCENE_HEADSHOT, "the scene's headshot"
    if has_default_headshot:
        return AnchorSource.DEFAULT_HEADSHOT, "the default headshot"
    return AnchorSource.TEXT_TO_IMAGE, "no headshot, so a picture from the prompt"


def _decision(
    asked: GenerationMode, mode: GenerationMode, source: AnchorSource, reason: str, *, fallback: bool = False
) -> ModeDecision:
    return ModeDecision(requested=asked, mode=mode, source=source, reason=reason, fallback=fallback)
