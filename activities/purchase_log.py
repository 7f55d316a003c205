"""The log rows of a purchase's life."""

from activities.journal import LOG_STEP, Entry
from domain.failures import RULES
from models.artifacts import ArtifactRef
from models.enums import FailureCode, LogLevel, Step
from models.tables import ProviderJob
from providers.errors import ProviderError


def what(job: ProviderJob) -> str:
    """A purchase in words: "video 2 by some-model"."""
    return f"{job.step} {job.clip} by {job.model}" if job.clip else f"{job.step} by {job.model}"


def accepted_entry(job: ProviderJob) -> Entry:
    """The vendor took it."""
    return _entry(job, "accepted", f"{what(job)} accepted", cost_micros=job.estimated_cost_micros)


def stored_entry(job: ProviderJob, artifact: ArtifactRef, elapsed_s: float, cost_micros: int) -> Entry:
    """Its result is in our store."""
    return Entry(
        event=f"{job.idempotency_key}:stored",
        step=LOG_STEP[Step(job.step)],
        provider=job.provider,
        message=f"{what(job)} stored after {elapsed_s:.1f} s",
        duration_ms=int(elapsed_s * 1000),
        cost_micros=cost_micros,
        payload={"artifact": artifact.key, "size": artifact.size},
    )


def failed_entry(job: ProviderJob, error: ProviderError, event: str = "failed") -> Entry:
    """It did not come out."""
    return Entry(
        event=f"{job.idempotency_key}:{event}",
        step=LOG_STEP[Step(job.step)],
        provider=job.provider,
        level=RULES[error.code].log_level,
        message=f"{what(job)}: {RULES[error.code].user_message}",
        error_code=error.code,
        payload={"detail": error.detail, "status": error.status, "vendor_code": error.vendor_code},
    )


def canceled_entry(job: ProviderJob) -> Entry:
    """It was stopped before there was a result."""
    return _entry(job, "canceled", f"{what(job)} canceled", level=LogLevel.WARN)


def parked_entry(job: ProviderJob, reason: str) -> Entry:
    """Its run's own patience is over."""
    return _entry(job, "parked", f"{what(job)} parked: {reason}", level=LogLevel.WARN)


def written_off_entry(job: ProviderJob, why: str) -> Entry:
    """Nothing waits for it any more, and its money may be lost."""
    return Entry(
        event=f"{job.idempotency_key}:written-off",
        step=LOG_STEP[Step(job.step)],
        provider=job.provider,
        level=LogLevel.WARN,
        message=f"{what(job)}: {why}",
        error_code=FailureCode.OUTCOME_UNKNOWN,
        payload={"idempotency_key": job.idempotency_key, "possible_loss_micros": job.estimated_cost_micros},
    )


def reused_entry(job: ProviderJob, step: Step, clip: int | None) -> Entry:
    """A run needs nothing bought for this step."""
    return Entry(
        event=f"{step}:{clip or ''}:reused",
        step=LOG_STEP[step],
        provider=job.provider,
        message=f"{what(job)} reused: the same thing was bought before",
        cost_micros=0,
        payload={"idempotency_key": job.idempotency_key},
    )


def gone_entry(job: ProviderJob, step: Step, clip: int | None) -> Entry:
    """A stored result cannot be used again."""
    return Entry(
        event=f"{step}:{clip or ''}:gone:{job.idempotency_key}",
        step=LOG_STEP[step],
        provider=job.provider,
        level=LogLevel.WARN,
        message=f"{what(job)} was bought before, but its object is gone or damaged: it is not used",
        payload={"idempotency_key": job.idempotency_key, "artifact": (job.artifact or {}).get("key")},
    )


def _entry(
    job: ProviderJob, event: str, message: str, *, level: LogLevel = LogLevel.INFO, cost_micros: int | None = None
) -> Entry:
    return Entry(
        event=f"{job.idempotency_key}:{event}",
        step=LOG_STEP[Step(job.step)],
        provider=job.provider,
        level=level,
        message=message,
        cost_micros=cost_micros,
        payload={"idempotency_key": job.idempotency_key},
    )
