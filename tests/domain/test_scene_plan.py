"""A scene's plan: what it holds, and what is refused before anything is bought."""

from typing import Any

import pytest

from domain.identity import EffectiveIdentity, effective_identity
from domain.prompts import NEGATIVE_PROMPT
from domain.rejections import RejectedError
from domain.scene_plan import plan_scene, redrawn_image
from models.enums import AnchorSource, AspectRatio, ClipPolicy, FailureCode, GenerationMode, Provider
from models.scene import ScenePlan
from models.settings import PlanSettings
from models.tables import IdentityProfile, Scene

LORA = "https://example.com/lora?signature=secret"
HEADSHOT = {"headshot": {"key": "artifacts/h.png"}}
TWIN = {"generation_mode": "digital-twin"}
KEYS = {Provider.ELEVENLABS: "ELEVENLABS_API_KEY", Provider.FAL: "FAL_KEY", Provider.SYNC: "SYNC_API_KEY"}


def scene(**fields: Any) -> Scene:
    given: dict[str, Any] = {"name": "scene", "dialogue": "Hello there."} | fields
    return Scene(**given)


def identity(**fields: Any) -> EffectiveIdentity:
    given: dict[str, Any] = {
        "name": "deven",
        "display_name": "Deven",
        "trigger_word": "TOK_DEVEN",
        "voice_id": "v1",
    } | fields
    return effective_identity(IdentityProfile(**given), None, PlanSettings())


def plan(of_scene: Scene, of_identity: EffectiveIdentity | None = None, **settings: Any) -> ScenePlan:
    return plan_scene(of_scene, of_identity or identity(lora_url=LORA), PlanSettings(**settings))


def refusal(of_scene: Scene, of_identity: EffectiveIdentity | None = None, **settings: Any) -> RejectedError:
    with pytest.raises(RejectedError) as caught:
        plan(of_scene, of_identity, **settings)
    return caught.value


def test_digital_twin() -> None:
    """A digital twin is drawn by Flux with the LoRA, its trigger word first in the prompt."""
    result = plan(scene(**TWIN, wardrobe="a navy suit", seed=7))
    assert result.decision.source is AnchorSource.LORA
    assert result.image is not None
    assert (result.image.model, result.image.steps, result.image.guidance) == ("fal-ai/flux-lora", 28, 3.5)
    assert result.image.prompt.startswith("TOK_DEVEN, wearing a navy suit, ")
    assert (result.image.seed, result.image.lora_scale, result.image.safety_checker) == (7, 0.95, True)


@pytest.mark.parametrize(
    ("base_model", "model", "steps"), [("flux-dev", "fal-ai/flux/dev", 28), ("flux-schnell", "fal-ai/flux/schnell", 4)]
)
def test_text_to_image(base_model: str, model: str, steps: int) -> None:
    """Without LoRA and headshot the identity's base model draws, and no trigger word stands in the prompt."""
    result = plan(scene(), identity(base_model=base_model), safety_checker=False)
    assert result.image is not None
    assert (result.image.model, result.image.steps, result.image.lora_scale) == (model, steps, None)
    assert "TOK_DEVEN" not in result.image.prompt
    assert result.image.safety_checker is False


@pytest.mark.parametrize("mode", [TWIN, {}])
@pytest.mark.parametrize("wish", [{}, {"seed": 0}, {"prompt": "with a hat"}, {"seed": 9, "prompt": ""}])
def test_redrawn_image(mode: dict[str, Any], wish: dict[str, Any]) -> None:
    """Another picture is the one that the scene would have had with the wished seed and words from the start."""
    fields = mode | {"wardrobe": "a navy suit", "environment": "a park", "prompt": "smiling", "seed": 7}
    subject = identity(lora_url=LORA, subject_description="a tall man")
    redrawn = redrawn_image(plan(scene(**fields), subject), **{"seed": None, "prompt": None} | wish)
    assert redrawn == plan(scene(**fields | wish), subject).image


def test_headshot() -> None:
    """A scene with a headshot has no picture drawn."""
    result = plan(scene(**HEADSHOT))
    assert result.decision.source is AnchorSource.SCENE_HEADSHOT
    assert result.image is None


def test_zero_is_a_value() -> None:
    """0.0 and 0 reach the plan as they are."""
    zeros: dict[str, Any] = {"lora_scale": 0.0, "voice_stability": 0.0, "voice_similarity": 0.0, "voice_style": 0.0}
    result = plan(scene(**TWIN, seed=0), identity(lora_url=LORA, voice_speaker_boost=False, **zeros))
    assert result.image is not None
    assert (result.image.lora_scale, result.image.seed) == (0.0, 0)
    voice = result.speech.voice
    assert (voice.stability, voice.similarity, voice.style, voice.speaker_boost) == (0.0, 0.0, 0.0, False)


