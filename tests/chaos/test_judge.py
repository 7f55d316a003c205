"""The judge of the drill, on evidence made by hand: a scene whose lipsync was bought, and what may be wrong with it."""

from dataclasses import replace
from typing import Any

import pytest

from bench.chaos.evidence import Evidence, VendorJob
from bench.chaos.film import Filmed
from bench.chaos.judge import Verdict, judge, last_line
from bench.chaos.plan import Crash, Point, Run
from domain.ledger import Costs
from models.enums import JobState, SceneStatus, Step
from models.tables import GenerationLog, ProviderJob, Scene, now

PRICE = 51_200
SHA = "a" * 64


def row(**fields: Any) -> ProviderJob:
    """A lipsync that was bought and stored."""
    given: dict[str, Any] = {
        "scene_id": "s",
        "run_id": "r",
        "step": Step.LIPSYNC,
        "take": 1,
        "provider": "sync",
        "model": "lipsync-2",
        "idempotency_key": "s-lipsync-1",
        "fingerprint": "f",
        "state": JobState.STORED,
        "request_id": "job-1",
        "estimated_cost_micros": PRICE,
        "artifact": {"key": "artifacts/film", "sha256": SHA},
    }
    return ProviderJob(**given | fields)


def lost_row(**fields: Any) -> ProviderJob:
    """One whose answer was lost."""
    return row(state=JobState.UNKNOWN, request_id=None, artifact=None, idempotency_key="s-lipsync-0", **fields)


def vendor_job(request_id: str = "job-1", **fields: Any) -> VendorJob:
    """What the vendor made of it."""
    made = VendorJob(request_id, "sync", "lipsync-2", Step.LIPSYNC, "succeeded", PRICE, "charged", frozenset({SHA}))
    return replace(made, **fields)


def evidence(**fields: Any) -> Evidence:
    """A run in which all went well."""
    scene = Scene(id="s", name="s", dialogue="Hello.", status=SceneStatus.COMPLETED)
    filmed = Filmed(Run("run", "sqlite"), 1, [scene], "stage 00001")
    given: dict[str, Any] = {
        "filmed": filmed,
        "scenes": [scene],
        "rows": [row()],
        "logs": [],
        "vendor_jobs": [vendor_job()],
        "objects": {"artifacts/film": SHA},
        "costs": Costs(spent_micros=PRICE),
    }
    return Evidence(**given | fields)


def entry(key: str) -> GenerationLog:
    """A row of the log."""
    return GenerationLog(
        scene_id="s", run_id="r", event_key=key, level="INFO", step="UPLOAD", provider="system", message="Published"
    )


def unfinished(status: SceneStatus) -> Evidence:
    """A run whose scene ended, or stands, like this."""
    return replace(evidence(), scenes=[Scene(id="s", name="s", dialogue="Hello.", status=status)])


TWICE = Costs(spent_micros=PRICE, unknown_micros=PRICE, unknown_count=1)

HOLDS = {
    "bought once": evidence(),
    "bought again after a loss that is visible": evidence(
        rows=[lost_row(written_off_at=now()), row()],
        vendor_jobs=[vendor_job("job-0", sha256=frozenset({"b" * 64})), vendor_job()],
        costs=TWICE,
    ),
    "a possible loss that was none": evidence(rows=[lost_row(written_off_at=now()), row()], costs=TWICE),
    "bought again after a job that broke down": evidence(
        rows=[row(state=JobState.FAILED, request_id="job-0", artifact=None, actual_cost_micros=0), row()],
        vendor_jobs=[vendor_job("job-0", state="failed", price=0, billed="waived"), vendor_job()],
    ),
}
BROKEN: dict[str, tuple[Evidence, dict[str, int]]] = {
    "bought twice": (
        evidence(vendor_jobs=[vendor_job(), vendor_job("job-2")]),
        {"duplicates": 1, "lost": 1, "off_micros": PRICE},
    ),
    "bought twice, with a row for each": (
        evidence(
            rows=[row(), row(request_id="job-2", idempotency_key="s-lipsync-2")],
            vendor_jobs=[vendor_job(), vendor_job("job-2")],
            costs=Costs(spent_micros=2 * PRICE),
        ),
        {"duplicates": 1},
    ),
    "one loss covers one job": (
        evidence(
            rows=[lost_row(), row()],
            vendor_jobs=[vendor_job("job-0"), vendor_job("job-2"), vendor_job()],
            costs=TWICE,
        ),
        {"duplicates": 1, "lost": 1, "off_micros": PRICE},
    ),
    "delivered and thrown away": (evidence(rows=[row(state=JobState.FAILED, actual_cost_micros=PRICE)]), {"lost": 1}),
    "booked at another price": (
        evidence(rows=[row(actual_cost_micros=PRICE - 1)], costs=Costs(spent_micros=PRICE - 1)),
        {"off_micros": 1},
    ),
    "booked and never billed": (evidence(vendor_jobs=[]), {"off_micros": PRICE}),
    "summed up wrongly": (evidence(costs=Costs(spent_micros=PRICE + 7)), {"off_micros": 7}),
    "object gone": (evidence(objects={"artifacts/film": None}), {"lost": 1}),
    "object is another": (evidence(objects={"artifacts/film": "c" * 64}), {"lost": 1}),
    "not what the vendor made": (evidence(vendor_jobs=[vendor_job(sha256=frozenset({"d" * 64}))]), {"lost": 1}),
    "no end": (unfinished(SceneStatus.GENERATING), {"unexplained": 1}),
    "no film": (unfinished(SceneStatus.FAILED), {"unexplained": 1}),
    "a log row twice": (evidence(logs=[entry("r:published"), entry("r:published")]), {}),
    "a message twice": (evidence(logs=[entry("r:published"), entry("r:published again")]), {}),
    "nobody died": (
        evidence(filmed=replace(evidence().filmed, run=Run("x", "sqlite", crashes=(Crash(Point.SENT, Step.LIPSYNC),)))),
        {},
    ),
}


@pytest.mark.parametrize("name", HOLDS)
def test_what_is_right_holds(name: str) -> None:
    """Also a second purchase, where the first is visibly lost or broke down at the vendor."""
    verdict = judge(HOLDS[name])

    assert verdict.findings == []
    assert verdict.holds


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_counted(name: str) -> None:
    """Each in its own column, and in words."""
    found, figures = BROKEN[name]
    verdict = judge(found)
    counted = {column: getattr(verdict, column) for column in ("duplicates", "lost", "unexplained", "off_micros")}

    assert {column: figure for column, figure in counted.items() if figure} == figures
    assert verdict.findings
    assert not verdict.holds


def test_the_last_line_adds_up() -> None:
    """All is well in one form, and with the figures in the other."""
    broken = Verdict("b", duplicates=1, lost=2, off_micros=36_200, unexplained=1)

    assert last_line([Verdict("a"), Verdict("b")]) == "drill: 2 runs, 0 duplicates, 0 lost, ledger exact"
    assert last_line([Verdict("a"), broken]) == (
        "drill: 2 runs, 1 duplicates, 2 lost, ledger off by $0.036200, 1 scenes unexplained"
    )
