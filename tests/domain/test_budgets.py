"""Budgets are caps on the next purchase."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from domain.budgets import Budget, month_of, scene_limit
from domain.rejections import RejectedError
from models.enums import FailureCode
from models.settings import PlanSettings


@pytest.mark.parametrize(
    ("limit", "committed", "cost", "covered"),
    [(10, 0, 10, True), (10, 0, 11, False), (10, 9, 1, True), (10, 10, 1, False), (10, 12, 0, False), (0, 0, 0, True)],
)
def test_check(limit: int, committed: int, cost: int, covered: bool) -> None:
    """A purchase is covered up to the last micro-dollar, and none is once more was charged than the budget is."""
    budget = Budget(limit, committed)
    if covered:
        budget.check("scene 'a'", cost, "Raise it")
        return
    with pytest.raises(RejectedError) as refused:
        budget.check("scene 'a'", cost, "Raise it")
    assert refused.value.code is FailureCode.BUDGET_EXCEEDED


def test_refusal_says_all() -> None:
    """Which budget, how large, how much of it is gone, what the purchase would cost, and what to do."""
    with pytest.raises(RejectedError) as refused:
        Budget(2_500_000, 1_205_100).check("scene 'welcome'", 1_300_000, "Raise it with X")
    assert str(refused.value) == (
        "budget: the budget of scene 'welcome' is $2.50, $1.2051 of it are spent or committed, "
        "and the next purchase is $1.30. Raise it with X"
    )


@pytest.mark.parametrize(
    ("moment", "month"),
    [
        (datetime(2026, 11, 22, 13, 49, 23, 5, UTC), datetime(2026, 11, 1, tzinfo=UTC)),
        (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
        (datetime(2026, 12, 1, 1, 0, tzinfo=timezone(timedelta(hours=2))), datetime(2026, 11, 1, tzinfo=UTC)),
    ],
)
def test_month(moment: datetime, month: datetime) -> None:
    """The calendar month is UTC's, wherever the clock hangs."""
    assert month_of(moment) == month


def test_scene_limit() -> None:
    """A scene's own budget goes before the settings', also when it is 0."""
    settings = PlanSettings(scene_budget_micros=5)
    assert [scene_limit(own, settings) for own in (None, 0, 9)] == [5, 0, 9]
    assert scene_limit(None, PlanSettings()) is None
