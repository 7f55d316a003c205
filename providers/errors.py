"""The one error that leaves an adapter."""

from enum import StrEnum

from models.enums import FailureCode


class Delivery(StrEnum):
    """What is known of a paid request that did not succeed."""

    NOTHING_BOUGHT = "nothing_bought"  # never sent, or the vendor answered that it refuses: safe to send again
    ANSWER_LOST = "answer_lost"  # sent, no readable answer: the vendor may have created and billed the job
    JOB_ENDED = "job_ended"  # the vendor's job exists and ended without a result: only a new purchase can help


class ProviderError(Exception):
    """A vendor call that failed, already translated: nothing of the vendor's SDK or of httpx is inside.

    `code` decides retry and user message (`domain.failures`). `detail` is for operators: the vendor's own words,
    without secrets and without signed URLs. `retry_after_s` is the vendor's own wish in seconds, when it gave one.
    `resubmit` says of an ended job that buying it once more may well work (a crashed runner, not a refused prompt).
    `charged` says of an ended job whether the vendor charged for it all the same (None: that cannot be known);
    `actual_cost_micros` is its own figure in micro-dollars, when it tells.
    """

    def __init__(
        self,
        code: FailureCode,
        detail: str,
        *,
        delivery: Delivery = Delivery.NOTHING_BOUGHT,
        retry_after_s: float | None = None,
        status: int | None = None,
        vendor_code: str | None = None,
        resubmit: bool = False,
        charged: bool | None = False,
        actual_cost_micros: int | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.delivery = delivery
        self.retry_after_s = retry_after_s
        self.status = status
        self.vendor_code = vendor_code
        self.resubmit = resubmit
        self.charged = charged
        self.actual_cost_micros = actual_cost_micros
