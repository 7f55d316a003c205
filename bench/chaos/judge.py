"""The verdict on a run: bought once, nothing lost, ledger equal to the bill, an end that is explained. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.chaos.evidence import Evidence, VendorJob
from models.enums import JobState, SceneStatus, Step
from models.tables import ProviderJob

PAID_STEPS = (Step.SPEECH, Step.IMAGE, Step.VIDEO, Step.LIPSYNC)
_ENDED = (JobState.FAILED, JobState.CANCELED)


@dataclass
class Verdict:
    """What is wrong with a run: all zero when it holds. `off_micros` is by how much the ledger is off the bill."""

    name: str
    duplicates: int = 0
    lost: int = 0
    unexplained: int = 0
    off_micros: int = 0
    booked_micros: int = 0
    billed_micros: int = 0
    doubtful: int = 0  # purchases booked as a possible loss,
    doubtful_micros: int = 0  # and their amount
    held: int = 0
    deaths: int = 0
    took_s: float = 0.0
    findings: list[str] = field(default_factory=list[str])

    @property
    def holds(self) -> bool:
        """Nothing to complain about."""
        return not (self.duplicates or self.lost or self.unexplained or self.off_micros or self.findings)


def judge(evidence: Evidence) -> Verdict:
    """Judge one run."""
    filmed = evidence.filmed
    verdict = Verdict(filmed.run.name, held=len(filmed.held), deaths=filmed.deaths, took_s=round(filmed.took_s, 1))
    for step in PAID_STEPS:
        rows = [row for row in evidence.rows if row.step == step]
        jobs = [job for job in evidence.vendor_jobs if job.step is step]
        _judge_step(verdict, step, rows, jobs)
    _judge_sums(verdict, evidence)
    _judge_objects(verdict, evidence)
    _judge_end(verdict, evidence)
    _judge_log(verdict, evidence)
    _judge_drill(verdict, evidence)
    return verdict


def is_doubtful(row: ProviderJob) -> bool:
    """Whether the row says that the vendor may have a job of which we know no id."""
    gave_up = row.state in _ENDED and row.actual_cost_micros is None
    return row.request_id is None and (row.state == JobState.UNKNOWN or gave_up)


def booked(row: ProviderJob) -> int:
    """Micro-dollars that the ledger counts for a row: the vendor's figure, else the estimate."""
    return row.estimated_cost_micros if row.actual_cost_micros is None else row.actual_cost_micros


def _judge_step(verdict: Verdict, step: Step, rows: list[ProviderJob], jobs: list[VendorJob]) -> None:
    known = {row.request_id: row for row in rows if row.request_id}
    doubtful = [row for row in rows if is_doubtful(row)]
    verdict.doubtful += len(doubtful)
    verdict.doubtful_micros += sum(map(booked, doubtful))
    verdict.booked_micros += sum(booked(row) for row in rows if row not in doubtful)
    excused = 0
    for job in jobs:
        verdict.billed_micros += job.price
        row = known.pop(job.request_id, None)
        if row is not None:
            excused += row.state in _ENDED or row.written_off_at is not None
            _judge_pair(verdict, job, row)
        elif doubtful:
            excused += 1
            _judge_amount(verdict, job, _take(doubtful, job))
        else:
            _note(verdict, f"{step}: {job.provider} job {job.request_id} ({job.state}) is in no row")
            verdict.lost += job.price > 0
            verdict.off_micros += job.price
    # One job is what a step needs; a job that ended without a result, or whose answer was lost, excuses another.
    extra = max(0, len(jobs) - 1 - excused)
    if extra:
        _note(verdict, f"{step}: {len(jobs)} jobs at the vendor, {excused} excused")
    verdict.duplicates += extra
    for row in known.values():
        if booked(row):
            _note(verdict, f"{step}: {row.idempotency_key} is booked and on no bill")
            verdict.off_micros += booked(row)


def _judge_pair(verdict: Verdict, job: VendorJob, row: ProviderJob) -> None:
    """A job and the row that knows it."""
    delivered = job.state == "succeeded" and job.price > 0
    if delivered and row.state in _ENDED:
        _note(verdict, f"{row.idempotency_key}: delivered and billed, but the row is {row.state}")
        verdict.lost += 1
    if row.state == JobState.STORED and row.artifact and row.artifact["sha256"] not in job.sha256:
        _note(verdict, f"{row.idempotency_key}: what is stored is not what the vendor made")
        verdict.lost += 1
    _judge_amount(verdict, job, row)


def _judge_amount(verdict: Verdict, job: VendorJob, row: ProviderJob) -> None:
    if job.is_open or job.billed == "open":
        return  # its price is not final, and its row is still in flight
    difference = abs(booked(row) - job.price)
    if difference:
        _note(verdict, f"{row.idempotency_key}: booked {booked(row)}, billed {job.price}")
    verdict.off_micros += difference


