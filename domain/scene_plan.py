"""A scene, its identity and the settings become one plan, or a clear no, before anything is bought."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from domain.dialogue import check_dialogue
from domain.identity import EffectiveIdentity, effective_voice
from domain.identity_check import check_installed
from domain.mode import decide_mode
from domain.prompts import NEGATIVE_PROMPT, build_identity_prompt, build_video_prompt
from domain.rejections import RejectedError
from domain.video_models import video_model
from models.enums import (
    AnchorSource,
    AspectRatio,
    ClipPolicy,
    FacePolicy,
    FailureCode,
    FluxModel,
    GenerationMode,
    Provider,
)
from models.faces import FacePlan
from models.requests import SpeechRequest
from models.scene import ApprovalPlan, ImagePlan, ModeDecision, ScenePlan, VideoPlan
from models.settings import PlanSettings
from models.tables import IdentityProfile, Project, Scene

ChoiceT = TypeVar("ChoiceT", bound=StrEnum)

FLUX_LORA = "fal-ai/flux-lora"
GUIDANCE = 3.5  # the original design's and Flux's default
STEPS = {FLUX_LORA: 28, "fal-ai/flux/dev": 28, "fal-ai/flux/schnell": 4}  # PROVIDERS 1.10
TEXT_TO_IMAGE = {FluxModel.FLUX_DEV: "fal-ai/flux/dev", FluxModel.FLUX_SCHNELL: "fal-ai/flux/schnell"}


# What a take keeps of its inputs beside the plan: no address, since links that users give may carry signatures.
SCENE_INPUTS = (
    *("dialogue", "environment", "wardrobe", "movement", "camera", "mood_lighting", "prompt", "aspect_ratio"),
    *("clip_policy", "voice_id", "seed", "generation_mode", "headshot_asset_id"),
)
IDENTITY_INPUTS = (
    *("name", "subject_description", "trigger_word", "lora_scale", "base_model", "voice_id", "voice_model"),
    *("voice_stability", "voice_similarity", "voice_style", "voice_speaker_boost"),
)


def plan_scene(
    scene: Scene, identity: EffectiveIdentity, settings: PlanSettings, project: Project | None = None
) -> ScenePlan:
    """Resolve everything that does not depend on a provider's answer. Raises RejectedError; buys nothing."""
    profile = identity.profile
    voice = effective_voice(scene, profile, settings)
    check_dialogue(scene.dialogue, model=voice.model, speed=voice.speed, max_speech_s=settings.max_speech_s)
    decision = get_effective_generation_mode(scene, identity, settings)
    _check_providers(decision, settings)
    return ScenePlan(
        scene_id=scene.id,
        name=scene.name,
        identity_id=identity.id,
        identity_name=profile.display_name,
        project_id=scene.project_id,
        decision=decision,
        aspect_ratio=_one_of(AspectRatio, scene.aspect_ratio, "aspect_ratio"),
        clip_policy=_one_of(ClipPolicy, scene.clip_policy, "clip_policy"),
        max_speech_s=settings.max_speech_s,
        speech=SpeechRequest(text=scene.dialogue, voice=voice),
        image=_plan_image(scene, profile, decision, settings),
        video=_plan_video(scene, profile, settings),
        lipsync_model=settings.lipsync_model,
        search_attributes=settings.search_attributes,
        approval=_plan_approval(scene, project, settings),
        face=_plan_face(decision, settings),
        inputs=_inputs(scene, profile),
    )


def redrawn_image(plan: ScenePlan, *, seed: int | None, prompt: str | None) -> ImagePlan | None:
    """The plan's picture with another seed, or with other words of the scene, where they are given.

    Everything else stays as the run has it, whatever was edited meanwhile. None where no picture is drawn.
    """
    if plan.image is None:
        return None
    changes: dict[str, Any] = {}
    if seed is not None:
        changes["seed"] = seed
    if prompt is not None:
        inputs = plan.inputs | {"scene": plan.inputs["scene"] | {"prompt": prompt}}
        changes["prompt"] = _image_prompt(inputs, with_lora=plan.image.lora_scale is not None)
    return plan.image.model_copy(update=changes)


