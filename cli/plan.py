"""`starter.py scene plan`: what a run would reuse, buy, cost and take, before anybody starts it."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from cli.costs import budget_document, budget_words, usd
from cli.output import AsJson, Exit, print_facts, print_json, print_table, run, say
from cli.scenes import Reference
from domain.estimates import PlannedStep, RunPlan, Timing, Verdict
from models.enums import Step
from runtime.settings import load_settings

Fresh = Annotated[
    list[Step] | None,
    typer.Option(
        "--fresh",
        metavar="STEP",
        help="Make this step anew, and what depends on it: speech, image, video or lipsync; may be repeated.",
    ),
]

_WORDS = {
    Verdict.REUSE: "reuse",
    Verdict.BUY: "buy",
    Verdict.IN_FLIGHT: "is being bought",
    Verdict.HELD: "held",
    Verdict.SKIP: "skip",
}


def plan(reference: Reference, fresh: Fresh = None, as_json: AsJson = False) -> None:
    """What the next run would reuse and buy, why, what it costs and takes, and what is in its way. Buys nothing.

    The LoRA or headshot is checked, which is free. Exit codes: 0 it can be filmed, 1 something is in the way, 2 wrong
    input, 3 unknown scene, 4 service away.
    """

    async def work() -> RunPlan:
        from runtime.catalog.plans import plan_run
        from runtime.wiring import assembled

        async with assembled(load_settings()) as parts:
            return await plan_run(parts, reference, fresh or ())

    planned = run(work(), as_json=as_json)
    if as_json:
        print_json(_document(planned))
    else:
        _print(planned)
    raise typer.Exit(Exit.OK if planned.feasible else Exit.FAILED)


def _print(planned: RunPlan) -> None:
    say(f"scene {planned.scene_name} ({planned.scene_id})")
    if planned.decision is not None and planned.decision.fallback:
        say(f"mode: {planned.decision.mode}: {planned.decision.reason}", "yellow")
    if planned.running:
        say("a run is under way: `scene generate` joins it", "yellow")
    if planned.steps:
        say("")
        print_table(("STEP", "", "WITH", "COST", "TIME", "WHY"), (_row(step) for step in planned.steps))
        say("")
    about = "" if planned.exact else "about "
    facts: list[tuple[str, object]] = [("costs", f"{about}{usd(planned.cost_micros)}")]
    facts += [("takes", f"about {_time(planned.seconds)}"), ("speech", _speech(planned))]
    facts += [(f"budget of {part.whose}", budget_words(part.budget)) for part in planned.budgets]
    print_facts(facts)
    for note in planned.notes:
        say(f"note: {note}", "yellow")
    for obstacle in planned.obstacles:
        say(f"cannot be filmed: {obstacle.problem}. {obstacle.remedy}", "bold red")


def _row(step: PlannedStep) -> tuple[object, ...]:
    with_whom = f"{step.provider} {step.model}" if step.provider else None
    cost = f"{'' if step.exact else '~'}{usd(step.cost_micros)}" if step.provider else None
    name = step.step if step.clip is None else f"{step.step} {step.clip}"
    return name, _WORDS[step.verdict], with_whom, cost, _timing(step.timing), step.why


def _timing(timing: Timing) -> str | None:
    if not timing.basis:
        return None
    return f"{_time(timing.seconds)} ({timing.basis})" if timing.seconds else timing.basis


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def _speech(planned: RunPlan) -> str | None:
    if planned.speech_s is None:
        return None
    known = any(step.step is Step.SPEECH and step.artifact for step in planned.steps)
    return f"{planned.speech_s:.2f} s" if known else f"about {planned.speech_s:.0f} s"


def _document(planned: RunPlan) -> dict[str, Any]:
    totals = {
        "feasible": planned.feasible,
        "cost_micros": planned.cost_micros,
        "exact": planned.exact,
        "seconds": planned.seconds,
    }
    budgets = [{"whose": part.whose} | budget_document(part.budget) for part in planned.budgets]
    return asdict(planned) | totals | {"decision": planned.decision, "budgets": budgets}
