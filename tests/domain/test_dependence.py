"""What depends on what: for each field of a scene, an identity and the settings, the steps that it changes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from domain.fingerprints import fingerprint
from domain.identity import as_used
from domain.orders import clips_for, image_request, lipsync_request, video_request
from domain.rejections import RejectedError
from domain.scene_plan import plan_scene
from models.artifacts import ArtifactRef
from models.enums import AnchorSource, ExpiryPolicy, FacePolicy, MissingLoraPolicy, Provider, Step
from models.inputs import IdentityDraft, SceneDraft
from models.requests import Lora
from models.scene import ScenePlan
from models.settings import PlanSettings
from models.tables import IdentityProfile, Project, Scene

ALL = frozenset({Step.SPEECH, Step.IMAGE, Step.VIDEO, Step.LIPSYNC})
SPOKEN = frozenset({Step.SPEECH, Step.LIPSYNC})
DRAWN = frozenset({Step.IMAGE, Step.VIDEO, Step.LIPSYNC})
FILMED = frozenset({Step.VIDEO, Step.LIPSYNC})
SYNCED = frozenset({Step.LIPSYNC})
NONE: frozenset[Step] = frozenset()


@dataclass(frozen=True)
class World:
    """All that a run starts from. `identity` unset: the environment's; the speech takes `speech_s` seconds."""

    scene: Mapping[str, Any] = field(default_factory=dict[str, Any])
    identity: Mapping[str, Any] | None = field(default_factory=dict[str, Any])
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    lora: str = "face"
    headshot: str = "photograph"
    speech_s: float = 7.0

    def changed(self, what: str, changes: Mapping[str, Any]) -> "World":
        """The same but for some fields of the scene, the identity or the settings, or of the world itself."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values.update({what: {**(values[what] or {}), **changes}} if what != "world" else changes)
        return World(**values)

    def plan(self) -> ScenePlan:
        """As `load_scene` makes it."""
        scene = Scene(**SCENE_FIELDS | dict(self.scene))
        settings = PlanSettings(**self.settings)
        person = None if self.identity is None else IdentityProfile(**PERSON | dict(self.identity))
        project = Project(name="p", display_name="P", approval=True) if scene.project_id else None
        return plan_scene(scene, as_used(person, settings), settings, project)


SCENE_FIELDS: dict[str, Any] = {"name": "s", "dialogue": "Hello.", "generation_mode": "digital-twin"}
PERSON: dict[str, Any] = {
    "name": "ann",
    "display_name": "Ann",
    "subject_description": "a woman",
    "trigger_word": "TOK_ANN",
    "lora_url": "https://example.com/ann",
    "voice_id": "voice1",
}
TWIN = World()
DRAWN_FROM_TEXT = World(scene={"generation_mode": "standard"})
NAMELESS = World(identity=None, settings={"default_voice_id": "voice1", "default_lora": True})
FACELESS = World(identity={"lora_url": None, "is_default": True})
VOICELESS = World(identity={"voice_id": None}, settings={"default_voice_id": "voice1"})
KLING = {"video_provider": Provider.KLING, "video_model": "kling-v3"}

# A field may have several rows; where one row says that nothing changes, the value is of no account in that world.
Row = tuple[str, World, dict[str, Any], frozenset[Step]]
SCENE: list[Row] = [
    ("name", TWIN, {"name": "t"}, NONE),
    ("dialogue", TWIN, {"dialogue": "Hello there."}, SPOKEN),
    ("project", TWIN, {"project_id": "p"}, NONE),
    ("identity", TWIN, {"identity_id": "bob"}, NONE),  # by itself: it is the identity's fields that count
    ("generation_mode", TWIN, {"generation_mode": "standard"}, DRAWN),
    ("generation_mode", FACELESS, {"generation_mode": "standard"}, NONE),  # the fallback draws the same
    ("environment", TWIN, {"environment": "a garden"}, DRAWN),
    ("wardrobe", TWIN, {"wardrobe": "a red coat"}, DRAWN),
    ("movement", TWIN, {"movement": "nods"}, FILMED),
    ("camera", TWIN, {"camera": "close"}, FILMED),
    ("mood_lighting", TWIN, {"mood_lighting": "dusk"}, DRAWN),
    ("prompt", TWIN, {"prompt": "freckles"}, DRAWN),
    ("aspect_ratio", TWIN, {"aspect_ratio": "9:16"}, DRAWN),
    ("clip_policy", World(speech_s=12.0), {"clip_policy": "cover"}, FILMED),
    ("clip_policy", TWIN, {"clip_policy": "cover"}, NONE),  # one clip covers the speech either way
    ("headshot", DRAWN_FROM_TEXT, {"headshot": {"key": "artifacts/h.png"}}, DRAWN),
    ("headshot", TWIN, {"headshot": {"key": "artifacts/h.png"}}, NONE),
    ("voice_id", TWIN, {"voice_id": "voice2"}, SPOKEN),
    ("seed", TWIN, {"seed": 0}, DRAWN),
    ("budget_usd", TWIN, {"budget_micros": 1}, NONE),
    ("approval", TWIN, {"approval": True}, NONE),
]
IDENTITY: list[Row] = [
    ("name", TWIN, {"name": "bob"}, NONE),
    ("display_name", TWIN, {"display_name": "Bob"}, NONE),
    ("description", TWIN, {"description": "an actor"}, NONE),
    ("subject_description", TWIN, {"subject_description": "a man"}, DRAWN),
    ("trigger_word", TWIN, {"trigger_word": "TOK_BOB"}, DRAWN),
    ("trigger_word", DRAWN_FROM_TEXT, {"trigger_word": "TOK_BOB"}, NONE),
    ("lora_key", TWIN, {"lora_key": "artifacts/l.safetensors"}, NONE),  # where it lies is nothing: its content counts
    ("lora_url", TWIN, {"lora_url": "https://example.com/ann?signature=2"}, NONE),
    ("lora_url", TWIN, {"lora_url": None}, DRAWN),
    ("lora_scale", TWIN, {"lora_scale": 0.0}, DRAWN),
    ("lora_scale", DRAWN_FROM_TEXT, {"lora_scale": 0.0}, NONE),
    ("base_model", TWIN, {"base_model": "flux-schnell"}, NONE),
    ("base_model", DRAWN_FROM_TEXT, {"base_model": "flux-schnell"}, DRAWN),
    ("voice_id", TWIN, {"voice_id": "voice2"}, SPOKEN),
    ("voice_model", TWIN, {"voice_model": "eleven_v3"}, SPOKEN),
    ("voice_stability", TWIN, {"voice_stability": 0.0}, SPOKEN),
    ("voice_similarity", TWIN, {"voice_similarity": 0.0}, SPOKEN),
    ("voice_style", TWIN, {"voice_style": 0.0}, SPOKEN),
    ("voice_speaker_boost", TWIN, {"voice_speaker_boost": False}, SPOKEN),
    ("is_default", TWIN, {"is_default": True}, NONE),
    ("is_default", FACELESS.changed("settings", {"default_lora": True}), {"is_default": False}, DRAWN),
    ("is_active", TWIN, {"is_active": False}, NONE),
]
SETTINGS: list[Row] = [
    ("default_voice_id", TWIN, {"default_voice_id": "voice2"}, NONE),
    ("default_voice_id", VOICELESS, {"default_voice_id": "voice2"}, SPOKEN),
    ("default_lora", TWIN, {"default_lora": True}, NONE),
    ("default_lora", FACELESS, {"default_lora": True}, DRAWN),
    ("has_default_headshot", TWIN, {"has_default_headshot": True}, NONE),
    ("has_default_headshot", DRAWN_FROM_TEXT, {"has_default_headshot": True}, DRAWN),
    ("on_missing_lora", TWIN, {"on_missing_lora": MissingLoraPolicy.FAIL}, NONE),
    ("max_speech_s", TWIN, {"max_speech_s": 60.0}, NONE),
    ("safety_checker", TWIN, {"safety_checker": False}, DRAWN),
    ("video_provider", TWIN, KLING, FILMED),
    ("video_model", TWIN, {"video_model": "fal-ai/kling-video/v3/pro/image-to-video"}, FILMED),
    ("lipsync_model", TWIN, {"lipsync_model": "lipsync-2-pro"}, SYNCED),
    ("scene_budget_micros", TWIN, {"scene_budget_micros": 1}, NONE),
    ("monthly_budget_micros", TWIN, {"monthly_budget_micros": 1}, NONE),
    ("face_policy", TWIN, {"face_policy": FacePolicy.FAIL, "identity_check": True}, NONE),
    ("face_threshold", TWIN, {"face_threshold": 0.9}, NONE),
    ("face_retries", TWIN, {"face_retries": 9}, NONE),
    ("identity_check", TWIN, {"identity_check": True}, NONE),
    ("approval_hours", TWIN, {"approval_hours": 1.0}, NONE),
    ("approval_expiry", TWIN, {"approval_expiry": ExpiryPolicy.APPROVE}, NONE),
    ("environment_trigger_word", TWIN, {"environment_trigger_word": "TOK_ENV"}, NONE),
    ("environment_trigger_word", NAMELESS, {"environment_trigger_word": "TOK_ENV"}, DRAWN),
    ("environment_subject", NAMELESS, {"environment_subject": "a man"}, DRAWN),
    ("environment_name", NAMELESS, {"environment_name": "somebody"}, NONE),
    ("missing", TWIN, {"missing": {Provider.KLING: "KLING_ACCESS_KEY"}}, NONE),
    ("search_attributes", TWIN, {"search_attributes": True}, NONE),
]
WORLD: list[Row] = [
    ("LoRA content", TWIN, {"lora": "another face"}, DRAWN),
    ("LoRA content", DRAWN_FROM_TEXT, {"lora": "another face"}, NONE),
    ("headshot content", DRAWN_FROM_TEXT.changed("scene", {"headshot_url": "u"}), {"headshot": "another"}, FILMED),
    ("speech length", TWIN, {"speech_s": 9.5}, NONE),  # the same clips: only other sound would change the lipsync
    ("speech length", TWIN, {"speech_s": 4.0}, FILMED),
]
GROUPS = {"scene": SCENE, "identity": IDENTITY, "settings": SETTINGS, "world": WORLD}


def sha256_of(*parts: object) -> str:
    """Stands for the content of what a step makes, which another request would change."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def made(kind: str, *parts: object, duration_s: float | None = None) -> ArtifactRef:
    """An artifact of its request."""
    sha256 = sha256_of(kind, *parts)
    return ArtifactRef(key=f"artifacts/{sha256}", media_type=kind, size=1, sha256=sha256, duration_s=duration_s)


