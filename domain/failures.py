"""What each failure code means: is it retried, what the user reads, how loud the log is. The only such table."""

from dataclasses import dataclass

from models.enums import FailureCode, LogLevel


@dataclass(frozen=True)
class FailureRule:
    """`retryable`: the same call may succeed later without anybody doing anything."""

    retryable: bool
    user_message: str
    log_level: LogLevel


_W, _E = LogLevel.WARN, LogLevel.ERROR

RULES: dict[FailureCode, FailureRule] = {
    FailureCode.RATE_LIMITED: FailureRule(True, "The provider is busy; we try again shortly", _W),
    FailureCode.PROVIDER_UNAVAILABLE: FailureRule(True, "The provider does not answer; we try again shortly", _W),
    FailureCode.TIMED_OUT: FailureRule(True, "The provider took too long", _W),
    FailureCode.OUTCOME_UNKNOWN: FailureRule(
        False, "A paid request went out and its answer was lost; check with the provider before buying again", _E
    ),
    FailureCode.INVALID_REQUEST: FailureRule(False, "The scene or identity holds a value that cannot be used", _E),
    FailureCode.UNAUTHORIZED: FailureRule(False, "The provider refused our key", _E),
    FailureCode.NOT_FOUND: FailureRule(False, "Something that the scene refers to does not exist", _E),
    FailureCode.CONTENT_REFUSED: FailureRule(False, "The provider's content rules refused this scene", _E),
    FailureCode.OUT_OF_CREDIT: FailureRule(False, "The account at the provider is out of credit or locked", _E),
    FailureCode.LORA_NOT_FOUND: FailureRule(False, "LoRA file not found", _E),
    FailureCode.LORA_TOO_SMALL: FailureRule(False, "File seems too small", _E),
    FailureCode.LORA_INVALID: FailureRule(False, "The file is not a usable Flux LoRA", _E),
    FailureCode.MEDIA_INVALID: FailureRule(False, "A media file is damaged or is not what it should be", _E),
    FailureCode.BUDGET_EXCEEDED: FailureRule(False, "The budget does not cover the next purchase", _E),
    FailureCode.FACE_MISMATCH: FailureRule(False, "The picture does not show the identity", _E),
    FailureCode.NOT_APPROVED: FailureRule(False, "The picture was not approved", _W),
    FailureCode.CANCELED: FailureRule(False, "The scene was canceled", _W),
    FailureCode.UNKNOWN: FailureRule(True, "Something unexpected went wrong", _E),
}


def is_retryable(code: FailureCode) -> bool:
    """True when Temporal may try the same call again."""
    return RULES[code].retryable


def user_message(code: FailureCode) -> str:
    """One sentence for the person who waits for the film."""
    return RULES[code].user_message
