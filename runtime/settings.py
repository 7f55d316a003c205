"""The only reader of the environment and of `.env`. `.env.example` says what each variable means."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, cast

from dotenv import dotenv_values
from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from domain.clips import SYNC_SO_MAX_SPEECH_S
from domain.prices import MICROS_PER_LIPSYNC_SECOND
from domain.rejections import RejectedError
from domain.unknowns import UnknownPolicy, parse_policy
from domain.video_models import VIDEO_MODELS
from media import faces
from models.enums import ExpiryPolicy, FacePolicy, MissingLoraPolicy, Provider, Step
from models.money import BudgetUsd, micros_of
from models.settings import DEFAULT_FACE_RETRIES, DEFAULT_FACE_THRESHOLD, PlanSettings

ROOT = Path(__file__).resolve().parent.parent
KLING_DIRECT_MODEL = "kling-v2-6"
FAL_VIDEO_MODEL = "fal-ai/kling-video/v2.6/pro/image-to-video"


def _split(value: object) -> object:
    return frozenset(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


CommaSeparated = Annotated[frozenset[str], NoDecode, BeforeValidator(_split)]


# Addresses that paths are appended to, and those that are used as they are.
_BASE_URLS = (
    "fal_queue_url",
    "fal_run_url",
    "elevenlabs_base_url",
    "sync_base_url",
    "kling_base_url",
    "r2_public_url",
    "r2_endpoint_url",
    "files_url",
    "temporal_ui_url",
    "public_url",
)
_OTHER_URLS = ("deven_lora_url", "default_headshot_url", "fal_jwks_url")


def _video_provider(kling_access_key: SecretStr | None) -> Provider:
    return Provider.KLING if kling_access_key else Provider.FAL


def named(name: str, default: Any = None, **rules: Any) -> Any:
    """A field that is read from exactly this variable."""
    return Field(default, validation_alias=AliasChoices(name), **rules)


class Settings(BaseSettings):
    """Everything that can be configured. Secrets are `SecretStr`: they print as asterisks."""

    model_config = SettingsConfigDict(extra="ignore", env_file_encoding="utf-8", env_ignore_empty=True)

    database_url: SecretStr = named("DATABASE_URL", SecretStr(f"sqlite:///{ROOT}/.devatar/devatar.db"))
    task_queue: str = named("DEVATAR_TASK_QUEUE", "devatar", min_length=1)
    temporal_ui_url: str | None = named("DEVATAR_TEMPORAL_UI_URL")
    data_dir: Path = named("DEVATAR_DATA_DIR", ROOT / ".devatar")
    log_level: str = named("DEVATAR_LOG_LEVEL", "INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    graceful_shutdown_s: float = named("DEVATAR_GRACEFUL_SHUTDOWN_SECONDS", 10.0, ge=0, le=600)

    api_host: str = named("DEVATAR_API_HOST", "127.0.0.1", min_length=1)
    api_port: int = named("DEVATAR_API_PORT", 8080, ge=0, le=65535)
    api_rate: str = named("DEVATAR_API_RATE", "600/minute", pattern=r"^[1-9][0-9]{0,6}/(second|minute|hour|day)$")
    api_max_upload_mb: int = named("DEVATAR_API_MAX_UPLOAD_MB", 512, ge=1, le=1024)
    api_cors_origins: CommaSeparated = named("DEVATAR_API_CORS_ORIGINS", frozenset[str]())
    public_url: str | None = named("DEVATAR_PUBLIC_URL")

    fal_key: SecretStr | None = named("FAL_KEY")
    fal_queue_url: str = named("FAL_QUEUE_URL", "https://queue.fal.run")
    fal_run_url: str = named("FAL_RUN_URL", "https://fal.run")
    fal_jwks_url: str = named("FAL_JWKS_URL", "https://rest.fal.ai/.well-known/jwks.json")
    elevenlabs_api_key: SecretStr | None = named("ELEVENLABS_API_KEY")
    elevenlabs_base_url: str = named("ELEVENLABS_BASE_URL", "https://api.elevenlabs.io")
    elevenlabs_voice_id: str | None = named("ELEVENLABS_VOICE_ID")
    sync_api_key: SecretStr | None = named("SYNC_API_KEY")
    sync_base_url: str = named("SYNC_BASE_URL", "https://api.sync.so")
    sync_webhook_secret: SecretStr | None = named("SYNC_WEBHOOK_SECRET")
    kling_access_key: SecretStr | None = named("KLING_ACCESS_KEY")
    kling_secret_key: SecretStr | None = named("KLING_SECRET_KEY")
    kling_base_url: str = named("KLING_BASE_URL", "https://api-singapore.klingai.com")

    r2_account_id: str | None = named("R2_ACCOUNT_ID")
    r2_access_key_id: SecretStr | None = named("R2_ACCESS_KEY_ID")
    r2_secret_access_key: SecretStr | None = named("R2_SECRET_ACCESS_KEY")
    r2_bucket_name: str | None = named("R2_BUCKET_NAME")
    r2_public_url: str | None = named("R2_PUBLIC_URL")
    r2_endpoint_url: str | None = named("R2_ENDPOINT_URL")
    files_url: str | None = named("DEVATAR_FILES_URL")
    files_signing_key: SecretStr | None = named("DEVATAR_FILES_SIGNING_KEY")
    vendor_url_hours: float = named("DEVATAR_VENDOR_URL_HOURS", 24.0, ge=1, le=168)
    trusted_origins: CommaSeparated = named("DEVATAR_TRUSTED_ORIGINS", frozenset[str]())

    deven_lora_url: str | None = named("DEVEN_LORA_URL")
    default_trigger_word: str = named("DEVATAR_DEFAULT_TRIGGER_WORD", "TOK_DEVEN")
    default_subject: str = named("DEVATAR_DEFAULT_SUBJECT", "")
    default_headshot_url: str | None = named("DEVATAR_DEFAULT_HEADSHOT_URL")
    on_missing_lora: MissingLoraPolicy = named("DEVATAR_ON_MISSING_LORA", MissingLoraPolicy.FALLBACK)
    min_lora_bytes: int = named("DEVATAR_MIN_LORA_BYTES", 10 * 1024 * 1024, ge=0)
    max_speech_seconds: float = named("DEVATAR_MAX_SPEECH_SECONDS", SYNC_SO_MAX_SPEECH_S, ge=1, le=SYNC_SO_MAX_SPEECH_S)
    speech_timeout_s: float = named("DEVATAR_SPEECH_TIMEOUT_SECONDS", 240.0, ge=10, le=600)
    unknown_speech: str = named("DEVATAR_UNKNOWN_SPEECH", "hold")
    unknown_image: str = named("DEVATAR_UNKNOWN_IMAGE", "rebuy_after:120")
    unknown_video: str = named("DEVATAR_UNKNOWN_VIDEO", "hold")
    unknown_lipsync: str = named("DEVATAR_UNKNOWN_LIPSYNC", "hold")
    poll_patience_minutes: float | None = named("DEVATAR_POLL_PATIENCE_MINUTES", None, gt=0, le=110)
    reconcile_minutes: float = named("DEVATAR_RECONCILE_MINUTES", 5.0, ge=0, le=1440)
    approval_hours: float = named("DEVATAR_APPROVAL_HOURS", 336.0, ge=0, le=8760)
    approval_expiry: ExpiryPolicy = named("DEVATAR_APPROVAL_EXPIRY", ExpiryPolicy.REJECT)
    safety_checker: bool = named("DEVATAR_SAFETY_CHECKER", True)
    face_policy: FacePolicy = named("DEVATAR_FACE_POLICY", FacePolicy.OFF)
    face_threshold: float = named("DEVATAR_FACE_THRESHOLD", DEFAULT_FACE_THRESHOLD, gt=0, lt=1)
    face_retries: int = named("DEVATAR_FACE_RETRIES", DEFAULT_FACE_RETRIES, ge=0, le=5)
    video_model: str | None = named("DEVATAR_VIDEO_MODEL")
    lipsync_model: str = named("DEVATAR_LIPSYNC_MODEL", "lipsync-2")
    scene_budget_usd: BudgetUsd = named("DEVATAR_SCENE_BUDGET_USD")
    monthly_budget_usd: BudgetUsd = named("DEVATAR_MONTHLY_BUDGET_USD")

    @model_validator(mode="before")
    @classmethod
    def _tidy(cls, values: dict[str, object]) -> dict[str, object]:
        """White space around a value is never meant; keys are often pasted with a line break. Empty is unset."""
        tidied = {name: value.strip() if isinstance(value, str) else value for name, value in values.items()}
        return {name: value for name, value in tidied.items() if value != ""}

    @field_validator(*_BASE_URLS, *_OTHER_URLS)
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value

    @field_validator(*_BASE_URLS)
    @classmethod
    def _without_slash(cls, value: str | None) -> str | None:
        return value.rstrip("/") if value is not None else None

    @field_validator("unknown_speech", "unknown_image", "unknown_video", "unknown_lipsync")
    @classmethod
    def _is_policy(cls, value: str) -> str:
        parse_policy(value)
        return value

    @field_validator("video_model")
    @classmethod
    def _known_video_model(cls, value: str | None, info: ValidationInfo) -> str | None:
        owner = _video_provider(info.data.get("kling_access_key"))
        known = [model for provider, model in VIDEO_MODELS if provider is owner]
        if value is not None and value not in known:
            raise ValueError(f"{value!r} is not known; use one of: {', '.join(known)}")
        return value

    @field_validator("lipsync_model")
    @classmethod
    def _known_lipsync_model(cls, value: str) -> str:
        if value not in MICROS_PER_LIPSYNC_SECOND:
            raise ValueError(f"{value!r} is not known; use one of: {', '.join(MICROS_PER_LIPSYNC_SECOND)}")
        return value

    @property
    def video_provider(self) -> Provider:
        """Kling's own API when its key is set, else Kling through fal."""
        return _video_provider(self.kling_access_key)

    @property
    def effective_video_model(self) -> str:
        """The setting, else the provider's default: one that takes an end frame."""
        return self.video_model or (KLING_DIRECT_MODEL if self.kling_access_key else FAL_VIDEO_MODEL)

    @property
    def uses_s3(self) -> bool:
        """True when an S3 bucket is configured; else objects live in a folder of `data_dir`."""
        return bool(self.r2_bucket_name)

    def unknown_policies(self) -> dict[Step, UnknownPolicy]:
        """What each step does about a purchase whose answer was lost."""
        written = {
            Step.SPEECH: self.unknown_speech,
            Step.IMAGE: self.unknown_image,
            Step.VIDEO: self.unknown_video,
            Step.LIPSYNC: self.unknown_lipsync,
        }
        return {step: parse_policy(policy) for step, policy in written.items()}

    def missing(self) -> dict[Provider, str]:
        """For each provider that cannot be used, the variable to set."""
        keys = {
            Provider.ELEVENLABS: ("ELEVENLABS_API_KEY", self.elevenlabs_api_key),
            Provider.FAL: ("FAL_KEY", self.fal_key),
            Provider.SYNC: ("SYNC_API_KEY", self.sync_api_key),
            Provider.KLING: ("KLING_SECRET_KEY", self.kling_access_key and self.kling_secret_key),
        }
        return {provider: variable for provider, (variable, key) in keys.items() if not key}

    def for_planning(self, *, search_attributes: bool) -> PlanSettings:
        """What the planning rules need, without secrets."""
        return PlanSettings(
            default_voice_id=self.elevenlabs_voice_id,
            default_lora=bool(self.deven_lora_url),
            has_default_headshot=bool(self.default_headshot_url),
            on_missing_lora=self.on_missing_lora,
            max_speech_s=self.max_speech_seconds,
            safety_checker=self.safety_checker,
            video_provider=self.video_provider,
            video_model=self.effective_video_model,
            lipsync_model=self.lipsync_model,
            scene_budget_micros=micros_of(self.scene_budget_usd),
            monthly_budget_micros=micros_of(self.monthly_budget_usd),
            face_policy=self.face_policy,
            face_threshold=self.face_threshold,
            face_retries=self.face_retries,
            identity_check=faces.available(),
            environment_trigger_word=self.default_trigger_word,
            environment_subject=self.default_subject,
            missing=self.missing(),
            approval_hours=self.approval_hours,
            approval_expiry=self.approval_expiry,
            search_attributes=search_attributes,
        )


