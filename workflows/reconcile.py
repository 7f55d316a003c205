"""Late results are collected, costs settled, lost answers looked into, whether or not a scene waits for them."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.keys import workflow_id
    from models.reconciling import (
        ReconciledJob,
        ReconcileInput,
        ReconcileJobInput,
        ReconcileReport,
        UnattendedInput,
        UnattendedJob,
    )
    from workflows.calls import execute
    from workflows.policies import LIST_UNATTENDED, RECONCILE_JOB

AT_ONCE = 10  # downloads side by side: a worker's network is shared with the scenes that people wait for
PURCHASE_CHANGED = "purchase_changed"


@workflow.defn(name="ReconcileProviderJobsWorkflow")
class ReconcileProviderJobsWorkflow:
    """One pass over all purchases that no run works on. Never buys; ends with a `ReconcileReport`."""

    @workflow.run
    async def run(self, request: ReconcileInput) -> ReconcileReport:
        """Page by page, and on in a new run when the history grows long."""
        report = request.report or ReconcileReport()
        after = request.after
        while True:
            page = await execute(LIST_UNATTENDED, UnattendedInput(quiet_s=request.quiet_s, after=after), "page")
            for start in range(0, len(page.jobs), AT_ONCE):
                results = await asyncio.gather(*(self._reconcile(one) for one in page.jobs[start : start + AT_ONCE]))
                report = _added(report, results)
                workflow.set_current_details(_as_text(report))
            if not page.more:
                return report
            after = page.jobs[-1].job_id
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(ReconcileInput(quiet_s=request.quiet_s, after=after, report=report))

    async def _reconcile(self, found: UnattendedJob) -> ReconciledJob | str:
        """What became of a purchase, or why it could not be looked at: the others are looked at all the same."""
        try:
            job = await execute(RECONCILE_JOB, ReconcileJobInput(**dict(found)), found.job_id)
        except ActivityError as error:
            return f"{found.job_id}: {error.cause or error}"
        if job.after is not job.before:
            await _tell_scene(job)
        return job


async def _tell_scene(job: ReconciledJob) -> None:
    """The run may wait for this very purchase; when there is none, nobody misses the signal."""
    handle = workflow.get_external_workflow_handle(workflow_id(job.scene_id))
    try:
        await handle.signal(PURCHASE_CHANGED)
    except ApplicationError:
        workflow.logger.info("no run of scene %s waits for %s", job.scene_id, job.idempotency_key)


def _added(report: ReconcileReport, results: list[ReconciledJob | str]) -> ReconcileReport:
    jobs = [result for result in results if isinstance(result, ReconciledJob)]
    return ReconcileReport(
        looked_at=report.looked_at + len(results),
        moved=report.moved + [job for job in jobs if job.after is not job.before],
        held=report.held + [job for job in jobs if job.held],
        failed=report.failed + [result for result in results if isinstance(result, str)],
    )


def _as_text(report: ReconcileReport) -> str:
    lines = [f"**{report.looked_at}** purchases looked at, {len(report.moved)} moved, {len(report.held)} held"]
    lines += [f"- `{job.idempotency_key}`: {job.before} → {job.after}: {job.note}" for job in report.moved]
    lines += [f"- ⚠️ `{job.idempotency_key}` waits for a person or a webhook: {job.note}" for job in report.held]
    lines += [f"- ❌ {problem}" for problem in report.failed]
    return "\n".join(lines)