def fingerprints(world: World) -> dict[Step, object]:
    """Of all purchases of each step, with what is made upstream following from what was asked upstream."""
    plan = world.plan()
    speech = fingerprint(Provider.ELEVENLABS, plan.speech)
    sound = made("audio/mpeg", speech, duration_s=world.speech_s)
    image, picture = _picture(world, plan)
    clip_plan = clips_for(plan, world.speech_s)
    clips = [
        fingerprint(plan.video.provider, video_request(plan, picture, seconds), clip=number)
        for number, seconds in enumerate(clip_plan.seconds, 1)
    ]
    lipsync = lipsync_request(plan, clip_plan, made("video/mp4", *clips), sound)
    return {
        Step.SPEECH: speech,
        Step.IMAGE: image,
        Step.VIDEO: clips,
        Step.LIPSYNC: fingerprint(Provider.SYNC, lipsync),
    }


def _picture(world: World, plan: ScenePlan) -> tuple[str | None, ArtifactRef]:
    if plan.image is None:
        assert plan.decision.source in (AnchorSource.SCENE_HEADSHOT, AnchorSource.DEFAULT_HEADSHOT)
        return None, made("image/png", world.headshot, plan.aspect_ratio)
    scale = plan.image.lora_scale
    lora = None if scale is None else Lora(scale=scale, fingerprint=sha256_of(world.lora))
    image = fingerprint(Provider.FAL, image_request(plan, plan.image, lora))
    return image, made("image/png", image)


