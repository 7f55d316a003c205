"""What things cost: sums of the ledger with their budgets, once for the command line and the API."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from activities.loras import current_settings
from domain.budgets import Budget, month_of, scene_limit
from domain.ledger import Costs, Line, total, totals
from domain.moments import moment_of
from domain.rejections import RejectedError
from models.enums import Provider, Step
from models.inputs import is_storable
from models.tables import ProviderJob, Scene, now
from runtime.catalog.identities import find_identity
from runtime.catalog.projects import find_project
from runtime.catalog.scenes import find_scene
from runtime.settings import Settings
from store.database import Database, Transaction
from store.ledger import LedgerFilter, Owners

MOST_SHOWN = 100  # purchases that a person could look at; the count says how many there are


@dataclass(frozen=True)
class CostQuery:
    """Which costs: names or ids, and since when they were ordered, as `moment_of` reads it."""

    scene: str | None = None
    project: str | None = None
    identity: str | None = None
    provider: Provider | None = None
    since: str | None = None


@dataclass(frozen=True)
class SceneCosts:
    """A scene's part; `name` is unset for one that was deleted, and for the test of an identity."""

    scene_id: str
    name: str | None
    costs: Costs


@dataclass(frozen=True)
class CostReport:
    """What `which` costs. `scenes`, dearest first, are told apart only within a scene, project or identity.

    `unknown` are the newest purchases that may have been charged for nothing; `month` is the budget over everything.
    """

    which: LedgerFilter
    total: Costs
    providers: dict[Provider, Costs]
    steps: dict[Step, Costs]
    scenes: list[SceneCosts] | None
    unknown: list[ProviderJob]
    month: Budget | None


@dataclass(frozen=True)
class SceneMoney:
    """What a scene costs, and the budget that applies to it."""

    costs: Costs
    budget: Budget | None


class _Identified(Protocol):
    id: str


async def costs_of(database: Database, settings: Settings, query: CostQuery) -> CostReport:
    """Add up. Raises RejectedError: `not_found` for what neither exists nor ever cost anything, or a bad `since`."""
    async with database.transaction() as tx:
        which = await _filter(tx, query)
        apart = bool(which.scene_id or which.project_id or which.identity_id)
        lines = await tx.ledger.lines(which, Owners("scene_id") if apart else None)
        of_providers, of_steps = totals(lines, lambda line: line.provider), totals(lines, lambda line: line.step)
        return CostReport(
            which=which,
            total=total(lines),
            providers={provider: sums for provider in Provider if (sums := of_providers.get(provider))},
            steps={step: sums for step in Step if (sums := of_steps.get(step))},
            scenes=await _per_scene(tx, which, lines) if apart else None,
            unknown=await tx.ledger.unknown(which, limit=MOST_SHOWN),
            month=await _month(tx, settings),
        )


async def money_of_scenes(tx: Transaction, settings: Settings, scenes: list[Scene]) -> list[SceneMoney]:
    """For each scene, in their order."""
    planning = await current_settings(tx, settings.for_planning(search_attributes=False))
    lines = await tx.ledger.lines(LedgerFilter(), Owners("scene_id", [scene.id for scene in scenes]))
    sums = totals(lines, lambda line: line.owner)
    found: list[SceneMoney] = []
    for scene in scenes:
        costs = sums.get(scene.id, Costs())
        limit = scene_limit(scene.budget_micros, planning)
        found.append(SceneMoney(costs, None if limit is None else Budget(limit, costs.committed_micros)))
    return found


async def _filter(tx: Transaction, query: CostQuery) -> LedgerFilter:
    return LedgerFilter(
        scene_id=await _id(tx, query.scene, find_scene, lambda found: LedgerFilter(scene_id=found)),
        project_id=await _id(tx, query.project, find_project, lambda found: LedgerFilter(project_id=found)),
        identity_id=await _id(tx, query.identity, find_identity, lambda found: LedgerFilter(identity_id=found)),
        provider=query.provider,
        since=None if query.since is None else moment_of("since", query.since, now()),
    )


async def _id(
    tx: Transaction,
    reference: str | None,
    find: Callable[[Transaction, str], Awaitable[_Identified]],
    booked_on: Callable[[str], LedgerFilter],
) -> str | None:
    """The ledger outlives what it is about: the id of something that was deleted is good, too."""
    if reference is None:
        return None
    try:
        return (await find(tx, reference)).id
    except RejectedError:
        if is_storable(reference) and await tx.ledger.knows(booked_on(reference)):
            return reference
        raise


async def _per_scene(tx: Transaction, which: LedgerFilter, lines: list[Line]) -> list[SceneCosts]:
    names = await tx.ledger.scene_names(which)
    sums = totals(lines, lambda line: line.owner or "")
    scenes = [SceneCosts(scene_id, names.get(scene_id), costs) for scene_id, costs in sums.items()]
    return sorted(scenes, key=lambda scene: (-scene.costs.committed_micros, scene.scene_id))


async def _month(tx: Transaction, settings: Settings) -> Budget | None:
    planning = await current_settings(tx, settings.for_planning(search_attributes=False))
    if planning.monthly_budget_micros is None:
        return None
    return Budget(planning.monthly_budget_micros, await tx.ledger.committed(LedgerFilter(since=month_of(now()))))
