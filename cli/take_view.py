"""A take as it is shown, alone, in a list, and beside another."""

import json
from typing import Any

from cli.costs import usd
from cli.films import Place, place_lines
from cli.output import clock, print_facts, print_table, row_document, say
from cli.scene_view import artifact_rows
from domain.takes import Difference, TakeDiff, inputs_of
from models.tables import Scene
from models.take_tables import Take
from runtime.catalog.takes import SceneTake

ARTIFACT_COLUMNS = ("WHAT", "KEY", "TYPE", "BYTES", "LENGTH")


def take_document(chosen: SceneTake, film: Place | None = None) -> dict[str, Any]:
    """Everything recorded of a take, for programs."""
    return row_document(chosen.take) | {"current": chosen.current} | ({"film": film} if film else {})


def list_document(chosen: SceneTake) -> dict[str, Any]:
    """One entry of `scene takes` for programs: `scene show --take` has the rest."""
    return row_document(chosen.take, "inputs", "artifacts") | {"current": chosen.current}


def print_takes(scene: Scene, takes: list[SceneTake]) -> None:
    """One line a take; the current one is marked."""
    if not takes:
        say(f"no takes yet: starter.py scene generate {scene.name}")
        return
    print_table(("", "TAKE", "MADE", "BY", "ANEW", "MODE", "LENGTH", "FACE", "COST"), map(_row, takes))


def print_take(chosen: SceneTake, film: Place) -> None:
    """Everything recorded, for people."""
    take, scene = chosen.take, chosen.scene
    now = ", the current one" if chosen.current else ""
    say(f"take {take.number} of scene {scene.name} ({scene.id}){now}", "bold")
    for line in place_lines("film", film):
        say(line)
    made: list[tuple[str, object]] = [
        ("made", clock(take.created_at)),
        ("started by", take.started_by),
        ("made anew", ", ".join(take.fresh)),
        ("cost", usd(take.cost_micros)),
        ("face", _face(take)),
        ("film length", f"{take.film_duration_s:.3f} s"),
        ("run", take.run_id),
    ]
    print_facts(made)
    say("\nINPUTS", "bold")
    print_facts((name, _words(value)) for name, value in inputs_of(take).items())
    say("\nARTIFACTS", "bold")
    print_table(ARTIFACT_COLUMNS, artifact_rows(take.artifacts))


def diff_document(diff: TakeDiff) -> dict[str, Any]:
    """What differs, for programs."""
    return {
        "from": _side(diff.before),
        "to": _side(diff.after),
        "inputs": [vars(each) for each in diff.inputs],
        "artifacts": [vars(each) for each in diff.artifacts],
        "cost_difference_micros": diff.cost_micros,
    }


def print_diff(diff: TakeDiff) -> None:
    """What differs, for people."""
    old, new = f"TAKE {diff.before.number}", f"TAKE {diff.after.number}"
    if diff.inputs:
        print_table(("INPUT", old, new), map(_input_row, diff.inputs))
    else:
        say("the inputs are the same")
    say("")
    if diff.artifacts:
        sides = ((each.name, each.before, each.after) for each in diff.artifacts)
        rows = ((name, before and before.sha256[:12], after and after.sha256[:12]) for name, before, after in sides)
        print_table(("ARTIFACT", old, new), rows)
    else:
        say("the artifacts are the same")
    say("")
    sign = "+" if diff.cost_micros > 0 else ""
    costs = (usd(diff.before.cost_micros), usd(diff.after.cost_micros), f"{sign}{usd(diff.cost_micros)}")
    print_table(("", old, new, "DIFFERENCE"), [("cost", *costs), ("by", diff.before.started_by, diff.after.started_by)])


def _row(chosen: SceneTake) -> tuple[object, ...]:
    take = chosen.take
    return (
        "*" if chosen.current else None,
        take.number,
        clock(take.created_at),
        take.started_by,
        ", ".join(take.fresh),
        take.mode,
        f"{take.film_duration_s:.2f} s",
        _face(take),
        usd(take.cost_micros),
    )


def _face(take: Take) -> str | None:
    return None if take.face_score is None else f"{take.face_score:.2f}"


def _input_row(each: Difference) -> tuple[object, ...]:
    return each.field, _words(each.before), _words(each.after)


def _words(value: object) -> str | None:
    """As it was written; lists, switches and numbers as in JSON."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _side(take: Take) -> dict[str, Any]:
    return {"number": take.number, "cost_micros": take.cost_micros, "started_by": take.started_by}