ROWS = [
    pytest.param(group, world, changes, steps, id=f"{group}.{name}-{number}")
    for group, table in GROUPS.items()
    for number, (name, world, changes, steps) in enumerate(table)
]


@pytest.mark.parametrize(("group", "world", "changes", "steps"), ROWS)
def test_each_field(group: str, world: World, changes: dict[str, Any], steps: frozenset[Step]) -> None:
    """A change of the field changes exactly the requests of these steps: those are bought anew, all others reused."""
    before, after = fingerprints(world), fingerprints(world.changed(group, changes))
    assert {step for step in before if before[step] != after[step]} == steps


@pytest.mark.parametrize(
    ("group", "fields"),
    [
        ("scene", SceneDraft.model_fields),
        ("identity", IdentityDraft.model_fields),
        ("settings", PlanSettings.model_fields),
    ],
    ids=["scene", "identity", "settings"],
)
def test_every_field_is_classified(group: str, fields: Mapping[str, Any]) -> None:
    """A field that is new has to say here which steps depend on it."""
    assert {name for name, *_ in GROUPS[group]} == set(fields)


def test_the_fields_cover_the_steps() -> None:
    """The world that most rows start from can be filmed, and everything in it is bought."""
    assert all(fingerprints(TWIN).values())


@pytest.mark.parametrize(
    ("world", "group", "changes"),
    [
        (FACELESS, "settings", {"on_missing_lora": MissingLoraPolicy.FAIL}),
        (TWIN, "settings", {"missing": {Provider.SYNC: "SYNC_API_KEY"}}),
    ],
    ids=["no LoRA", "no key"],
)
def test_what_only_allows_or_refuses(world: World, group: str, changes: dict[str, Any]) -> None:
    """Some settings change no request: a run with them makes the same, or nothing."""
    with pytest.raises(RejectedError):
        world.changed(group, changes).plan()
