"""The ledger in the database: sums over purchases and over what did not have to be bought."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import func, literal_column, null
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from domain.ledger import Booking, Costs, Line, booked, booking_of
from models.enums import JobState, Provider, Step
from models.tables import ProviderJob, Reuse, Scene
from store.locks import hold

Owner = Literal["scene_id", "project_id"]
Table = type[ProviderJob] | type[Reuse]
Row = tuple[Any, ...]

_CHARGED = col(ProviderJob.actual_cost_micros) > literal_column("0")  # unset where the vendor has not told
_AMOUNT = func.coalesce(col(ProviderJob.actual_cost_micros), col(ProviderJob.estimated_cost_micros))
_PERHAPS_LOST = [state for state in JobState if booking_of(state, None) is Booking.UNKNOWN]
_rows = cast(Callable[..., SelectOfScalar[Row]], select)  # whose own types end at four columns


@dataclass(frozen=True)
class LedgerFilter:
    """Which bookings: each field that is not None must fit; `since` is compared with the time of the order."""

    scene_id: str | None = None
    project_id: str | None = None
    identity_id: str | None = None
    provider: Provider | None = None
    since: datetime | None = None

    def of(self, table: Table) -> list[ColumnElement[bool]]:
        """The conditions on a table."""
        pairs = (
            (col(table.scene_id), self.scene_id),
            (col(table.project_id), self.project_id),
            (col(table.identity_id), self.identity_id),
            (col(table.provider), self.provider),
        )
        conditions = [column == value for column, value in pairs if value is not None]
        if self.since is not None:
            began = col(ProviderJob.intent_at) if table is ProviderJob else col(Reuse.created_at)
            conditions.append(began >= self.since)
        return conditions


@dataclass(frozen=True)
class Owners:
    """Add up apart for each scene or project; for these alone unless `ids` is None."""

    kind: Owner
    ids: list[str] | None = None


class LedgerRepository:
    """All SQL that adds money up; lives inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lines(self, which: LedgerFilter, owners: Owners | None = None) -> list[Line]:
        """What these purchases cost and saved, by provider and step."""
        return await self._bought(which, owners) + await self._reused(which, owners)

    async def committed(self, which: LedgerFilter) -> int:
        """Micro-dollars that are or may have to be paid: the vendor's figure where it is known, else the estimate."""
        query = select(func.coalesce(func.sum(_AMOUNT), 0)).where(*which.of(ProviderJob))
        return int((await self._session.exec(query)).one())

    async def unknown(self, which: LedgerFilter, *, limit: int) -> list[ProviderJob]:
        """The purchases that may have been charged for nothing, newest first."""
        state = col(ProviderJob.state)
        untold = (state == JobState.UNKNOWN) | col(ProviderJob.actual_cost_micros).is_(None)
        query = select(ProviderJob).where(state.in_(_PERHAPS_LOST), untold, *which.of(ProviderJob))
        order = (col(ProviderJob.intent_at).desc(), col(ProviderJob.id))
        return list((await self._session.exec(query.order_by(*order).limit(limit))).all())

    async def knows(self, which: LedgerFilter) -> bool:
        """Whether anything is booked there."""
        bought = select(ProviderJob.id).where(*which.of(ProviderJob)).limit(1)
        reused = select(Reuse.id).where(*which.of(Reuse)).limit(1)
        found = [(await self._session.exec(query)).first() for query in (bought, reused)]
        return any(found)

    async def scene_names(self, which: LedgerFilter) -> dict[str, str]:
        """The names of the scenes that something is booked on, by id; those that were deleted are left out."""
        bought = select(ProviderJob.scene_id).where(*which.of(ProviderJob))
        reused = select(Reuse.scene_id).where(*which.of(Reuse))
        query = select(Scene.id, Scene.name).where(col(Scene.id).in_(bought) | col(Scene.id).in_(reused))
        return dict((await self._session.exec(query)).all())

    async def hold_budgets(self) -> None:
        """Wait until no other transaction claims under a budget; none does until this one ends."""
        await hold(self._session, "budgets")

    async def _bought(self, which: LedgerFilter, owners: Owners | None) -> list[Line]:
        keys = (col(ProviderJob.provider), col(ProviderJob.step), col(ProviderJob.state), _CHARGED)
        query = _rows(_owner(ProviderJob, owners), *keys, func.sum(_AMOUNT), func.count())
        query = _grouped(query.where(*which.of(ProviderJob)).group_by(*keys), ProviderJob, owners)
        return [
            Line(owner, Provider(provider), Step(step), _costs(state, charged, int(micros), count))
            for owner, provider, step, state, charged, micros, count in (await self._session.exec(query)).all()
        ]

    async def _reused(self, which: LedgerFilter, owners: Owners | None) -> list[Line]:
        keys = (col(Reuse.provider), col(Reuse.step))
        query = _rows(_owner(Reuse, owners), *keys, func.sum(col(Reuse.saved_micros)))
        query = _grouped(query.where(*which.of(Reuse)).group_by(*keys), Reuse, owners)
        return [
            Line(owner, Provider(provider), Step(step), Costs(saved_micros=int(micros)))
            for owner, provider, step, micros in (await self._session.exec(query)).all()
        ]


def _owner(table: Table, owners: Owners | None) -> Any:
    return null() if owners is None else getattr(table, owners.kind)


def _grouped(query: SelectOfScalar[Row], table: Table, owners: Owners | None) -> SelectOfScalar[Row]:
    if owners is None:
        return query
    owner = _owner(table, owners)
    return query.group_by(owner) if owners.ids is None else query.where(owner.in_(owners.ids)).group_by(owner)


def _costs(state: str, charged: bool | None, micros: int, count: int) -> Costs:
    """`charged` is all that the booking depends on: whether the vendor's figure is known and above 0."""
    return booked(booking_of(JobState(state), None if charged is None else int(charged)), micros, count)
