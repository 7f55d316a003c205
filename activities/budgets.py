"""The check that stands before every purchase: do the budgets cover it?"""

from dataclasses import dataclass

from activities.loras import current_settings
from domain.budgets import Budget, month_of, scene_limit
from models.settings import PlanSettings
from models.tables import Project, Scene, now
from store.database import Transaction
from store.jobs import Order
from store.ledger import LedgerFilter

NEXT = "then generate again: what was bought is reused"


@dataclass(frozen=True)
class Cap:
    """A budget that applies to a purchase: what counts against it, and how people call and raise it."""

    limit_micros: int
    which: LedgerFilter
    whose: str
    remedy: str


class Budgets:
    """The budgets of scenes, of projects, and of the calendar month in UTC over everything."""

    def __init__(self, settings: PlanSettings) -> None:
        self._settings = settings

    async def check(self, tx: Transaction, order: Order) -> None:
        """Before a claim, in its transaction: until that ends no other purchase is claimed under a budget.

        Raises RejectedError (`budget_exceeded`). What another attempt claimed at this very moment is covered already.
        """
        caps = await self.caps(tx, order.scene_id)
        if not caps:
            return
        await tx.ledger.hold_budgets()
        if await tx.jobs.find_open(order) is not None:
            return
        for cap in caps:
            budget = Budget(cap.limit_micros, await tx.ledger.committed(cap.which))
            budget.check(cap.whose, order.estimated_cost_micros, cap.remedy)

    async def caps(self, tx: Transaction, scene_id: str) -> list[Cap]:
        """The narrowest first. The test of an identity is no scene: only the month's budget covers it."""
        settings = await current_settings(tx, self._settings)
        scene = await tx.scenes.get(scene_id)
        project = await tx.projects.get(scene.project_id) if scene and scene.project_id else None
        caps = [scene and _of_scene(scene, settings), project and _of_project(project), _of_month(settings)]
        return [cap for cap in caps if cap]


DATABASE_ONLY = Budgets(PlanSettings())
"""Those that people wrote down for scenes and projects, and the settings in the database."""


def _of_scene(scene: Scene, settings: PlanSettings) -> Cap | None:
    limit = scene_limit(scene.budget_micros, settings)
    remedy = f"Raise it with `starter.py scene edit {scene.name} --budget USD`, {NEXT}"
    return None if limit is None else Cap(limit, LedgerFilter(scene_id=scene.id), f"scene {scene.name!r}", remedy)


def _of_project(project: Project) -> Cap | None:
    if project.budget_micros is None:
        return None
    remedy = f"Raise it with `starter.py project edit {project.name} --budget USD`, {NEXT}"
    which = LedgerFilter(project_id=project.id)
    return Cap(project.budget_micros, which, f"project {project.name!r}", remedy)


def _of_month(settings: PlanSettings) -> Cap | None:
    if settings.monthly_budget_micros is None:
        return None
    month = month_of(now())
    remedy = f"Wait for the next month, or raise it with `starter.py setting set monthly_budget_usd USD`, {NEXT}"
    return Cap(settings.monthly_budget_micros, LedgerFilter(since=month), f"the month {month:%Y-%m}", remedy)
