"""Errors on their way to Temporal: type, retry, delay and what people read."""

import pytest
from temporalio.exceptions import ApplicationError

from activities.failures import RESUBMIT, from_provider, translated_failures
from domain.failures import RULES, is_retryable, user_message
from domain.jobs import IllegalMoveError
from domain.rejections import RejectedError
from media.errors import MediaInvalid
from models.enums import FailureCode
from providers.errors import Delivery, ProviderError
from store.objects.port import ObjectDamaged, ObjectMissing, StoreRefused, StoreUnavailable


def translated(error: Exception) -> ApplicationError:
    with pytest.raises(ApplicationError) as caught, translated_failures():
        raise error
    assert caught.value.__cause__ is error
    return caught.value


@pytest.mark.parametrize("code", FailureCode)
def test_provider_errors(code: FailureCode) -> None:
    """The type is the failure code, its rule decides on retry, and both its message and the vendor's words are told."""
    failure = translated(ProviderError(code, "the vendor's words", retry_after_s=7.5))
    assert failure.type == code
    assert failure.non_retryable is not is_retryable(code)
    assert failure.message == f"{user_message(code)}: the vendor's words"
    details = failure.details[0]
    assert (details["code"], details["detail"], details[RESUBMIT]) == (code, "the vendor's words", False)
    delay = failure.next_retry_delay
    assert (delay.total_seconds() if delay else None) == (7.5 if is_retryable(code) else None)


@pytest.mark.parametrize("code", RULES)
@pytest.mark.parametrize("resubmit", [True, False])
def test_ended_job(code: FailureCode, resubmit: bool) -> None:
    """A job that ended is never asked for again, whatever its code; whether to buy anew travels with it."""
    failure = from_provider(ProviderError(code, "d", delivery=Delivery.JOB_ENDED, retry_after_s=5, resubmit=resubmit))
    assert failure.non_retryable
    assert failure.next_retry_delay is None
    assert failure.details[0][RESUBMIT] is resubmit


@pytest.mark.parametrize(
    ("error", "code", "retried"),
    [
        (RejectedError("seed", "no", "yes"), FailureCode.INVALID_REQUEST, False),
        (RejectedError("lora", "no", "yes", FailureCode.LORA_NOT_FOUND), FailureCode.LORA_NOT_FOUND, False),
        (MediaInvalid("black"), FailureCode.MEDIA_INVALID, False),
        (StoreUnavailable("503"), FailureCode.PROVIDER_UNAVAILABLE, True),
        (ObjectDamaged("cut"), FailureCode.PROVIDER_UNAVAILABLE, True),
        (StoreRefused("403"), FailureCode.UNAUTHORIZED, False),
    ],
)
def test_other_errors(error: Exception, code: FailureCode, retried: bool) -> None:
    """Errors of rules, media and store have their codes too."""
    failure = translated(error)
    assert (failure.type, failure.non_retryable) == (code, not retried)
    assert str(error) in failure.message


def test_a_purchase_that_another_attempt_moved_is_tried_again() -> None:
    """Two overlapping attempts meet at the row; the later one retries and carries on from where the row stands."""
    assert not translated(IllegalMoveError("stored to sent")).non_retryable


def test_a_missing_object_is_not_retried() -> None:
    """What is gone stays gone."""
    assert translated(ObjectMissing("gone")).non_retryable


def test_rejected_field() -> None:
    """Which field was refused travels with the error."""
    assert translated(RejectedError("seed", "no", "yes")).details[0]["field"] == "seed"


def test_bugs_pass() -> None:
    """An error that we do not know passes as it is, and Temporal retries it."""
    with pytest.raises(ZeroDivisionError), translated_failures():
        raise ZeroDivisionError
