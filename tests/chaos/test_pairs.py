"""What the drill does to scenes that share."""

from bench.chaos.pairs import long, short
from bench.chaos.plan import DATABASES, OF_PAIRS, Point, Run, cells


def runs(form: str) -> list[Run]:
    return [run for batch in (long if form == "long" else short)(1) for run in batch.runs]


def test_the_long_form_kills_a_buyer_at_every_point_of_every_step() -> None:
    """While another scene waits for what it buys; each kind of run on both databases."""
    buyers = [run for run in runs("long") if run.name.startswith("pair buyer")]
    assert {tuple(run.name.split()[2:4]) for run in buyers} == {(point, target) for point, target in cells()}
    for words in ("pair buyer", "pair abandoned", "pair chosen", "pair reused", "pair waited"):
        assert {run.database for run in runs("long") if run.name.startswith(words)} == set(DATABASES)


def test_the_short_form_has_each_kind() -> None:
    """A buyer, who waits, who reuses before and after it is written, and a run that is given up."""
    points = {crash.point for run in runs("short") for crash in run.crashes}
    assert set(OF_PAIRS) | {Point.SENT, Point.UPLOADED} <= points
    assert sum(run.abandoned for run in runs("short")) == 2


def test_pairs_share() -> None:
    """Every one of them is two scenes, and has a name of its own."""
    assert all(run.shared for form in ("long", "short") for run in runs(form))
    assert len({run.name for run in runs("long")}) == len(runs("long"))
