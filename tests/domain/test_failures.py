"""The failure table: complete, and as the design has it."""

from domain.failures import RULES, is_retryable, user_message
from models.enums import FailureCode, LogLevel

C = FailureCode

CODES = (
    "rate_limited provider_unavailable timed_out outcome_unknown invalid_request unauthorized not_found "
    "content_refused out_of_credit lora_not_found lora_too_small lora_invalid media_invalid budget_exceeded "
    "face_mismatch not_approved canceled unknown"
)


def test_every_code_has_a_rule() -> None:
    """The list of codes is the design's, and each has its rule."""
    assert {str(code) for code in FailureCode} == set(CODES.split())
    assert set(RULES) == set(FailureCode)


def test_retried() -> None:
    """Permanent is a closed list; what is not on it, unknown too, is tried again."""
    retried = {code for code in FailureCode if is_retryable(code)}
    assert retried == {C.RATE_LIMITED, C.PROVIDER_UNAVAILABLE, C.TIMED_OUT, C.UNKNOWN}


def test_user_messages() -> None:
    """Each code tells the user something of its own, in one line without the code's name."""
    messages = [user_message(code) for code in FailureCode]
    assert len(set(messages)) == len(messages)
    assert all(message and message == message.strip() and "_" not in message for message in messages)


def test_log_levels() -> None:
    """What passes by itself, or was wished for, is a warning; the rest are errors."""
    warnings = {code for code, rule in RULES.items() if rule.log_level is LogLevel.WARN}
    assert warnings == {C.RATE_LIMITED, C.PROVIDER_UNAVAILABLE, C.TIMED_OUT, C.NOT_APPROVED, C.CANCELED}
    assert {rule.log_level for rule in RULES.values()} == {LogLevel.WARN, LogLevel.ERROR}
