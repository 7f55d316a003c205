"""The drill itself: batches one after another, runs side by side, each judged from the evidence."""

import asyncio
import random
from collections.abc import Callable, Sequence

from bench.chaos.evidence import gather, job_ids
from bench.chaos.film import Filmed, film
from bench.chaos.judge import Verdict, judge
from bench.chaos.plan import Batch, Misfortune, Run
from bench.chaos.stage import Stage

SIDE_BY_SIDE = 8  # most of a run is waiting for ten seconds to pass until the server takes a dead worker for dead
MISFORTUNE_AFTER_S = (1.0, 5.0)  # the shortest run takes six

Tell = Callable[[str], None]


async def drill(stage: Stage, batches: Sequence[Batch], seed: int, tell: Tell) -> list[Verdict]:
    """Run all batches; a verdict for each run, and one more for vendor jobs that belong to none."""
    claimed: set[str] = set()
    verdicts: list[Verdict] = []
    for batch in batches:
        tell(f"{batch.name}: {len(batch.runs)} runs")
        filmed = await _batch(stage, batch, random.Random(seed), tell)
        found, theirs = await gather(stage, filmed)
        claimed |= theirs
        verdicts += [judge(evidence) for evidence in found]
    stray = sorted(await job_ids(stage) - claimed)
    if stray:
        verdicts.append(Verdict("vendor jobs of no run", duplicates=len(stray), findings=[", ".join(stray)]))
    return verdicts


async def _batch(stage: Stage, batch: Batch, draw: random.Random, tell: Tell) -> list[Filmed]:
    room = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(run: Run) -> Filmed:
        async with room:
            filmed = await film(stage, run)
            filmed.disturbed = batch.misfortune is not Misfortune.NONE
        tell(f"  {run.name}: {filmed.took_s:.0f} s, {filmed.deaths} deaths")
        return filmed

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(run)) for run in batch.runs]
        if batch.misfortune is not Misfortune.NONE:
            await asyncio.sleep(draw.uniform(*MISFORTUNE_AFTER_S))
            await stage.befall(batch.misfortune)
            tell(f"  {batch.misfortune}")
    return [task.result() for task in tasks]
