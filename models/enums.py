"""Closed vocabularies. Every value is stored and sent as the string written here."""

from enum import StrEnum


class GenerationMode(StrEnum):
    """How the anchor picture is made."""

    STANDARD = "standard"
    DIGITAL_TWIN = "digital-twin"


class AnchorSource(StrEnum):
    """Where the picture that starts every clip comes from."""

    LORA = "lora"
    SCENE_HEADSHOT = "scene_headshot"
    DEFAULT_HEADSHOT = "default_headshot"
    TEXT_TO_IMAGE = "text_to_image"


class MissingLoraPolicy(StrEnum):
    """What a digital-twin scene does when no LoRA is configured anywhere."""

    FAIL = "fail"
    FALLBACK = "fallback"


class FluxModel(StrEnum):
    """The Flux model of an identity, for pictures without a LoRA."""

    FLUX_DEV = "flux-dev"
    FLUX_SCHNELL = "flux-schnell"


class ClipPolicy(StrEnum):
    """How clips fill the speech: one that repeats, or enough of them to cover it."""

    LOOP = "loop"
    COVER = "cover"


class AspectRatio(StrEnum):
    """Width to height of the film."""

    LANDSCAPE = "16:9"
    PORTRAIT = "9:16"
    SQUARE = "1:1"


class SyncMode(StrEnum):
    """What sync.so does when video and speech differ in length (its own names)."""

    BOUNCE = "bounce"
    LOOP = "loop"
    CUT_OFF = "cut_off"
    SILENCE = "silence"
    REMAP = "remap"


class Step(StrEnum):
    """The steps of a scene, in the order in which they can start."""

    SPEECH = "speech"
    IDENTITY_ANCHOR = "identity_anchor"
    IMAGE = "image"
    APPROVAL = "approval"
    VIDEO = "video"
    JOIN = "join"
    LIPSYNC = "lipsync"
    MEDIA_CHECK = "media_check"
    PUBLISH = "publish"


class StepState(StrEnum):
    """What a step is doing now."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    REUSED = "reused"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELED = "canceled"


class SceneStatus(StrEnum):
    """The state of a scene as a whole."""

    DRAFT = "draft"
    GENERATING = "generating"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


class JobState(StrEnum):
    """The life of one purchase; the allowed moves stand in `domain.jobs`."""

    INTENT = "intent"
    SENT = "sent"
    ACCEPTED = "accepted"
    SUCCEEDED = "succeeded"
    STORED = "stored"
    FAILED = "failed"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


class Provider(StrEnum):
    """Who is paid."""

    ELEVENLABS = "elevenlabs"
    FAL = "fal"
    KLING = "kling"
    SYNC = "sync"


class LogLevel(StrEnum):
    """Severity of a generation log row."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


class LogStep(StrEnum):
    """The steps of the generation log, as the original design names them."""

    AUDIO_GENERATION = "AUDIO_GENERATION"
    IMAGE_GENERATION = "IMAGE_GENERATION"
    IDENTITY_ANCHOR = "IDENTITY_ANCHOR"
    VIDEO_GENERATION = "VIDEO_GENERATION"
    LIPSYNC_APPLICATION = "LIPSYNC_APPLICATION"
    VIDEO_ASSEMBLY = "VIDEO_ASSEMBLY"
    UPLOAD = "UPLOAD"


class FailureCode(StrEnum):
    """The closed list of reasons; what each means stands in `domain.failures`."""

    RATE_LIMITED = "rate_limited"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    TIMED_OUT = "timed_out"
    OUTCOME_UNKNOWN = "outcome_unknown"
    INVALID_REQUEST = "invalid_request"
    UNAUTHORIZED = "unauthorized"
    NOT_FOUND = "not_found"
    CONTENT_REFUSED = "content_refused"
    OUT_OF_CREDIT = "out_of_credit"
    LORA_NOT_FOUND = "lora_not_found"
    LORA_TOO_SMALL = "lora_too_small"
    LORA_INVALID = "lora_invalid"
    MEDIA_INVALID = "media_invalid"
    BUDGET_EXCEEDED = "budget_exceeded"
    FACE_MISMATCH = "face_mismatch"
    NOT_APPROVED = "not_approved"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


class AssetKind(StrEnum):
    """What a file that somebody brought is for."""

    HEADSHOT = "HEADSHOT"
    SCENE_IMAGE = "SCENE_IMAGE"
    BACKGROUND = "BACKGROUND"
    VOICE_SAMPLE = "VOICE_SAMPLE"
    LORA_MODEL = "LORA_MODEL"


class ApprovalDecision(StrEnum):
    """What became of the question whether a picture is good enough to buy the video."""

    APPROVED = "approved"
    REJECTED = "rejected"
    REDRAWN = "redrawn"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"  # its run ended before anybody answered


class ExpiryPolicy(StrEnum):
    """What the end of an approval's time means."""

    REJECT = "reject"
    APPROVE = "approve"


class ApiScope(StrEnum):
    """What an API key allows; none includes another."""

    READ = "read"
    WRITE = "write"
    GENERATE = "generate"


class Source(StrEnum):
    """Where an effective value comes from: the first of these that has one."""

    DATABASE = "database"
    ENVIRONMENT = "environment"
    DEFAULT = "default"
    NONE = "none"


class FacePolicy(StrEnum):
    """What becomes of a scene whose picture does not pass the identity check, once no new seed is left to try."""

    OFF = "off"
    APPROVE = "approve"
    FAIL = "fail"


class FaceVerdict(StrEnum):
    """What the identity check says of a picture."""

    PASSED = "passed"
    NO_FACE = "no_face"
    MANY_FACES = "many_faces"
    OTHER_PERSON = "other_person"