def _judge_sums(verdict: Verdict, evidence: Evidence) -> None:
    """What `starter.py cost` tells is the sum of the rows, all of which have been held against the bill."""
    costs = evidence.costs
    known = costs.spent_micros + costs.in_flight_micros
    if (known, costs.unknown_micros) != (verdict.booked_micros, verdict.doubtful_micros):
        _note(verdict, f"the product's own sums are {known} and {costs.unknown_micros} in doubt")
        verdict.off_micros += abs(costs.committed_micros - verdict.booked_micros - verdict.doubtful_micros)


def _judge_objects(verdict: Verdict, evidence: Evidence) -> None:
    for row in evidence.rows:
        if row.state != JobState.STORED or row.artifact is None:
            continue
        found = evidence.objects[row.artifact["key"]]
        if found != row.artifact["sha256"]:
            _note(verdict, f"{row.idempotency_key}: stored, but the object is {'gone' if found is None else 'another'}")
            verdict.lost += 1


def _judge_end(verdict: Verdict, evidence: Evidence) -> None:
    """Every scene of a drill gets its film in the end; one that waited for a person has said so."""
    filmed = evidence.filmed
    for scene in evidence.scenes:
        if scene.status != SceneStatus.COMPLETED or not filmed.in_time:
            why = f"{scene.failure_step or ''} {scene.failure_code or ''}: {scene.failure_detail or ''}"
            _note(verdict, f"the scene is {scene.status}{'' if filmed.in_time else ', not in time'} {why}")
            verdict.unexplained += 1
    for key in filmed.silent:
        _note(verdict, f"{key} waited for a person and did not say so")
        verdict.unexplained += 1
    open_rows = [row.idempotency_key for row in evidence.rows if row.state in _BUSY]
    if open_rows and all(scene.status == SceneStatus.COMPLETED for scene in evidence.scenes):
        _note(verdict, f"the film is there, but still open: {', '.join(open_rows)}")
        verdict.unexplained += 1


_BUSY = (JobState.INTENT, JobState.SENT, JobState.ACCEPTED, JobState.SUCCEEDED)


def _judge_log(verdict: Verdict, evidence: Evidence) -> None:
    """An event key is there once in a scene, and a message once in a run for each purchase that it may be about."""
    keys = Counter((row.scene_id, row.event_key) for row in evidence.logs)
    messages = Counter((row.run_id, row.step, row.message) for row in evidence.logs)
    purchases = Counter(row.provider for row in evidence.rows)
    allowed = max(purchases.values(), default=1)
    verdict.findings += [f"log: {key} is there {count} times" for (_, key), count in keys.items() if count > 1]
    verdict.findings += [
        f"log: {message!r} is there {count} times" for (*_, message), count in messages.items() if count > allowed
    ]


def _judge_drill(verdict: Verdict, evidence: Evidence) -> None:
    """A run proves nothing unless what it is about has happened."""
    run, filmed = evidence.filmed.run, evidence.filmed
    if filmed.deaths < len(run.crashes):
        _note(verdict, f"{filmed.deaths} of {len(run.crashes)} crashes happened")
    if run.lost and not run.sabotage and not any(row.event_key.endswith(":lost") for row in evidence.logs):
        _note(verdict, "no answer was lost")
    if run.shared and not any(row.event_key.endswith(":reused") for row in evidence.logs):
        _note(verdict, "nothing was shared")
    if run.abandoned and not filmed.abandoned:
        _note(verdict, "nothing was given up")
    if run.cancel_s is not None and not filmed.canceled:
        _note(verdict, "nothing was canceled")
    if filmed.exits and not filmed.disturbed:
        _note(verdict, f"{filmed.exits} workers ended by themselves")


def _take(doubtful: list[ProviderJob], job: VendorJob) -> ProviderJob:
    """The doubtful row that fits the job best, which can then cover no other."""
    best = min(doubtful, key=lambda row: (row.model != job.model, abs(booked(row) - job.price)))
    doubtful.remove(best)
    return best


def _note(verdict: Verdict, finding: str) -> None:
    verdict.findings.append(finding)


def last_line(verdicts: Iterable[Verdict]) -> str:
    """The drill in one line."""
    judged = list(verdicts)
    duplicates, lost = sum(item.duplicates for item in judged), sum(item.lost for item in judged)
    off, unexplained = sum(item.off_micros for item in judged), sum(item.unexplained for item in judged)
    ledger = "ledger exact" if off == 0 else f"ledger off by ${off / 1_000_000:.6f}"
    line = f"drill: {len(judged)} runs, {duplicates} duplicates, {lost} lost, {ledger}"
    return line + (f", {unexplained} scenes unexplained" if unexplained else "")
