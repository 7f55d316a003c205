"""What a run would do about one purchase: use a stored result, go on with one under way, or buy. Writes nothing."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from activities.claims import age_s
from activities.wanted import Wanted
from domain.estimates import NOW, PlannedStep, Timing, Verdict, expected_time
from models.artifacts import ArtifactRef
from models.enums import JobState, Step
from models.tables import ProviderJob
from runtime.wiring import Parts
from store.database import Transaction
from store.jobs import Order

ANEW = "plan"  # stands where the name of a run's fresh order would
_THING = {Step.SPEECH: "speech", Step.IMAGE: "picture", Step.VIDEO: "clip", Step.LIPSYNC: "lipsync"}


class Appraiser:
    """Looks as `activities.claims` does when the run comes to a purchase, with the same order of precedence."""

    def __init__(self, parts: Parts, fresh: Collection[Step]) -> None:
        self._parts = parts
        self._fresh = fresh
        self._policies = parts.settings.unknown_policies()

    async def appraise(self, wanted: Wanted, *, awaits: str | None = None, exact: bool = True) -> PlannedStep:
        """`awaits` names an input that is yet to be made. Raises RejectedError for a model without a price."""
        order = replace(wanted, fresh=ANEW if wanted.step in self._fresh else "").order()
        async with self._parts.database.transaction() as tx:
            typical_s = await tx.plans.durations(order.step, order.provider, order.model)
            if order.fresh:
                left = await self._left_over(await tx.jobs.find_stored(order), order, exact)
                return left or _bought(order, typical_s, "a new one is asked for", exact)
            if awaits:
                return _bought(order, typical_s, f"its {awaits} will be new", exact)
            open_jobs = await tx.plans.under_way(order.fingerprint)
            stored = await tx.jobs.find_stored(order)
            own = next((job for job in open_jobs if _is_own(job, order)), None)
            found = await self._under_way(tx, own, order, typical_s, exact)
            found = found or await self._stored(tx, stored, order, exact)
            rival = next((job for job in open_jobs if job.claim == order.claim and job is not own), None)
            found = found or await self._under_way(tx, rival, order, typical_s, exact)
        return found or _bought(order, typical_s, self._why_bought(own, stored, order), exact)

    async def _stored(
        self, tx: Transaction, stored: list[ProviderJob], order: Order, exact: bool
    ) -> PlannedStep | None:
        for job in stored:
            artifact = await self._whole(job)
            if artifact is not None:
                same = "it" if job.scene_id == order.scene_id else f"the same {_THING[order.step]}"
                why = f"{same} was bought for {await _whose(tx, job, order)} on {_day(job.stored_at)}"
                return _planned(order, Verdict.REUSE, why, exact, artifact=artifact)
        return None

    async def _left_over(self, stored: list[ProviderJob], order: Order, exact: bool) -> PlannedStep | None:
        for job in stored:
            artifact = await self._whole(job)
            if artifact is not None:
                why = f"a new one was bought on {_day(job.stored_at)} by a run that made no film"
                return _planned(order, Verdict.REUSE, why, exact, artifact=artifact)
        return None

    async def _under_way(
        self, tx: Transaction, job: ProviderJob | None, order: Order, typical_s: list[float], exact: bool
    ) -> PlannedStep | None:
        """None where the run would not go on with it: nothing was sent and nobody will, or it is bought again."""
        if job is None or self._rebought_after_s(job) is not None:
            return None
        key, whose = job.idempotency_key, await _whose(tx, job, order)
        if job.state == JobState.UNKNOWN:
            why = f"held: the answer to {key} was lost, and it waits for a person or the vendor"
            return _planned(order, Verdict.HELD, why, exact, timing=Timing(basis="until it is resolved"))
        if job.state == JobState.INTENT and not _is_own(job, order) and not await tx.jobs.is_attended(job):
            return None
        timing = expected_time(order.step, typical_s, elapsed_s=age_s(job))
        return _planned(order, Verdict.IN_FLIGHT, f"is being bought for {whose}: {key}", exact, timing=timing)

    def _rebought_after_s(self, job: ProviderJob) -> float | None:
        after = self._policies[Step(job.step)].rebuy_after
        return after.total_seconds() if job.state == JobState.UNKNOWN and after is not None else None

    def _why_bought(self, own: ProviderJob | None, stored: list[ProviderJob], order: Order) -> str:
        after_s = self._rebought_after_s(own) if own else None
        if own is not None and after_s is not None:
            return f"the answer to {own.idempotency_key} was lost: bought again {after_s:g} s after it was sent"
        if stored:
            return f"it was bought on {_day(stored[0].stored_at)}, but its file is gone or damaged"
        return f"nothing is stored for this {_THING[order.step]}"

    async def _whole(self, job: ProviderJob) -> ArtifactRef | None:
        artifact = ArtifactRef.model_validate(job.artifact)
        intact = await self._parts.objects.is_intact(artifact.key, size=artifact.size, sha256=artifact.sha256)
        return artifact if intact else None


def _is_own(job: ProviderJob, order: Order) -> bool:
    return (job.scene_id, job.step, job.clip) == (order.scene_id, order.step, order.clip)


def _bought(order: Order, typical_s: list[float], why: str, exact: bool) -> PlannedStep:
    timing = expected_time(order.step, typical_s)
    return _planned(order, Verdict.BUY, why, exact, cost_micros=order.estimated_cost_micros, timing=timing)


def _planned(
    order: Order,
    verdict: Verdict,
    why: str,
    exact: bool,
    *,
    cost_micros: int = 0,
    timing: Timing = NOW,
    artifact: ArtifactRef | None = None,
) -> PlannedStep:
    return PlannedStep(
        step=order.step,
        verdict=verdict,
        why=why,
        provider=order.provider,
        model=order.model,
        clip=order.clip,
        cost_micros=cost_micros,
        timing=timing,
        exact=exact,
        artifact=artifact,
    )


async def _whose(tx: Transaction, job: ProviderJob, order: Order) -> str:
    if job.scene_id == order.scene_id:
        return "this scene"
    scene = await tx.scenes.get(job.scene_id)
    if scene is not None:
        return f"scene {scene.name}"
    return "the test of an identity" if job.scene_id.startswith("test-") else "a scene that was deleted"


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "a day that is not known"
