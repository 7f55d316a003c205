"""`starter.py cost`: the ledger added up; and how commands show money."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Any

import typer

from cli.jobs import job_document
from cli.output import AsJson, clock, print_facts, print_json, print_table, run, say
from cli.session import session
from domain.budgets import Budget
from domain.ledger import Costs
from models.enums import Provider
from models.money import usd_text
from models.tables import ProviderJob, now
from runtime.catalog.costs import CostQuery, CostReport, SceneCosts, costs_of

_SUMS = ("SPENT", "IN FLIGHT", "UNKNOWN", "SAVED")


def cost(
    scene: Annotated[str | None, typer.Option(metavar="REF", help="Only this scene's: id or name.")] = None,
    project: Annotated[str | None, typer.Option(metavar="REF", help="Only this project's: id or name.")] = None,
    identity: Annotated[str | None, typer.Option(metavar="REF", help="Only this identity's: id or name.")] = None,
    provider: Annotated[Provider | None, typer.Option(help="Only what this vendor is paid.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Ordered from this date or time (UTC) on, or 24h, 7d, 2w ago.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What was spent, what is in flight, what may be lost, and what did not have to be bought again.

    What was deleted is still in the sums, and is found by its id.
    """
    query = CostQuery(scene=scene, project=project, identity=identity, provider=provider, since=since)

    async def work() -> CostReport:
        async with session() as open_session:
            return await costs_of(open_session.database, open_session.settings, query)

    report = run(work(), as_json=as_json)
    if as_json:
        print_json(_document(report))
    else:
        _print(report)


def money_facts(costs: Costs, budget: Budget | None) -> list[tuple[str, object]]:
    """Name and value, one a line, for people; sums of nothing are left out, what was spent is not."""
    unknown = f"{usd(costs.unknown_micros)} in {costs.unknown_count}, perhaps charged for nothing"
    return [
        ("spent", usd(costs.spent_micros)),
        ("in flight", usd(costs.in_flight_micros) if costs.in_flight_micros else None),
        ("unknown", unknown if costs.unknown_count else None),
        ("saved", usd(costs.saved_micros) if costs.saved_micros else None),
        ("budget", budget_words(budget) if budget else None),
    ]


def money_document(costs: Costs, budget: Budget | None) -> dict[str, Any]:
    """The same for programs, in micro-dollars; a budget that was not set is null."""
    return {"costs": asdict(costs), "budget": budget and budget_document(budget)}


def usd(micros: int) -> str:
    """Exact to the micro-dollar."""
    return f"-${usd_text(-micros)}" if micros < 0 else f"${usd_text(micros)}"


def budget_words(budget: Budget) -> str:
    """A budget for people, with what is left of it."""
    left = f"{usd(budget.left_micros)} left" if budget.left_micros >= 0 else f"{usd(-budget.left_micros)} over"
    return f"{usd(budget.limit_micros)}, {usd(budget.committed_micros)} spent or committed, {left}"


def budget_document(budget: Budget) -> dict[str, int]:
    """The same for programs, in micro-dollars."""
    return {
        "limit_micros": budget.limit_micros,
        "committed_micros": budget.committed_micros,
        "left_micros": budget.left_micros,
    }


def _print(report: CostReport) -> None:
    print_facts(money_facts(report.total, None))
    _print_sums("VENDOR", report.providers.items())
    _print_sums("STEP", report.steps.items())
    if report.scenes is not None:
        _print_sums("SCENE", ((_name(part), part.costs) for part in report.scenes))
    if report.unknown:
        say(f"\nPERHAPS CHARGED FOR NOTHING, {len(report.unknown)} of {report.total.unknown_count}", "bold")
        columns = ("KEY", "VENDOR", "STATE", "REQUEST ID", "UP TO", "ORDERED", "")
        print_table(columns, (_unknown_row(job) for job in report.unknown))
    if report.month is not None:
        say(f"\nbudget of {now():%Y-%m}: {budget_words(report.month)}")


def _print_sums(what: str, sums: Iterable[tuple[str, Costs]]) -> None:
    rows = [
        (name, *(usd(micros) for micros in (c.spent_micros, c.in_flight_micros, c.unknown_micros, c.saved_micros)))
        for name, c in sums
    ]
    if rows:
        say("")
        print_table((what, *_SUMS), rows)


def _name(part: SceneCosts) -> str:
    return part.name or f"{part.scene_id} ({'test' if part.scene_id.startswith('test-') else 'deleted'})"


def _unknown_row(job: ProviderJob) -> tuple[object, ...]:
    amount = usd(job.estimated_cost_micros)
    return (
        job.idempotency_key,
        job.provider,
        job.state,
        job.request_id,
        amount,
        clock(job.intent_at),
        job.error_detail,
    )


def _document(report: CostReport) -> dict[str, Any]:
    scenes = report.scenes
    return asdict(report.which) | {
        "total": asdict(report.total),
        "providers": {name: asdict(costs) for name, costs in report.providers.items()},
        "steps": {name: asdict(costs) for name, costs in report.steps.items()},
        "scenes": None if scenes is None else [asdict(part) for part in scenes],
        "unknown": [job_document(job) for job in report.unknown],
        "month": report.month and budget_document(report.month),
    }
