"""Purchases in the database: the one table that stands around every paid call."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from domain.jobs import OPEN_STATES, IllegalMoveError, check_move
from domain.keys import job_key
from models.enums import JobState, Provider, SceneStatus, Step
from models.tables import ProviderJob, Reuse, Scene, now
from store.leftovers import held_by_takes, keys_of, left_over

_TIME_OF_STATE = {
    JobState.SENT: "sent_at",
    JobState.ACCEPTED: "accepted_at",
    JobState.SUCCEEDED: "succeeded_at",
    JobState.STORED: "stored_at",
    JobState.FAILED: "ended_at",
    JobState.CANCELED: "ended_at",
}
_AWAITED = col(ProviderJob.written_off_at).is_(None)
_GOOD_STATES = (JobState.ACCEPTED, JobState.SUCCEEDED, JobState.STORED)


@dataclass(frozen=True)
class Order:
    """A purchase that a step wants: what, for whom, and the most we expect to pay in micro-dollars.

    `identity_id` is for purchases outside of scenes; a scene's purchase is booked on whom the scene speaks as. `fresh`
    names another of the same thing: what is stored is not used, and what others buy is not waited for.
    """

    scene_id: str
    run_id: str
    step: Step
    clip: int | None
    provider: Provider
    model: str
    fingerprint: str
    request: dict[str, Any]
    estimated_cost_micros: int
    identity_id: str | None = None
    fresh: str = ""

    @property
    def claim(self) -> str:
        """What no other purchase may have while this one is open."""
        return f"{self.fingerprint}:{self.fresh}:{self.clip or 0}" if self.fresh else self.fingerprint


class JobRepository:
    """All SQL on purchases; lives inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, job_id: str, *, lock: bool = False) -> ProviderJob:
        """By id; `lock` holds the row until the transaction ends, and reads it anew. Raises KeyError for none."""
        job = await self._session.get(ProviderJob, job_id, with_for_update=lock or None, populate_existing=lock)
        if job is None:
            raise KeyError(f"no purchase has the id {job_id!r}")
        return job

    async def find_open(self, order: Order) -> ProviderJob | None:
        """The unfinished purchase of the same thing for the same step, held until the transaction ends."""
        query = self._of_step(order).where(
            col(ProviderJob.fingerprint) == order.fingerprint, col(ProviderJob.state).in_(OPEN_STATES), _AWAITED
        )
        if order.fresh:
            query = query.where(col(ProviderJob.claim) == order.claim)
        return (await self._session.exec(query.with_for_update())).first()

    async def find_rival(self, order: Order) -> ProviderJob | None:
        """The unfinished purchase of the same thing for another step or scene, held until the transaction ends."""
        query = select(ProviderJob).where(
            col(ProviderJob.claim) == order.claim, col(ProviderJob.state).in_(OPEN_STATES), _AWAITED
        )
        return (await self._session.exec(query.with_for_update())).first()

    async def is_attended(self, job: ProviderJob) -> bool:
        """Whether the run that works on it is under way."""
        scene = await self._session.get(Scene, job.worked_on_by)
        return scene is not None and scene.status == SceneStatus.GENERATING and scene.run_id == job.run_id

    def take_up(self, job: ProviderJob, order: Order) -> None:
        """From now on this run works on it; the caller holds the row."""
        job.run_id = order.run_id
        job.carried_by = None if job.scene_id == order.scene_id else order.scene_id

    async def find_stored(self, order: Order, limit: int = 5) -> list[ProviderJob]:
        """Settled purchases of the same thing: those in the scene's current take first, else the newest.

        Of a fresh purchase the run's own, else what an earlier fresh one left that no take holds.
        """
        query = select(ProviderJob).where(
            col(ProviderJob.fingerprint) == order.fingerprint, col(ProviderJob.state) == JobState.STORED
        )
        scene = await self._session.get(Scene, order.scene_id)
        first = col(ProviderJob.artifact)["key"].as_string().in_(keys_of(scene.artifacts) if scene else [])
        if order.fresh:
            first = col(ProviderJob.claim) == order.claim
            held = await held_by_takes(self._session, order.scene_id)
            left = left_over(order.scene_id, order.run_id, order.step, order.clip, order.fingerprint, held)
            query = query.where(first | left)
        query = query.order_by(case((first, 0), else_=1), col(ProviderJob.stored_at).desc())
        return list((await self._session.exec(query.limit(limit))).all())

    async def add_intent(self, order: Order) -> ProviderJob:
        """Insert INTENT under the next take, unless the step has an unfinished purchase of the same thing by now.

        The caller's transaction raises IntegrityError when another one was faster.
        """
        # One query for both questions: between two, another claim could commit and would be outbid by a second take.
        takes = (await self._session.exec(self._of_step(order))).all()
        for job in takes:
            if job.claim == order.claim and job.state in OPEN_STATES and not job.written_off_at:
                job.run_id = order.run_id
                return job
        take = takes[0].take + 1 if takes else 1
        scene = await self._session.get(Scene, order.scene_id)
        job = ProviderJob(
            scene_id=order.scene_id,
            project_id=scene.project_id if scene else None,
            identity_id=(scene.identity_used or scene.identity_id) if scene else order.identity_id,
            run_id=order.run_id,
            step=order.step,
            clip=order.clip,
            take=take,
            provider=order.provider,
            model=order.model,
            idempotency_key=job_key(order.scene_id, order.step, take, order.clip),
            fingerprint=order.fingerprint,
            claim=order.claim,
            request=order.request,
            estimated_cost_micros=order.estimated_cost_micros,
        )
        self._session.add(job)
        await self._session.flush()
        return job

    async def move(self, job_id: str, to: JobState, *, seen: ProviderJob | None = None, **changes: Any) -> ProviderJob:
        """Move a purchase on and note when.

        Raises IllegalMoveError for a move that `domain.jobs` does not allow, and when somebody else moved it since it
        was `seen`: what was concluded from that need not hold any more.
        """
        job = await self.get(job_id, lock=True)
        if seen is not None and (job.state, job.sent_at) != (seen.state, seen.sent_at):
            raise IllegalMoveError(f"{job.idempotency_key} is {job.state} by now, no longer {seen.state}")
        check_move(JobState(job.state), to)
        job.state = to
        if to in _GOOD_STATES:  # what went wrong on the way is in the log; a purchase that came out carries no error
            job.error_code = job.error_detail = None
        if to in _TIME_OF_STATE:
            setattr(job, _TIME_OF_STATE[to], now())
        for name, value in changes.items():
            setattr(job, name, value)
        await self._session.flush()  # each move by itself, so that the database sees every one of them
        return job

    async def park(self, job_id: str) -> ProviderJob:
        """Leave an accepted purchase to the reconciler."""
        job = await self.get(job_id, lock=True)
        job.parked_at = job.parked_at or now()
        return job

    async def write_off(self, job_id: str) -> ProviderJob | None:
        """Wait no longer for a purchase in UNKNOWN, which may be lost; None when it is not, or was resolved meanwhile.

        It stays in UNKNOWN: what the vendor may still tell of it is welcome.
        """
        job = await self.get(job_id, lock=True)
        if job.state != JobState.UNKNOWN or job.written_off_at:
            return None
        job.written_off_at = now()
        return job

    async def note_reuse(self, order: Order, job: ProviderJob) -> None:
        """Book that a run used a stored result instead of buying; noting it again changes nothing."""
        clip = order.clip or 0
        query = select(Reuse.id).where(
            col(Reuse.run_id) == order.run_id, col(Reuse.step) == order.step, col(Reuse.clip) == clip
        )
        if (await self._session.exec(query)).first() is not None:
            return
        scene = await self._session.get(Scene, order.scene_id)
        saved = job.estimated_cost_micros if job.actual_cost_micros is None else job.actual_cost_micros
        reuse = Reuse(
            job_id=job.id,
            scene_id=order.scene_id,
            project_id=scene.project_id if scene else None,
            identity_id=(scene.identity_used or scene.identity_id) if scene else order.identity_id,
            run_id=order.run_id,
            step=order.step,
            clip=clip,
            provider=job.provider,
            saved_micros=saved,
        )
        self._session.add(reuse)

    async def unattended(self, *, quiet: timedelta, after: str, limit: int) -> list[ProviderJob]:
        """Unfinished purchases that no run works on, by id from `after` on: parked, UNKNOWN, or of a run that is over.

        Those that moved within `quiet` are left out: somebody may be at work on them.
        """
        abandoned = (
            col(Scene.id).is_(None)
            | (col(Scene.status) != SceneStatus.GENERATING)
            | (col(Scene.run_id).is_distinct_from(col(ProviderJob.run_id)))
        )
        moved_at = func.coalesce(
            col(ProviderJob.succeeded_at),
            col(ProviderJob.accepted_at),
            col(ProviderJob.sent_at),
            col(ProviderJob.intent_at),
        )
        query = (
            select(ProviderJob)
            .join(Scene, col(Scene.id) == _worked_on_by(), isouter=True)
            .where(
                col(ProviderJob.state).in_(OPEN_STATES),
                col(ProviderJob.parked_at).is_not(None)
                | col(ProviderJob.written_off_at).is_not(None)
                | (col(ProviderJob.state) == JobState.UNKNOWN)
                | abandoned,
                moved_at <= now() - quiet,
                col(ProviderJob.id) > after,
            )
            .order_by(col(ProviderJob.id))
            .limit(limit)
        )
        return list((await self._session.exec(query)).all())

    async def request_ids(self, provider: Provider, since: datetime) -> frozenset[str]:
        """The vendor's ids of all that was bought there since, so that none is taken for another purchase's."""
        query = select(ProviderJob.request_id).where(
            col(ProviderJob.provider) == provider,
            col(ProviderJob.request_id).is_not(None),
            func.coalesce(col(ProviderJob.stored_at), col(ProviderJob.ended_at), now()) >= since,
        )
        return frozenset(found for found in (await self._session.exec(query)).all() if found)

    async def open_of_run(self, scene_id: str, run_id: str) -> list[ProviderJob]:
        """What a run works on and has not finished buying."""
        query = select(ProviderJob).where(
            col(ProviderJob.run_id) == run_id, _worked_on_by() == scene_id, col(ProviderJob.state).in_(OPEN_STATES)
        )
        return list((await self._session.exec(query)).all())

    async def stored_as(self, key: str) -> list[ProviderJob]:
        """The purchases whose result is the object with this key; one, as a rule."""
        query = select(ProviderJob).where(col(ProviderJob.artifact)["key"].as_string() == key)
        return list((await self._session.exec(query)).all())

    async def of_scene(self, scene_id: str) -> list[ProviderJob]:
        """All purchases of a scene, oldest first."""
        query = (
            select(ProviderJob)
            .where(col(ProviderJob.scene_id) == scene_id)
            .order_by(col(ProviderJob.intent_at), col(ProviderJob.idempotency_key))
        )
        return list((await self._session.exec(query)).all())

    async def find(self, reference: str) -> ProviderJob | None:
        """By idempotency key or id."""
        query = select(ProviderJob).where(
            (col(ProviderJob.idempotency_key) == reference) | (col(ProviderJob.id) == reference)
        )
        return (await self._session.exec(query)).first()

    async def newest(self, limit: int) -> list[ProviderJob]:
        """The latest purchases of all scenes, newest first."""
        query = select(ProviderJob).order_by(col(ProviderJob.intent_at).desc()).limit(limit)
        return list((await self._session.exec(query)).all())

    def _of_step(self, order: Order) -> SelectOfScalar[ProviderJob]:
        return (
            select(ProviderJob)
            .where(
                col(ProviderJob.scene_id) == order.scene_id,
                col(ProviderJob.step) == order.step,
                col(ProviderJob.clip).is_(None) if order.clip is None else col(ProviderJob.clip) == order.clip,
            )
            .order_by(col(ProviderJob.take).desc())
        )


def _worked_on_by() -> ColumnElement[str]:
    return func.coalesce(col(ProviderJob.carried_by), col(ProviderJob.scene_id))
