"""How a drill is told: a table for people, a document for programs."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from bench.chaos.judge import Verdict, last_line
from runtime.settings import ROOT


def show(console: Console, verdicts: Sequence[Verdict]) -> None:
    """One line for each run, and below it what is wrong with it."""
    table = Table(
        Column("run", no_wrap=True),
        "s",
        "deaths",
        "held",
        "possible losses",
        "duplicates",
        "lost",
        "off by $",
        "verdict",
    )
    for item in verdicts:
        numbers = (item.deaths, item.held, item.doubtful, item.duplicates, item.lost)
        off = f"{item.off_micros / 1_000_000:.6f}" if item.off_micros else "0"
        verdict = "holds" if item.holds else "[red]broken[/red]"
        table.add_row(item.name, f"{item.took_s:.0f}", *map(str, numbers), off, verdict)
    console.print(table)
    for item in verdicts:
        for finding in item.findings:
            console.print(f"[red]{item.name}[/red]: {finding}", highlight=False)


def as_document(verdicts: Sequence[Verdict], *, seed: int, form: str, took_s: float) -> dict[str, Any]:
    """Everything, with the commit that it was measured on."""
    return {
        "commit": _commit(),
        "form": form,
        "seed": seed,
        "seconds": round(took_s),
        "result": last_line(verdicts),
        "holds": all(item.holds for item in verdicts),
        "booked_micros": sum(item.booked_micros for item in verdicts),
        "possible_loss_micros": sum(item.doubtful_micros for item in verdicts),
        "billed_micros": sum(item.billed_micros for item in verdicts),
        "deaths": sum(item.deaths for item in verdicts),
        "runs": [asdict(item) for item in verdicts],
    }


def write(path: Path, document: dict[str, Any]) -> None:
    """As JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() or "unknown"
