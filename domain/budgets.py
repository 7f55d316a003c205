"""Budgets: caps on the next purchase. What was charged already is never refused."""

from dataclasses import dataclass
from datetime import UTC, datetime

from domain.rejections import RejectedError
from models.enums import FailureCode
from models.money import usd_text
from models.settings import PlanSettings


@dataclass(frozen=True)
class Budget:
    """What may be spent, and what is spent or may have to be paid so far, in micro-dollars."""

    limit_micros: int
    committed_micros: int

    @property
    def left_micros(self) -> int:
        """Below 0 when a vendor charged more than was expected, or when the budget was lowered."""
        return self.limit_micros - self.committed_micros

    def check(self, whose: str, cost_micros: int, remedy: str) -> None:
        """Raises RejectedError (`budget_exceeded`) unless it covers a purchase at this estimate."""
        if cost_micros > self.left_micros:
            figures = (usd_text(micros) for micros in (self.limit_micros, self.committed_micros, cost_micros))
            problem = "the budget of {} is ${}, ${} of it are spent or committed, and the next purchase is ${}"
            raise RejectedError("budget", problem.format(whose, *figures), remedy, FailureCode.BUDGET_EXCEEDED)


def month_of(moment: datetime) -> datetime:
    """When its calendar month began, in UTC."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def scene_limit(own_micros: int | None, settings: PlanSettings) -> int | None:
    """A scene's own budget, else the one that the settings give to every scene; None for no cap."""
    return settings.scene_budget_micros if own_micros is None else own_micros
