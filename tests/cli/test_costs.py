"""`starter.py cost`, and budgets at the command line, with the database alone."""

import asyncio

import pytest

from models.enums import JobState, Provider, Step
from models.tables import ProviderJob
from store.database import Database
from tests.cli.program import Program
from tests.support.ledger import book, bought, reused

NOTHING = {"spent_micros": 0, "in_flight_micros": 0, "unknown_micros": 0, "saved_micros": 0, "unknown_count": 0}


@pytest.fixture
def lost(program: Program, database: Database) -> ProviderJob:
    """A project with a scene on which something is booked in every way; gives the purchase that may be lost."""
    project = program.run("project", "add", "--name", "film", "--display-name", "A film", "--json").json["id"]
    scene = program.run("scene", "add", "--name", "one", "--dialogue", "Hi.", "--project", "film", "--json").json["id"]
    spent = bought(JobState.STORED, 1_205_100, scene, project_id=project)
    lost = bought(JobState.UNKNOWN, None, scene, project_id=project, provider=Provider.SYNC, step=Step.LIPSYNC)
    rows = [spent, bought(JobState.SENT, None, scene, project_id=project), lost, bought(JobState.STORED, 1, "gone")]

    async def work() -> None:
        await book(database, *rows, reused(spent, scene, project_id=project))
        await database.close()

    asyncio.run(work())
    return lost


def test_nothing(program: Program) -> None:
    """Before anything is bought the sums are nothing."""
    assert program.run("cost").out.split() == ["spent", "$0.00"]
    assert program.run("cost", "--json").json["total"] == NOTHING


def test_for_people(program: Program, lost: ProviderJob) -> None:
    """Exact sums, apart by vendor, step and scene, and what to look up at the vendor."""
    everything = program.run("cost").out
    assert all(words in everything for words in ("$1.205101", "in flight", "$0.0001", "saved", "VENDOR", "STEP"))
    assert "SCENE" not in everything
    project = program.run("cost", "--project", "film", "--since", "7d").out
    assert all(words in project for words in ("$1.2051 ", "SCENE", "one", "PERHAPS CHARGED", lost.idempotency_key))
    assert "gone (deleted)" in program.run("cost", "--scene", "gone").out


def test_for_programs(program: Program, lost: ProviderJob) -> None:
    """One document in micro-dollars."""
    found = program.run("cost", "--scene", "one", "--json").json
    sums = {"spent_micros": 1_205_100, "in_flight_micros": 100, "unknown_micros": 100, "saved_micros": 100}
    assert found["total"] == sums | {"unknown_count": 1}
    assert found["providers"]["sync"] == NOTHING | {"unknown_micros": 100, "unknown_count": 1}
    assert found["steps"]["lipsync"] == found["providers"]["sync"]
    assert [(part["name"], part["costs"]) for part in found["scenes"]] == [("one", found["total"])]
    assert [(job["id"], job["booking"]) for job in found["unknown"]] == [(lost.id, "unknown")]
    assert (found["provider"], found["since"], found["month"]) == (None, None, None)


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("--scene", "nothing"), 3, "'nothing'"),
        (("--project", "nothing"), 3, "'nothing'"),
        (("--identity", "nothing"), 3, "'nothing'"),
        (("--since", "soon"), 2, "24h, 7d, 2w"),
        (("--provider", "someone"), 2, "someone"),
    ],
    ids=lambda value: str(value),
)
def test_refused(program: Program, arguments: tuple[str, ...], code: int, word: str) -> None:
    """What fits nothing, or cannot be read, ends with its exit code and says what would do."""
    refused = program.run("cost", *arguments)
    assert refused.code == code
    assert word in refused.err


@pytest.mark.parametrize(("what", "name"), [("scene", "one"), ("project", "film")])
def test_budgets(program: Program, lost: ProviderJob, what: str, name: str) -> None:
    """A budget is given in US dollars, shown with what is left or overdrawn, and taken back."""
    program.run(what, "edit", name, "--budget", "2.50")
    shown = program.run(what, "show", name)
    document = program.run(what, "show", name, "--json").json
    assert "$2.50, $1.2053 spent or committed, $1.2947 left" in shown.out
    assert document["budget_micros"] == 2_500_000
    assert document["budget"] == {"limit_micros": 2_500_000, "committed_micros": 1_205_300, "left_micros": 1_294_700}
    assert document["costs"]["spent_micros"] == 1_205_100
    program.run(what, "edit", name, "--budget", "1")
    assert "$0.2053 over" in program.run(what, "show", name).out
    for cleared in ("none", ""):
        program.run(what, "edit", name, "--budget", "1")
        program.run(what, "edit", name, "--budget", cleared)
        assert program.run(what, "show", name, "--json").json["budget"] is None
    refused = program.run(what, "edit", name, "--budget", "a lot")
    assert (refused.code, "budget_usd: must be US dollars" in refused.err) == (2, True)


def test_budgets_of_all(program: Program, lost: ProviderJob) -> None:
    """The settings hold the month's budget and that of every scene."""
    assert program.run("setting", "set", "monthly_budget_usd", "50").code == 0
    assert program.run("setting", "set", "scene_budget_usd", "1.5").out == "scene_budget_usd = 1.5 (database)\n"
    assert "$50.00, $1.205301 spent or committed, $48.794699 left" in program.run("cost").out
    assert "$1.50, $1.2053 spent or committed" in program.run("scene", "show", "one").out
    variables = {"DEVATAR_MONTHLY_BUDGET_USD": "9", "DEVATAR_SCENE_BUDGET_USD": "0.25"}
    program.run("setting", "set", "scene_budget_usd", "null")
    listed = program.run("setting", "list", "--json", **variables).json
    values = {each["key"]: (each["value"], each["source"]) for each in listed}
    assert values["monthly_budget_usd"] == ("50", "database")
    assert values["scene_budget_usd"] == ("0.25", "environment")
    assert "0.25" in program.run("setting", "list", **variables).out
