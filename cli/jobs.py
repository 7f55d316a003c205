"""`starter.py jobs`: what was bought, and the decision on a purchase whose answer was lost."""

from datetime import timedelta
from typing import Annotated, Any

import typer

from cli.output import AsJson, print_json, print_table, row_document, run, say
from cli.session import session
from domain.ledger import booking_of
from models.enums import JobState
from models.reconciling import ReconcileReport
from models.tables import ProviderJob
from runtime.catalog.scenes import find_scene
from runtime.decisions import give_up
from runtime.launching import tell_purchase_changed
from runtime.schedules import reconcile_now
from workflows.visibility import dollars

NEWEST = 200

app = typer.Typer(help="Purchases at the vendors.", no_args_is_help=True)


@app.command("list")
def list_all(
    scene: Annotated[str | None, typer.Option(metavar="REF", help="Only those of this scene.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest, without --scene.")] = NEWEST,
    as_json: AsJson = False,
) -> None:
    """Purchases with state, vendor's request id and cost: of one scene, or the newest of all."""

    async def work() -> list[ProviderJob]:
        async with session() as open_session, open_session.database.transaction() as tx:
            return await tx.jobs.of_scene((await find_scene(tx, scene)).id) if scene else await tx.jobs.newest(limit)

    jobs = run(work(), as_json=as_json)
    if as_json:
        print_json([job_document(job) for job in jobs])
    elif jobs:
        print_jobs(jobs)
    else:
        say("nothing was bought")


@app.command("give-up")
def give_up_job(
    key: Annotated[str, typer.Argument(help="The purchase's key or id, as `jobs list` shows it.")],
    reason: Annotated[str, typer.Option(help="What you found out at the vendor; kept with the purchase.")],
    as_json: AsJson = False,
) -> None:
    """Give up a purchase in state `unknown`: its scene buys anew, at once if it waits, else at `scene generate`.

    Look at the vendor's dashboard first: the money for it may be spent.
    """
    if not reason.strip():
        raise typer.BadParameter("say in a few words why", param_hint="--reason")

    async def work() -> ProviderJob:
        async with session() as open_session:
            given_up = await give_up(open_session.database, key, reason.strip())
            client = await open_session.temporal_if_there()
            if client is not None:
                await tell_purchase_changed(client, given_up.worked_on_by)
            return given_up

    job = run(work(), as_json=as_json)
    if as_json:
        print_json(job_document(job))
    else:
        say(f"{job.idempotency_key}: given up, possible loss {dollars(job.estimated_cost_micros)}")
        say(f"next: starter.py scene generate {job.scene_id}")


@app.command("reconcile")
def reconcile(
    quiet: Annotated[float, typer.Option(min=0, help="Leave out what moved within so many seconds.")] = 120.0,
    as_json: AsJson = False,
) -> None:
    """Collect late results, look into lost answers and release what never was sent, now; a worker has to run."""

    async def work() -> ReconcileReport:
        async with session() as open_session:
            client = await open_session.temporal()
            return await reconcile_now(client, open_session.settings.task_queue, timedelta(seconds=quiet))

    report = run(work(), as_json=as_json)
    if as_json:
        print_json(report.model_dump(mode="json"))
        return
    for job in report.moved:
        say(f"{job.idempotency_key}: {job.before} -> {job.after}: {job.note}")
    for job in report.held:
        say(f"{job.idempotency_key} waits for a person or a webhook: {job.note}")
    for problem in report.failed:
        say(f"could not be looked at: {problem}")
    say(f"{report.looked_at} looked at, {len(report.moved)} moved, {len(report.held)} held")


def print_jobs(jobs: list[ProviderJob]) -> None:
    """The purchases as a table."""
    columns = ("KEY", "VENDOR", "MODEL", "STATE", "REQUEST ID", "COST", "")
    rows = ((j.idempotency_key, j.provider, j.model, j.state, j.request_id, _cost(j), _remark(j)) for j in jobs)
    print_table(columns, rows)


def job_document(job: ProviderJob) -> dict[str, Any]:
    """A purchase for programs with the sum that it counts in, without the bulk of its request and alignment."""
    booking = booking_of(JobState(job.state), job.actual_cost_micros)
    return row_document(job, "request", "alignment") | {"booking": booking}


def _cost(job: ProviderJob) -> str:
    if job.actual_cost_micros is None:
        return f"~{dollars(job.estimated_cost_micros)}"
    return dollars(job.actual_cost_micros)


def _remark(job: ProviderJob) -> str:
    if job.parked_at is not None and job.state == "accepted":
        return "parked: collected when the vendor is done"
    if job.state == "unknown" and job.written_off_at is not None:
        return f"written off: {job.error_detail}"
    if job.state == "unknown":
        return "the answer was lost: look at the vendor's, then `jobs give-up`"
    return f"{job.error_code}: {job.error_detail}" if job.error_code and job.state == "failed" else ""