def env_file(variables: Mapping[str, str]) -> Path:
    """`.env`, or the file that DEVATAR_ENV_FILE names. Raises RejectedError when that one is not there."""
    named_file = variables.get("DEVATAR_ENV_FILE", "").strip()
    if named_file and not Path(named_file).exists():
        raise RejectedError(
            "DEVATAR_ENV_FILE", f"there is no file {named_file}", "Name one that exists, or unset it to use .env"
        )
    return Path(named_file or ROOT / ".env")


def environment() -> dict[str, str]:
    """All variables as the SDK's own configuration takes them: the file, overridden by the process's environment.

    An empty one overrides nothing.
    """
    written = dotenv_values(env_file(os.environ))
    return {name: value.strip() for name, value in (*written.items(), *os.environ.items()) if value and value.strip()}


def load_settings(variables: Mapping[str, str] | None = None) -> Settings:
    """Read file and environment, overridden by `variables`. Raises RejectedError that names the first bad variable."""
    make = cast(Callable[..., Settings], Settings)  # by alias, as the environment names them
    given = dict(variables or {})
    try:
        return make(_env_file=env_file({**os.environ, **given}), **given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        variable = str(first["loc"][0]) if first["loc"] else "settings"
        problem = first["msg"].removeprefix("Value error, ")
        raise RejectedError(variable, problem, "Correct it in the environment or in .env") from None
