"""Settings: where they come from, what is tidied, what is refused, what is never shown."""

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from domain.rejections import RejectedError
from models.enums import FacePolicy, MissingLoraPolicy, Provider
from runtime.settings import ROOT, Settings, environment, load_settings

pytestmark = pytest.mark.usefixtures("env_file")

SECRETS = [
    str(getattr(field.validation_alias, "choices", [""])[0])
    for field in Settings.model_fields.values()
    if "SecretStr" in str(field.annotation)
]


def refusal(variables: dict[str, str]) -> RejectedError:
    with pytest.raises(RejectedError) as caught:
        load_settings(variables)
    return caught.value


def test_defaults() -> None:
    """Without a single variable everything has its documented default, and all vendors are missing."""
    settings = load_settings()
    assert settings.database_url.get_secret_value() == f"sqlite:///{ROOT}/.devatar/devatar.db"
    assert (settings.task_queue, settings.log_level, settings.data_dir) == ("devatar", "INFO", ROOT / ".devatar")
    assert (settings.video_provider, settings.lipsync_model) == (Provider.FAL, "lipsync-2")
    assert settings.effective_video_model == "fal-ai/kling-video/v2.6/pro/image-to-video"
    assert (settings.on_missing_lora, settings.max_speech_seconds) == (MissingLoraPolicy.FALLBACK, 300.0)
    assert (settings.safety_checker, settings.uses_s3, settings.trusted_origins) == (True, False, frozenset())
    assert settings.missing() == {
        Provider.ELEVENLABS: "ELEVENLABS_API_KEY",
        Provider.FAL: "FAL_KEY",
        Provider.SYNC: "SYNC_API_KEY",
        Provider.KLING: "KLING_SECRET_KEY",
    }


