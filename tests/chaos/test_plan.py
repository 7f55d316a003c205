"""What a drill consists of."""

from bench.chaos.plan import DATABASES, OF_PAIRS, Batch, Point, Run, Target, cells, long, only, random_run, short


def test_the_long_form_kills_at_every_point_of_every_step() -> None:
    """Each crash point of each paid step is there at least three times and on both databases."""
    runs = [run for batch in long(1) if batch.name == "points" for run in batch.runs]
    by_cell: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        point, target = run.name.split()[:2]
        by_cell.setdefault((point, target), []).append(run.database)

    assert by_cell.keys() == {(point, target) for point, target in cells()}
    assert all(len(kinds) == 3 and set(kinds) == set(DATABASES) for kinds in by_cell.values())


def test_the_short_form_kills_at_every_point_once() -> None:
    """Another seed takes other steps."""
    first = [run for run in short(1)[0].runs if len(run.crashes) == 1]
    steps = [{run.crashes[0].step for run in short(seed)[0].runs if len(run.crashes) == 1} for seed in range(5)]

    assert {run.crashes[0].point for run in first} == set(Point) - set(OF_PAIRS)
    assert set().union(*steps) == {target.step for target in Target}


def test_a_random_run_is_its_seed() -> None:
    """The same seed replays the same run, and seeds differ."""
    assert random_run(7) == random_run(7)
    assert len({run.kills for run in map(random_run, range(200))}) > 190


def test_the_long_form_has_two_hundred_random_runs() -> None:
    """With the seeds from the first one on, so that each can be replayed."""
    randoms = next(batch for batch in long(5) if batch.name == "random")

    assert [run.name for run in randoms.runs] == [f"random {seed}" for seed in range(5, 205)]


def test_one_run_can_be_picked_by_its_name() -> None:
    """Batches without a run of that name are left out."""
    batches = [Batch("a", (Run("one", "sqlite"), Run("two", "sqlite"))), Batch("b", (Run("three", "sqlite"),))]

    assert only(batches, "two") == [Batch("a", (Run("two", "sqlite"),))]
