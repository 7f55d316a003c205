"""The drill: a healthy worker passes it whatever kills it, and one with a broken guard does not."""

import re

import pytest

from bench.chaos import sabotage
from bench.chaos.judge import Verdict, last_line
from tests.chaos.conftest import HEALTHY

pytestmark = pytest.mark.timeout(420)  # the first test of the module waits for all runs


@pytest.mark.parametrize("name", [run.name for run in HEALTHY])
def test_what_is_bought_is_bought_once_and_kept(verdicts: dict[str, Verdict], name: str) -> None:
    """A worker that dies, or an answer that is lost, costs no second purchase, no result and no cent of the ledger."""
    assert verdicts[name].findings == []
    assert verdicts[name].holds


def test_the_ledger_is_the_bill(verdicts: dict[str, Verdict]) -> None:
    """Over all healthy runs what is booked, and not in doubt, is what the vendors charged for the same jobs."""
    healthy = [verdicts[run.name] for run in HEALTHY]

    assert last_line(healthy) == "drill: 4 runs, 0 duplicates, 0 lost, ledger exact"
    assert sum(item.booked_micros for item in healthy) > 0


@pytest.mark.parametrize("guard", [sabotage.NO_INTENT, sabotage.NO_KEY, sabotage.SDK_RETRIES])
def test_a_purchase_that_no_row_knows_of_is_reported(verdicts: dict[str, Verdict], guard: str) -> None:
    """Without the guard the vendor makes two jobs: one too many, its result lost and its price on no row."""
    verdict = verdicts[guard]

    assert verdict.duplicates >= 1
    assert verdict.lost == verdict.duplicates
    assert verdict.off_micros > 0


def test_a_result_that_was_not_kept_is_reported(verdicts: dict[str, Verdict]) -> None:
    """A row that says STORED before its object is there loses it when the worker dies between: it is bought again."""
    assert verdicts[sabotage.STORED_FIRST].duplicates == 1


def test_a_drill_that_fails_says_by_how_much(verdicts: dict[str, Verdict]) -> None:
    """The last line has the figures."""
    line = last_line([verdicts[sabotage.NO_KEY]])

    assert re.fullmatch(r"drill: 1 runs, 1 duplicates, 1 lost, ledger off by \$0\.\d{6}", line)