def get_effective_generation_mode(scene: Scene, identity: EffectiveIdentity, settings: PlanSettings) -> ModeDecision:
    """The mode that the scene would be filmed in, and why. Raises RejectedError as `decide_mode` does."""
    return decide_mode(
        _one_of(GenerationMode, scene.generation_mode, "generation_mode") if scene.generation_mode else None,
        has_lora=identity.has_lora,
        has_scene_headshot=bool(scene.headshot_url or scene.headshot),
        has_default_headshot=settings.has_default_headshot,
        on_missing_lora=settings.on_missing_lora,
    )


def _plan_image(
    scene: Scene, identity: IdentityProfile, decision: ModeDecision, settings: PlanSettings
) -> ImagePlan | None:
    if decision.source not in (AnchorSource.LORA, AnchorSource.TEXT_TO_IMAGE):
        return None
    with_lora = decision.source is AnchorSource.LORA
    model = FLUX_LORA if with_lora else TEXT_TO_IMAGE[_one_of(FluxModel, identity.base_model, "identity.base_model")]
    return ImagePlan(
        model=model,
        prompt=_image_prompt(_inputs(scene, identity), with_lora=with_lora),
        steps=STEPS[model],
        guidance=GUIDANCE,
        seed=scene.seed,
        safety_checker=settings.safety_checker,
        lora_scale=identity.lora_scale if with_lora else None,
    )


def _inputs(scene: Scene, identity: IdentityProfile) -> dict[str, Any]:
    return {
        "scene": {name: getattr(scene, name) for name in SCENE_INPUTS},
        "identity": {name: getattr(identity, name) for name in IDENTITY_INPUTS},
    }


def _image_prompt(inputs: Mapping[str, Any], *, with_lora: bool) -> str:
    scene, identity = inputs["scene"], inputs["identity"]
    return build_identity_prompt(
        trigger_word=identity["trigger_word"] if with_lora else "",
        subject=identity["subject_description"],
        wardrobe=scene["wardrobe"],
        environment=scene["environment"],
        prompt=scene["prompt"],
        lighting=scene["mood_lighting"],
    )


def _plan_video(scene: Scene, identity: IdentityProfile, settings: PlanSettings) -> VideoPlan:
    model = video_model(settings.video_provider, settings.video_model)
    return VideoPlan(
        provider=settings.video_provider,
        model=settings.video_model,
        prompt=build_video_prompt(
            subject=identity.subject_description,
            environment=scene.environment,
            movement=scene.movement,
            camera=scene.camera,
        ),
        negative_prompt=NEGATIVE_PROMPT,
        durations=model.durations,
        takes_end_frame=model.takes_end_frame,
    )


def _plan_approval(scene: Scene, project: Project | None, settings: PlanSettings) -> ApprovalPlan | None:
    """The scene's own wish goes before its project's. A picture that a face check doubts is asked about too."""
    wanted = scene.approval if scene.approval is not None else bool(project and project.approval)
    if not wanted:
        return None
    return ApprovalPlan(expires_s=settings.approval_hours * 3600 or None, on_expiry=settings.approval_expiry)


def _plan_face(decision: ModeDecision, settings: PlanSettings) -> FacePlan | None:
    """Pictures with a LoRA are checked: elsewhere there is nobody to resemble."""
    if settings.face_policy is FacePolicy.OFF or decision.source is not AnchorSource.LORA:
        return None
    check_installed(settings)
    expires_s = settings.approval_hours * 3600 or None
    return FacePlan(
        policy=settings.face_policy,
        threshold=settings.face_threshold,
        retries=settings.face_retries,
        approval_expires_s=expires_s,
        on_expiry=settings.approval_expiry,
    )


def _check_providers(decision: ModeDecision, settings: PlanSettings) -> None:
    needed = [Provider.ELEVENLABS, settings.video_provider, Provider.SYNC]
    if decision.source in (AnchorSource.LORA, AnchorSource.TEXT_TO_IMAGE):
        needed.append(Provider.FAL)
    for provider in needed:
        if provider in settings.missing:
            setting = settings.missing[provider]
            raise RejectedError(
                setting,
                f"it is not set, so {provider} cannot be used",
                "Set it in the environment or in .env (see .env.example); `starter.py doctor` shows what is missing",
                FailureCode.UNAUTHORIZED,
            )


def _one_of(kind: type[ChoiceT], value: str, field: str) -> ChoiceT:
    """The choice that a row names; rows may be written by other programs than this one."""
    try:
        return kind(value)
    except ValueError:
        raise RejectedError(field, f"{value!r} is not known", f"Use one of: {', '.join(kind)}") from None
