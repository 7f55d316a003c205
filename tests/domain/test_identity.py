"""Whose face and whose voice a scene gets."""

from typing import Any

import pytest

from domain.identity import effective_identity, effective_voice
from domain.rejections import RejectedError
from models.settings import PlanSettings
from models.tables import IdentityProfile, Scene

NO_SETTINGS = PlanSettings()
WITH_LORA = PlanSettings(default_lora=True)


def person(name: str, **fields: Any) -> IdentityProfile:
    return IdentityProfile(name=name, display_name=name.title(), trigger_word=f"TOK_{name}", **fields)


def scene(**fields: Any) -> Scene:
    return Scene(name="scene", dialogue="Hello.", **fields)


def test_own_identity_first() -> None:
    """The scene's identity goes before the default one."""
    own, default = person("own"), person("default", is_default=True)
    chosen = effective_identity(own, default, NO_SETTINGS)
    assert (chosen.profile, chosen.id) == (own, own.id)


def test_default_identity_second() -> None:
    """Without an identity of its own the scene speaks as the default one."""
    default = person("default", is_default=True)
    chosen = effective_identity(None, default, NO_SETTINGS)
    assert (chosen.profile, chosen.id) == (default, default.id)


def test_environment_last() -> None:
    """Without any identity the environment's words describe the person, who has no id."""
    settings = PlanSettings(environment_trigger_word="TOK_ENV", environment_subject="a woman", default_lora=True)
    chosen = effective_identity(None, None, settings)
    assert chosen.id is None
    assert (chosen.profile.trigger_word, chosen.profile.subject_description) == ("TOK_ENV", "a woman")
    assert chosen.has_lora
    assert chosen.uses_default_lora
    assert not effective_identity(None, None, NO_SETTINGS).has_lora


def test_inactive() -> None:
    """An inactive identity is refused by name; it is not replaced in silence."""
    with pytest.raises(RejectedError, match="'own' is inactive"):
        effective_identity(person("own", is_active=False), person("default", is_default=True), NO_SETTINGS)


LORA: dict[str, Any] = {"lora_url": "https://example.com/lora"}


@pytest.mark.parametrize(
    ("own", "default", "settings", "has_lora", "uses_default"),
    [
        (person("own", **LORA), None, NO_SETTINGS, True, False),
        (person("own", lora_key="loras/own"), None, NO_SETTINGS, True, False),
        (person("own", **LORA), None, WITH_LORA, True, False),
        (person("own"), None, NO_SETTINGS, False, False),
        (person("own"), None, WITH_LORA, False, False),
        (person("own"), person("default", is_default=True, **LORA), WITH_LORA, False, False),
        (person("own", is_default=True), None, WITH_LORA, True, True),
        (None, person("default", is_default=True), WITH_LORA, True, True),
        (None, person("default", is_default=True), NO_SETTINGS, False, False),
        (None, person("default", is_default=True, **LORA), WITH_LORA, True, False),
    ],
)
def test_lora(
    own: IdentityProfile | None,
    default: IdentityProfile | None,
    settings: PlanSettings,
    has_lora: bool,
    uses_default: bool,
) -> None:
    """The settings' LoRA serves the default identity where it has none; nobody else ever gets that face."""
    chosen = effective_identity(own, default, settings)
    assert (chosen.has_lora, chosen.uses_default_lora) == (has_lora, uses_default)


@pytest.mark.parametrize(
    ("of_scene", "of_identity", "of_settings", "used"),
    [
        ("scene", "identity", "settings", "scene"),
        (None, "identity", "settings", "identity"),
        (None, None, "settings", "settings"),
        ("", "", "settings", "settings"),
        ("  ", "\n", "settings", "settings"),
        ("  ", " identity\n", "settings", "identity"),
    ],
)
def test_voice_order(of_scene: str | None, of_identity: str | None, of_settings: str | None, used: str) -> None:
    """The scene's voice, else the identity's, else the settings'; white space is neither a voice nor part of one."""
    settings = PlanSettings(default_voice_id=of_settings)
    voice = effective_voice(scene(voice_id=of_scene), person("own", voice_id=of_identity), settings)
    assert voice.voice_id == used


@pytest.mark.parametrize("nothing", [None, "", " \n"])
def test_no_voice(nothing: str | None) -> None:
    """Without a voice anywhere the scene is refused, with where to set one."""
    settings = PlanSettings(default_voice_id=nothing)
    with pytest.raises(RejectedError, match="ELEVENLABS_VOICE_ID") as caught:
        effective_voice(scene(voice_id=nothing), person("own", voice_id=nothing), settings)
    assert caught.value.field == "voice_id"


def test_manner_of_speaking() -> None:
    """The model and the settings are the identity's, also when the voice is the scene's; 0.0 and False are values."""
    manner: dict[str, Any] = {
        "voice_stability": 0.0,
        "voice_similarity": 0.0,
        "voice_style": 0.0,
        "voice_speaker_boost": False,
    }
    identity = person("own", voice_id="identity", voice_model="eleven_v3", **manner)
    voice = effective_voice(scene(voice_id="scene"), identity, NO_SETTINGS)
    assert voice.model == "eleven_v3"
    assert (voice.stability, voice.similarity, voice.style, voice.speaker_boost) == (0.0, 0.0, 0.0, False)
    assert voice.speed == 1.0
