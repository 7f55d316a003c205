"""`starter.py artifacts`: what lies in the object store and nothing needs."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from cli.output import AsJson, clock, print_json, print_table, run, say
from cli.session import Session, session
from models.money import usd_text
from models.tables import Scene
from runtime.catalog.artifacts import DEFAULT_AGE, Garbage, Shelf, find_garbage, remove_garbage, stored_before
from runtime.histories import objects_of_runs

app = typer.Typer(help="Objects that runs have made.", no_args_is_help=True)
_MIB = 1024 * 1024


@app.callback()
def artifacts() -> None:
    """Objects that runs have made."""


@app.command("gc")
def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list them.")] = False,
    older_than: Annotated[
        str, typer.Option(metavar="AGE", help="Only those stored so long ago or before this date: 24h, 7d, 2026-11-01.")
    ] = DEFAULT_AGE,
    purchases: Annotated[
        bool, typer.Option("--purchases", help="Paid results too that no take shows: they would be bought anew.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove objects that no scene, take, asset, identity, purchase under way or running workflow needs."""

    async def work() -> list[Garbage]:
        before = stored_before(older_than)
        async with session() as open_session:
            shelf = _shelf(open_session)
            found = await find_garbage(shelf, before=before, purchases=purchases)
            return found if dry_run else await remove_garbage(shelf, found)

    found = run(work(), as_json=as_json)
    if as_json:
        print_json(_document(found, dry_run=dry_run))
    else:
        _print(found, dry_run=dry_run)


def _shelf(open_session: Session) -> Shelf:
    from runtime.wiring import object_store

    async def held_by_runs(scenes: Sequence[Scene]) -> set[str]:
        return await objects_of_runs(await open_session.temporal(), scenes)

    return Shelf(open_session.database, object_store(open_session.settings), held_by_runs)


def _document(found: list[Garbage], *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "bytes": sum(each.size for each in found),
        "objects": [
            {
                "key": each.key,
                "size": each.size,
                "stored_at": each.stored_at,
                "purchase": each.purchase.idempotency_key if each.purchase else None,
                "paid_micros": _paid(each),
            }
            for each in found
        ],
    }


def _print(found: list[Garbage], *, dry_run: bool) -> None:
    if not found:
        say("nothing to remove: everything is needed, paid for, or too young")
        return
    rows = ((each.key, each.size, clock(each.stored_at), _bought(each)) for each in found)
    print_table(("KEY", "BYTES", "STORED", "BOUGHT"), rows)
    paid = sum(_paid(each) for each in found)
    lost = f"; bought for ${usd_text(paid)}, and bought anew when needed" if paid else ""
    what = f"{len(found)} object{'' if len(found) == 1 else 's'}, {sum(each.size for each in found) / _MIB:.1f} MiB"
    say(f"{what} {'would be removed' if dry_run else 'removed'}{lost}")


def _bought(each: Garbage) -> str | None:
    return f"{each.purchase.idempotency_key} ${usd_text(_paid(each))}" if each.purchase else None


def _paid(each: Garbage) -> int:
    if each.purchase is None:
        return 0
    actual = each.purchase.actual_cost_micros
    return each.purchase.estimated_cost_micros if actual is None else actual
