"""`python -m bench.chaos`: kill everything at every moment, and see that all is bought once and nothing is lost."""

import argparse
import asyncio
import logging
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from bench.chaos import pairs, plan, report
from bench.chaos.drill import drill
from bench.chaos.judge import Verdict, last_line
from bench.chaos.stage import staged
from runtime.settings import ROOT

STOPPED = 130  # what shells say of a program that Ctrl-C has ended
REPORT = ROOT / ".devatar" / "drill.json"


def main() -> int:
    """Run what was asked for; 0 when everything holds, 1 when not."""
    arguments = _arguments()
    console = Console(width=None if sys.stdout.isatty() else 160)
    logging.disable(logging.ERROR)  # what the driver's own calls on the product log would tear the table apart
    began = time.monotonic()
    batches = _batches(arguments)
    try:
        verdicts = asyncio.run(_run(arguments, batches, console))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stdout.write("drill: stopped\n")
        return STOPPED
    report.show(console, verdicts)
    form = "long" if arguments.long else "short"
    took_s = time.monotonic() - began
    report.write(arguments.json, report.as_document(verdicts, seed=arguments.start, form=form, took_s=took_s))
    sys.stdout.write(f"{sum(item.deaths for item in verdicts)} deaths in {took_s:.0f} s; see {arguments.json}\n")
    sys.stdout.write(last_line(verdicts) + "\n")
    return 0 if verdicts and all(item.holds for item in verdicts) else 1


async def _run(arguments: argparse.Namespace, batches: list[plan.Batch], console: Console) -> list[Verdict]:
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    folder = Path(tempfile.mkdtemp(prefix="devatar-drill-"))
    try:
        async with staged(folder) as stage:
            return await drill(stage, batches, arguments.start, lambda line: console.print(line, highlight=False))
    finally:
        if arguments.keep:
            console.print(f"logs are kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _batches(arguments: argparse.Namespace) -> list[plan.Batch]:
    if arguments.seed is not None:
        return [plan.Batch("replay", (plan.random_run(arguments.seed),))]
    randoms = arguments.randoms
    start = arguments.start
    if arguments.long:
        return plan.only([*plan.long(start, randoms=randoms), *pairs.long(start)], arguments.only)
    return plan.only([*plan.short(start), *pairs.short(start)], arguments.only)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--long", action="store_true", help="every point of every step, scenarios, and random runs")
    parser.add_argument("--start", type=int, default=1, help="the first seed")
    parser.add_argument("--randoms", type=int, default=200, help="how many random runs the long form has")
    parser.add_argument("--seed", type=int, help="replay exactly this random run")
    parser.add_argument("--only", default="", help="the runs whose name holds these words")
    parser.add_argument("--json", type=Path, default=REPORT, help="where the figures go")
    parser.add_argument("--keep", action="store_true", help="keep logs and databases")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
