"""What a run wants of a vendor, and what it gets."""

from dataclasses import dataclass

from domain.fingerprints import fingerprint
from domain.prices import estimate_cost
from models.artifacts import ArtifactRef
from models.enums import JobState, Provider, Step
from models.messages import Collected, JobTicket, PurchaseResult, PurchaseWait, RunRef
from models.requests import PaidRequest
from models.tables import ProviderJob
from store.jobs import Order


@dataclass(frozen=True)
class Wanted:
    """What a step of a run wants to have bought; `fresh` names one that is bought although it may be stored."""

    run: RunRef
    step: Step
    provider: Provider
    request: PaidRequest
    clip: int | None = None
    identity_id: str | None = None
    fresh: str = ""

    def order(self) -> Order:
        """The same as the database takes it."""
        return Order(
            scene_id=self.run.scene_id,
            run_id=self.run.run_id,
            step=self.step,
            clip=self.clip,
            provider=self.provider,
            model=self.request.model,
            fingerprint=fingerprint(self.provider, self.request, clip=self.clip),
            request=self.request.model_dump(mode="json"),
            estimated_cost_micros=estimate_cost(self.provider, self.request),
            identity_id=self.identity_id,
            fresh=self.fresh,
        )


def result_of(job: ProviderJob, run: RunRef) -> PurchaseResult:
    """What a stored purchase means for a run: another run's purchase costs this one nothing."""
    reused = (job.scene_id, job.run_id) != (run.scene_id, run.run_id)
    cost = job.actual_cost_micros if job.actual_cost_micros is not None else job.estimated_cost_micros
    return PurchaseResult(
        artifact=ArtifactRef.model_validate(job.artifact),
        reused=reused,
        cost_micros=0 if reused else cost,
        seed=job.seed,
    )


def collected(job: ProviderJob, run: RunRef) -> Collected:
    """A stored purchase as an activity returns it."""
    return Collected(**dict(result_of(job, run)))


def ticket_of(job: ProviderJob, run: RunRef, waits: PurchaseWait | None = None) -> JobTicket:
    """What the workflow needs to collect a purchase, or its result when it is already here."""
    return JobTicket(
        job_id=job.id,
        provider=Provider(job.provider),
        model=job.model,
        result=result_of(job, run) if job.state == JobState.STORED else None,
        waits=waits,
    )