@pytest.mark.parametrize(
    ("variable", "written", "field", "read"),
    [
        ("FAL_KEY", "  key:secret\n", "fal_key", SecretStr("key:secret")),
        ("ELEVENLABS_VOICE_ID", "\tvoice ", "elevenlabs_voice_id", "voice"),
        ("DEVATAR_MAX_SPEECH_SECONDS", " 60 ", "max_speech_seconds", 60.0),
        ("DEVATAR_ON_MISSING_LORA", " fail\r\n", "on_missing_lora", MissingLoraPolicy.FAIL),
        ("DEVATAR_SAFETY_CHECKER", " false ", "safety_checker", False),
        ("DEVATAR_DATA_DIR", " /var/lib/devatar ", "data_dir", Path("/var/lib/devatar")),
        ("FAL_QUEUE_URL", " https://queue.example.com/ ", "fal_queue_url", "https://queue.example.com"),
        ("DEVATAR_TRUSTED_ORIGINS", " http://a:1 ,, http://b:2 ", "trusted_origins", {"http://a:1", "http://b:2"}),
        ("DEVATAR_MIN_LORA_BYTES", "0", "min_lora_bytes", 0),
    ],
)
def test_white_space(variable: str, written: str, field: str, read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """White space around a value is dropped, wherever the value comes from; 0 is a value."""
    assert getattr(load_settings({variable: written}), field) == read
    monkeypatch.setenv(variable, written)
    assert getattr(load_settings(), field) == read


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_empty_is_unset(blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any variable that is empty, or nothing but white space, counts as unset."""
    defaults = load_settings()
    names = [str(getattr(field.validation_alias, "choices", [""])[0]) for field in Settings.model_fields.values()]
    assert load_settings(dict.fromkeys(names, blank)) == defaults
    for name in names:
        monkeypatch.setenv(name, blank)
    assert load_settings() == defaults


def test_file(env_file: Path) -> None:
    """The file that DEVATAR_ENV_FILE names is read, with comments, quotes and variables that are not ours."""
    env_file.write_text('# a comment\nFAL_KEY="key:secret"\nexport DEVATAR_TASK_QUEUE=films\nOTHER=1\nSYNC_API_KEY=\n')
    settings = load_settings()
    assert settings.fal_key == SecretStr("key:secret")
    assert settings.task_queue == "films"
    assert settings.sync_api_key is None


def test_named_file(tmp_path: Path) -> None:
    """The variables that are handed in can name another file."""
    other = tmp_path / "other.env"
    other.write_text("DEVATAR_TASK_QUEUE=others\n")
    assert load_settings({"DEVATAR_ENV_FILE": str(other)}).task_queue == "others"


def test_precedence(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is handed in goes before the process's environment, and that before the file; empty overrides no file."""
    env_file.write_text("DEVATAR_TASK_QUEUE=file\n")
    assert load_settings().task_queue == "file"
    monkeypatch.setenv("DEVATAR_TASK_QUEUE", "")
    assert load_settings().task_queue == "file"
    monkeypatch.setenv("DEVATAR_TASK_QUEUE", "process")
    assert load_settings().task_queue == "process"
    assert load_settings({"DEVATAR_TASK_QUEUE": "handed"}).task_queue == "handed"


def test_environment_of_the_sdk(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Temporal's SDK reads follows the same rules: the process before the file, tidied, empty as unset."""
    env_file.write_text("TEMPORAL_ADDRESS=file:7233\nTEMPORAL_NAMESPACE=films\nTEMPORAL_API_KEY=\n")
    monkeypatch.setenv("TEMPORAL_ADDRESS", " process:7233\n")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", " ")
    monkeypatch.delenv("TEMPORAL_API_KEY", raising=False)
    variables = environment()
    assert (variables["TEMPORAL_ADDRESS"], variables["TEMPORAL_NAMESPACE"]) == ("process:7233", "films")
    assert "TEMPORAL_API_KEY" not in variables
    assert variables["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("DEVATAR_MAX_SPEECH_SECONDS", "long", "number"),
        ("DEVATAR_MAX_SPEECH_SECONDS", "301", "less than or equal to 300"),
        ("DEVATAR_MAX_SPEECH_SECONDS", "nan", "less than or equal to 300"),
        ("DEVATAR_ON_MISSING_LORA", "ignore", "'fail' or 'fallback'"),
        ("DEVATAR_LOG_LEVEL", "LOUD", "DEBUG"),
        ("DEVATAR_SAFETY_CHECKER", "perhaps", "boolean"),
        ("DEVATAR_MIN_LORA_BYTES", "-1", "greater than or equal to 0"),
        ("DEVATAR_VENDOR_URL_HOURS", "0.5", "greater than or equal to 1"),
        ("FAL_QUEUE_URL", "queue.fal.run", "http://"),
        ("R2_ENDPOINT_URL", "account.r2.cloudflarestorage.com", "http://"),
        ("R2_PUBLIC_URL", "ftp://films", "http://"),
        ("DEVEN_LORA_URL", "lora.safetensors", "http://"),
        ("DEVATAR_DEFAULT_HEADSHOT_URL", "face.png", "http://"),
        ("DEVATAR_VIDEO_MODEL", "kling-v3", "fal-ai/kling-video"),
        ("DEVATAR_LIPSYNC_MODEL", "lipsync-9", "lipsync-2-pro"),
        ("DEVATAR_FACE_POLICY", "retry", "'off', 'approve' or 'fail'"),
        ("DEVATAR_FACE_THRESHOLD", "1", "less than 1"),
        ("DEVATAR_FACE_THRESHOLD", "nan", "less than 1"),
        ("DEVATAR_FACE_RETRIES", "6", "less than or equal to 5"),
    ],
)
def test_malformed(variable: str, value: str, problem: str, env_file: Path) -> None:
    """A value that cannot be used is refused by the name of its variable, with what is allowed."""
    for error in (refusal({variable: value}), _refusal_from(env_file, variable, value)):
        assert error.field == variable
        assert problem in error.problem


def _refusal_from(env_file: Path, variable: str, value: str) -> RejectedError:
    env_file.write_text(f"{variable}={value}\n")
    return refusal({})


def test_secrets_are_not_shown() -> None:
    """No secret is in the text of the settings or of an error about another variable."""
    assert len(SECRETS) >= 9
    values = {variable: f"hunter2-{variable}" for variable in SECRETS}
    settings = load_settings(values)
    assert "hunter2" not in f"{settings!r} {settings!s} {settings.model_dump_json()}"
    error = refusal({**values, "DEVATAR_VIDEO_MODEL": "none", "DEVATAR_MAX_SPEECH_SECONDS": "0"})
    assert "hunter2" not in f"{error!s} {error.__cause__} {error.__context__ if not error.__suppress_context__ else ''}"
    assert "hunter2" not in settings.for_planning(search_attributes=False).model_dump_json()


@pytest.mark.parametrize(
    ("given", "provider", "model", "missing"),
    [
        ({"FAL_KEY": "k"}, Provider.FAL, "fal-ai/kling-video/v2.6/pro/image-to-video", True),
        ({"KLING_ACCESS_KEY": "a"}, Provider.KLING, "kling-v2-6", True),
        ({"KLING_ACCESS_KEY": "a", "KLING_SECRET_KEY": "s"}, Provider.KLING, "kling-v2-6", False),
        ({"KLING_SECRET_KEY": "s"}, Provider.FAL, "fal-ai/kling-video/v2.6/pro/image-to-video", True),
        ({"KLING_ACCESS_KEY": "a", "DEVATAR_VIDEO_MODEL": "kling-v3"}, Provider.KLING, "kling-v3", True),
    ],
)
def test_kling(given: dict[str, str], provider: Provider, model: str, missing: bool) -> None:
    """Kling's access key moves clips to its own API and its own models."""
    settings = load_settings(given)
    assert (settings.video_provider, settings.effective_video_model) == (provider, model)
    assert (Provider.KLING in settings.missing()) is missing
    planning = settings.for_planning(search_attributes=True)
    assert (planning.video_provider, planning.video_model) == (provider, model)


def test_model_of_another_provider() -> None:
    """A model that the chosen provider does not have is refused with those that it has."""
    error = refusal({"KLING_ACCESS_KEY": "a", "DEVATAR_VIDEO_MODEL": "fal-ai/kling-video/v3/pro/image-to-video"})
    assert error.field == "DEVATAR_VIDEO_MODEL"
    assert "kling-v3" in error.problem


def test_planning() -> None:
    """What planning needs follows from the settings, links as mere facts."""
    given = {
        "ELEVENLABS_VOICE_ID": "v1",
        "DEVEN_LORA_URL": "https://example.com/lora?signature=hunter2",
        "DEVATAR_DEFAULT_HEADSHOT_URL": "https://example.com/face.png",
        "DEVATAR_MAX_SPEECH_SECONDS": "60",
        "DEVATAR_DEFAULT_SUBJECT": "a man",
        "SYNC_API_KEY": "k",
        "DEVATAR_FACE_POLICY": "approve",
        "DEVATAR_FACE_THRESHOLD": "0.48",
        "DEVATAR_FACE_RETRIES": "0",
    }
    planning = load_settings(given).for_planning(search_attributes=True)
    assert (planning.default_voice_id, planning.default_lora, planning.has_default_headshot) == ("v1", True, True)
    assert (planning.max_speech_s, planning.environment_subject) == (60.0, "a man")
    assert planning.environment_trigger_word == "TOK_DEVEN"
    assert (planning.face_policy, planning.face_threshold, planning.face_retries) == (FacePolicy.APPROVE, 0.48, 0)
    assert planning.identity_check
    assert planning.search_attributes
    assert set(planning.missing) == {Provider.ELEVENLABS, Provider.FAL, Provider.KLING}
    assert "example.com" not in planning.model_dump_json()


def test_a_settings_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A misspelt DEVATAR_ENV_FILE must not silently mean the default database."""
    with pytest.raises(RejectedError, match="DEVATAR_ENV_FILE: there is no file"):
        load_settings({"DEVATAR_ENV_FILE": str(tmp_path / "gone.env")})
