"""What the API answers about money."""

from datetime import datetime
from typing import Self

from api.views import BudgetView, CostsView, View
from models.enums import FailureCode, JobState, Provider, Step
from runtime.catalog.costs import CostReport


class SceneCostsView(View):
    """One scene's part; `name` is unset for one that was deleted, and for the test of an identity."""

    scene_id: str
    name: str | None
    costs: CostsView


class UnknownView(View):
    """A purchase that may have been charged for nothing: look its key or request id up at the vendor."""

    id: str
    idempotency_key: str
    scene_id: str
    step: Step
    provider: Provider
    model: str
    state: JobState
    request_id: str | None
    estimated_cost_micros: int
    intent_at: datetime
    written_off_at: datetime | None
    error_code: FailureCode | None
    error_detail: str | None


class CostReportView(View):
    """What was asked for, by id, and what it costs: as a whole, by vendor, by step, and dearest scene first.

    `scenes` is unset unless a scene, project or identity was asked for; `unknown` are the newest; `month` is the budget
    over everything in this calendar month (UTC), unset without one.
    """

    scene_id: str | None
    project_id: str | None
    identity_id: str | None
    provider: Provider | None
    since: datetime | None
    total: CostsView
    providers: dict[Provider, CostsView]
    steps: dict[Step, CostsView]
    scenes: list[SceneCostsView] | None
    unknown: list[UnknownView]
    month: BudgetView | None

    @classmethod
    def of(cls, report: CostReport) -> Self:
        """The report as it is shown."""
        names = ("total", "providers", "steps", "scenes", "month")
        facts = {name: getattr(report, name) for name in names} | {"unknown": [dict(job) for job in report.unknown]}
        return cls.model_validate(vars(report.which) | facts)
