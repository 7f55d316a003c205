"""The drill: a whole worker passes it whatever kills it, and one with a broken guard does not."""

import re
from pathlib import Path

import pytest

from bench.chaos import sabotage
from bench.chaos.drill import drill
from bench.chaos.judge import Verdict, last_line
from bench.chaos.pairs import buyer_dies
from bench.chaos.plan import Batch, Crash, Point, Run, Target, crash_run
from bench.chaos.stage import staged
from models.enums import Step

WHOLE = (
    crash_run(Point.SENT, Target.VIDEO_KLING, "sqlite"),
    crash_run(Point.UPLOADED, Target.SPEECH, "postgresql"),
    crash_run(Point.ANSWERED, Target.LIPSYNC, "postgresql"),
    Run("answer-lost image", "sqlite", lost=Target.IMAGE),
    buyer_dies(Point.ACCEPTED, Target.IMAGE, "postgresql", 0),
)
# Each broken guard, with the death that it would have survived whole, and what the drill says of it.
BROKEN: dict[Run, set[str]] = {
    Run("intent", "sqlite", crashes=(Crash(Point.ANSWERED, Step.IMAGE),), sabotage=sabotage.NO_INTENT): {
        "duplicates",
        "lost",
        "ledger",
    },
    Run("key", "postgresql", crashes=(Crash(Point.SENT, Step.LIPSYNC),), sabotage=sabotage.NO_KEY): {
        "duplicates",
        "lost",
        "ledger",
    },
    Run("sdk", "postgresql", lost=Target.VIDEO_FAL, sabotage=sabotage.SDK_RETRIES): {"duplicates", "lost", "ledger"},
    # The row says STORED before its object is there: whoever goes on finds none, and buys again.
    Run("stored", "sqlite", crashes=(Crash(Point.STORED, Step.SPEECH),), sabotage=sabotage.STORED_FIRST): {
        "duplicates"
    },
    Run("unshared", "sqlite", shared=True, sabotage=sabotage.UNSHARED): {"duplicates"},
}


@pytest.mark.timeout(420)
async def test_a_whole_worker_passes_and_each_broken_guard_is_reported(tmp_path: Path) -> None:
    """All runs side by side: deaths and a lost answer cost nothing, without a guard the same deaths do."""
    async with staged(tmp_path) as stage:
        verdicts = await drill(stage, [Batch("suite", (*WHOLE, *BROKEN))], 1, lambda line: None)
    whole, broken = verdicts[: len(WHOLE)], verdicts[len(WHOLE) :]

    assert [verdict.findings for verdict in whole] == [[], [], [], [], []]
    assert last_line(whole) == "drill: 5 runs, 0 duplicates, 0 lost, ledger exact"
    assert sum(verdict.booked_micros + verdict.doubtful_micros for verdict in whole) == sum(
        verdict.billed_micros for verdict in whole
    )
    assert {verdict.name: complaints(verdict) for verdict in broken} == {run.name: BROKEN[run] for run in BROKEN}
    assert re.fullmatch(r"drill: 5 runs, [1-9] duplicates, [1-9] lost, ledger off by \$\d\.\d{6}", last_line(broken))


def complaints(verdict: Verdict) -> set[str]:
    """What a verdict complains about."""
    figures = {
        "duplicates": verdict.duplicates,
        "lost": verdict.lost,
        "ledger": verdict.off_micros,
        "unexplained": verdict.unexplained,
    }
    return {name for name, figure in figures.items() if figure}
