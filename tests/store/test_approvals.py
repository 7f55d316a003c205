"""Questions to a person, as the database keeps them."""

from models.enums import ApprovalDecision
from models.tables import now
from models.take_tables import Approval
from store.database import Database
from tests.support.databases import stored_scene


def question(token: str, run_id: str = "run", number: int = 1) -> Approval:
    """A question of a run."""
    return Approval(scene_id="one", run_id=run_id, round=number, token=token, picture={}, price_micros=1)


async def test_asked_again(database: Database) -> None:
    """Asking again is the same question while nobody answered; after a reset it is another, and the answer stays."""
    await stored_scene(database, "one")
    async with database.transaction() as tx:
        first = await tx.approvals.ask(question("a"))
        again = await tx.approvals.ask(question("a"))
        assert again.id == first.id
        await tx.approvals.decide(first, ApprovalDecision.APPROVED, by="anna", reason=None, seed=None)
    async with database.transaction() as tx:
        await tx.approvals.ask(question("b"))
    async with database.transaction() as tx:
        rows = await tx.approvals.of_scene("one")
        current = await tx.approvals.find("run", 1)
    assert [(row.token, row.decided_by) for row in rows] == [("a", "anna"), ("b", None)]
    assert current is not None
    assert current.token == "b"


async def test_asked_otherwise(database: Database) -> None:
    """A run that was reset before anybody answered, and then has another picture, asks that one question alone."""
    await stored_scene(database, "one")
    async with database.transaction() as tx:
        await tx.approvals.ask(question("a"))
        await tx.approvals.ask(question("b", number=2))
    async with database.transaction() as tx:
        await tx.approvals.ask(question("c"))
    async with database.transaction() as tx:
        rows = await tx.approvals.of_scene("one")
    assert [(row.token, row.decision) for row in rows] == [("a", "withdrawn"), ("b", "withdrawn"), ("c", None)]


async def test_withdrawn(database: Database) -> None:
    """The end of a run withdraws what nobody answered, and nothing else."""
    await stored_scene(database, "one")
    async with database.transaction() as tx:
        await tx.approvals.decide(
            await tx.approvals.ask(question("a")), ApprovalDecision.REDRAWN, by="anna", reason=None, seed=7
        )
        await tx.approvals.ask(question("b", number=2))
        await tx.approvals.ask(question("c", "another"))
        await tx.approvals.withdraw("run")
    async with database.transaction() as tx:
        rows = await tx.approvals.of_scene("one")
    assert {row.token: (row.decision, row.decided_by) for row in rows} == {
        "a": ("redrawn", "anna"),
        "b": ("withdrawn", "the end of its run"),
        "c": (None, None),
    }
    assert all(row.decided_at is None or row.decided_at <= now() for row in rows)
