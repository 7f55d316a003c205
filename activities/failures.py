"""Errors as Temporal takes them: a type that is a failure code, retry or not, and the vendor's wish for a delay."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta

from temporalio.exceptions import ApplicationError

from domain.failures import is_retryable, user_message
from domain.jobs import IllegalMoveError
from domain.rejections import RejectedError
from media.errors import MediaInvalid
from models.enums import FailureCode
from providers.errors import Delivery, ProviderError
from store.objects.port import StoreError

RESUBMIT = "resubmit"
"""In the details of a failed collect: the vendor's job is over, and buying it once more may well work."""


@contextmanager
def translated_failures() -> Generator[None]:
    """Turn every error that we know into an ApplicationError; others are bugs and pass through to be retried."""
    try:
        yield
    except ProviderError as error:
        raise from_provider(error) from error
    except RejectedError as error:
        raise application_error(error.code, str(error), retry=False, field=error.field) from error
    except MediaInvalid as error:
        raise application_error(FailureCode.MEDIA_INVALID, str(error), retry=False) from error
    except StoreError as error:
        code = FailureCode.PROVIDER_UNAVAILABLE if error.retryable else FailureCode.UNAUTHORIZED
        raise application_error(code, f"object store: {error}", retry=error.retryable) from error
    except IllegalMoveError as error:
        # another attempt of the same activity moved the purchase meanwhile: the next one carries on from there
        raise application_error(FailureCode.UNKNOWN, str(error), retry=True) from error


def from_provider(error: ProviderError) -> ApplicationError:
    """A vendor's failure. A job that ended is never polled again, whatever its code."""
    retry = is_retryable(error.code) and error.delivery is not Delivery.JOB_ENDED
    return application_error(
        error.code, error.detail, retry=retry, retry_after_s=error.retry_after_s, **{RESUBMIT: error.resubmit}
    )


def application_error(
    code: FailureCode, detail: str, *, retry: bool, retry_after_s: float | None = None, **facts: object
) -> ApplicationError:
    """The error with its user message; `facts` travel as its details."""
    return ApplicationError(
        f"{user_message(code)}: {detail}",
        {"code": code, "detail": detail, **facts},
        type=code,
        non_retryable=not retry,
        next_retry_delay=timedelta(seconds=retry_after_s) if retry and retry_after_s else None,
    )
