"""What a failed activity means for the scene."""

from typing import Any, cast

from temporalio import exceptions
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from domain.failures import user_message
from models.enums import FailureCode, Step
from models.messages import Failure


def failure_of(error: BaseException, step: Step | None) -> Failure:
    """The one failure that everybody is shown, whatever kind of error ended the run."""
    if is_cancelled_exception(error):
        return _failure(FailureCode.CANCELED, step, "a cancel was requested")
    cause = error.cause if isinstance(error, ActivityError) else error
    if isinstance(cause, exceptions.TimeoutError):
        return _failure(FailureCode.TIMED_OUT, step, f"the activity's {cause.type or 'time'} limit was reached")
    if isinstance(cause, ApplicationError):
        known = cause.type in set(FailureCode)
        code = FailureCode(cause.type) if known else FailureCode.UNKNOWN
        detail = str(_facts(cause).get("detail", cause.message)) if known else f"{cause.type}: {cause.message}"
        return _failure(code, step, detail)
    return _failure(FailureCode.UNKNOWN, step, str(cause))


def may_buy_again(error: ActivityError) -> bool:
    """True when the vendor's own job broke down, so that the same purchase may well work the next time."""
    return isinstance(error.cause, ApplicationError) and _facts(error.cause).get("resubmit") is True


def as_application_error(failure: Failure) -> ApplicationError:
    """The workflow's own failure: the code as type, everything else as readable text and as details."""
    where = f"{failure.step}: " if failure.step else ""
    text = f"{where}{failure.user_message}: {failure.detail}"
    return ApplicationError(text, failure.model_dump(mode="json"), type=failure.code, non_retryable=True)


def _facts(error: ApplicationError) -> dict[str, Any]:
    first = error.details[0] if error.details else None
    return cast(dict[str, Any], first) if isinstance(first, dict) else {}


def _failure(code: FailureCode, step: Step | None, detail: str) -> Failure:
    return Failure(code=code, step=step, user_message=user_message(code), detail=detail)