def test_everything_else() -> None:
    """Names, picture format, clip policy, limits and models come from the scene, its identity and the settings."""
    result = plan(
        scene(id="abc", project_id="p1", aspect_ratio="9:16", clip_policy="cover", movement="nods"),
        max_speech_s=60.0,
        video_model="fal-ai/kling-video/v3/pro/image-to-video",
        lipsync_model="sync-3",
        search_attributes=True,
    )
    assert (result.scene_id, result.name, result.identity_name, result.project_id) == ("abc", "scene", "Deven", "p1")
    assert (result.aspect_ratio, result.clip_policy) == (AspectRatio.PORTRAIT, ClipPolicy.COVER)
    assert (result.max_speech_s, result.lipsync_model, result.search_attributes) == (60.0, "sync-3", True)
    assert result.speech.text == "Hello there."
    assert "nods" in result.video.prompt
    assert result.video.negative_prompt == NEGATIVE_PROMPT
    assert (result.video.durations, result.video.takes_end_frame) == (tuple(range(3, 16)), True)


@pytest.mark.parametrize("mode", ["standard", None, ""])
def test_unset_mode(mode: str | None) -> None:
    """Rows without a mode mean standard."""
    assert plan(scene(generation_mode=mode)).decision.requested is GenerationMode.STANDARD


def test_fallback_is_told() -> None:
    """The plan says that a digital twin fell back, and why."""
    decision = plan(scene(**TWIN), identity()).decision
    assert (decision.requested, decision.mode, decision.fallback) == ("digital-twin", "standard", True)
    assert "no LoRA" in decision.reason


def test_no_link_in_plan() -> None:
    """A plan travels through workflow history, so no link that a user gave is in it."""
    text = plan(scene(**TWIN, headshot_url="https://example.com/h.png?signature=secret")).model_dump_json()
    assert "secret" not in text
    assert "example.com" not in text


@pytest.mark.parametrize(
    ("fields", "of_identity", "field"),
    [
        ({"dialogue": " "}, {}, "dialogue"),
        ({"dialogue": "?!"}, {}, "dialogue"),
        ({"dialogue": "word " * 6000}, {}, "dialogue"),
        ({}, {"voice_id": None}, "voice_id"),
        ({}, {"voice_model": "eleven_v99"}, "voice_model"),
        ({"generation_mode": "digital_twin"}, {}, "generation_mode"),
        ({"aspect_ratio": "4:3"}, {}, "aspect_ratio"),
        ({"clip_policy": "repeat"}, {}, "clip_policy"),
        ({}, {"base_model": "flux-9"}, "identity.base_model"),
    ],
)
def test_refused(fields: dict[str, Any], of_identity: dict[str, Any], field: str) -> None:
    """What cannot become a film is refused with the name of its field, rows of other programs' making too."""
    error = refusal(scene(**fields), identity(**of_identity))
    assert error.field == field
    assert error.code is FailureCode.INVALID_REQUEST


def test_unknown_video_model() -> None:
    """A video model of another provider is refused with the setting's name."""
    error = refusal(scene(), video_provider=Provider.KLING, video_model="fal-ai/kling-video/v3/pro/image-to-video")
    assert error.field == "DEVATAR_VIDEO_MODEL"
    assert "kling-v3" in error.remedy


@pytest.mark.parametrize("provider", KEYS)
def test_missing_keys(provider: Provider) -> None:
    """A provider that is needed and has no key is named by the setting to set."""
    error = refusal(scene(), missing={provider: KEYS[provider]})
    assert error.field == KEYS[provider]
    assert error.code is FailureCode.UNAUTHORIZED


@pytest.mark.parametrize(
    ("fields", "video_provider", "missing", "needed"),
    [
        (HEADSHOT, Provider.FAL, Provider.FAL, True),  # clips come through fal
        (HEADSHOT, Provider.KLING, Provider.FAL, False),
        (HEADSHOT, Provider.KLING, Provider.KLING, True),
        (HEADSHOT, Provider.FAL, Provider.KLING, False),
        ({}, Provider.KLING, Provider.FAL, True),  # the picture comes from fal
        (TWIN, Provider.KLING, Provider.FAL, True),
    ],
)
def test_only_what_is_needed(fields: dict[str, Any], video_provider: Provider, missing: Provider, needed: bool) -> None:
    """A key that the scene has no use for may be missing."""
    model = "kling-v3" if video_provider is Provider.KLING else "fal-ai/kling-video/v3/pro/image-to-video"
    settings: dict[str, Any] = {
        "video_provider": video_provider,
        "video_model": model,
        "missing": {missing: "SOME_KEY"},
    }
    if needed:
        assert refusal(scene(**fields), **settings).field == "SOME_KEY"
    else:
        assert plan(scene(**fields), **settings)
