"""The short drill of the suite: healthy runs and sabotaged ones, side by side on one stage, judged once."""

from collections.abc import AsyncIterator

import pytest

from bench.chaos import sabotage
from bench.chaos.drill import drill
from bench.chaos.judge import Verdict
from bench.chaos.plan import Batch, Crash, Point, Run, Target, crash_run
from bench.chaos.stage import staged
from models.enums import Step

HEALTHY = (
    crash_run(Point.SENT, Target.VIDEO_KLING, "sqlite"),
    crash_run(Point.UPLOADED, Target.SPEECH, "postgresql"),
    crash_run(Point.ANSWERED, Target.LIPSYNC, "postgresql"),
    Run("answer-lost image", "sqlite", lost=Target.IMAGE),
)
SABOTAGED = (
    Run(sabotage.NO_INTENT, "sqlite", crashes=(Crash(Point.ANSWERED, Step.IMAGE),), sabotage=sabotage.NO_INTENT),
    Run(sabotage.NO_KEY, "postgresql", crashes=(Crash(Point.SENT, Step.LIPSYNC),), sabotage=sabotage.NO_KEY),
    Run(sabotage.SDK_RETRIES, "postgresql", lost=Target.VIDEO_FAL, sabotage=sabotage.SDK_RETRIES),
    Run(sabotage.STORED_FIRST, "sqlite", crashes=(Crash(Point.STORED, Step.SPEECH),), sabotage=sabotage.STORED_FIRST),
)


@pytest.fixture(scope="session")
async def verdicts(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Verdict]]:
    """The verdict on each run, by its name."""
    async with staged(tmp_path_factory.mktemp("drill")) as stage:
        batch = Batch("suite", (*HEALTHY, *SABOTAGED))
        yield {verdict.name: verdict for verdict in await drill(stage, [batch], 1, lambda line: None)}
