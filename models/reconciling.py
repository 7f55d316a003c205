"""What goes into and comes out of the reconciler and its activities."""

from pydantic import Field

from models.base import Message
from models.enums import JobState


class UnattendedInput(Message):
    """For `list_unattended`: purchases that did not move for `quiet_s` seconds, by id from `after` on."""

    quiet_s: float
    after: str = ""


class UnattendedJob(Message):
    """A purchase that no run works on, and where it stood when that was found."""

    job_id: str
    state: JobState


class UnattendedJobs(Message):
    """From `list_unattended`; `more` says that there are others after these."""

    jobs: list[UnattendedJob]
    more: bool


class ReconcileJobInput(UnattendedJob):
    """For `reconcile_job`; that its retry finds the purchase moved already is a move all the same."""


class ReconciledJob(Message):
    """From `reconcile_job`: what became of a purchase; `held` when only a person or a webhook can decide."""

    job_id: str
    idempotency_key: str
    scene_id: str
    before: JobState
    after: JobState
    note: str
    held: bool = False


class ReconcileInput(Message):
    """Starts `ReconcileProviderJobsWorkflow`; `report` is what earlier parts of a long pass have found."""

    quiet_s: float = 120.0
    after: str = ""
    report: "ReconcileReport | None" = None


class ReconcileReport(Message):
    """From `ReconcileProviderJobsWorkflow`: how many were looked at, which moved, which wait for a person."""

    looked_at: int = 0
    moved: list[ReconciledJob] = Field(default_factory=list[ReconciledJob])
    held: list[ReconciledJob] = Field(default_factory=list[ReconciledJob])
    failed: list[str] = Field(default_factory=list[str])
