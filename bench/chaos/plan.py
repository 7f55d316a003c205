"""What a drill runs: every crash point of every paid step, scenarios of misfortune, and random deaths from a seed."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import cycle

from models.enums import GenerationMode, Provider, Step

DATABASES = ("sqlite", "postgresql")
LIFE_S = 9.0  # a scene of the drill takes about this long when nothing happens to it
TWO_WORKERS = 0.3  # share of random runs with a second worker on the same queue


class Point(StrEnum):
    """Where a worker dies, in the order of a purchase's life."""

    BEFORE_INTENT = "before-intent"
    AFTER_INTENT = "after-intent"
    SENT = "sent"  # the request is out, its answer not read: the vendor has the job
    ANSWERED = "answered"  # the answer is read, not written
    ACCEPTED = "accepted"  # its row is committed, the submit activity not reported
    POLLING = "polling"
    FINISHED = "finished"  # the poll said that the job is done, not written
    SUCCEEDED = "succeeded"  # written, the download not begun
    DOWNLOAD = "download"  # the first half of a chunk is on disk
    UPLOADED = "uploaded"  # the object is stored, its row not written
    STORED = "stored"  # the row is committed, the activity not reported
    WAITED = "waited"  # told to wait for another scene's purchase
    CHOSEN = "chosen"  # another scene's result is to be used, which is written nowhere
    REUSED = "reused"  # that is written, the activity not reported


OF_PAIRS = (Point.WAITED, Point.CHOSEN, Point.REUSED)  # one scene alone never comes by these
_ONLY_JOBS = {Point.ACCEPTED, Point.POLLING, Point.FINISHED, Point.SUCCEEDED, Point.DOWNLOAD}


class Target(StrEnum):
    """A paid step, clips once per vendor."""

    SPEECH = "speech"
    IMAGE = "image"
    VIDEO_FAL = "video-fal"
    VIDEO_KLING = "video-kling"
    LIPSYNC = "lipsync"

    @property
    def step(self) -> Step:
        """The step without its vendor."""
        return Step(self.value.partition("-")[0])


class Misfortune(StrEnum):
    """What befalls all runs of a batch at once."""

    NONE = ""
    DATABASE_KILLED = "database killed"
    TEMPORAL_KILLED = "temporal killed"
    STUDIO_RESTARTED = "studio restarted"


@dataclass(frozen=True)
class Crash:
    """Kill the worker at the `hit`th time that it comes by this point of this step, or of whichever comes first."""

    point: Point
    step: Step | None
    hit: int = 1


@dataclass(frozen=True)
class Kill:
    """Kill a worker so many seconds after the scene's start, wherever it is."""

    after_s: float
    worker: int = 0


@dataclass(frozen=True)
class Run:
    """One scene with its own workers and what happens to them.

    `shared`: two scenes that need the same things at the same time, each with a worker. `abandoned`: the run whose
    worker has died is terminated, and started again when the other scene has its film.
    """

    name: str
    database: str
    video: Provider = Provider.FAL
    mode: GenerationMode = GenerationMode.DIGITAL_TWIN
    workers: int = 1
    crashes: tuple[Crash, ...] = ()
    kills: tuple[Kill, ...] = ()
    cancel_s: float | None = None  # so long after its start the scene is canceled, and started again when that is over
    lost: Target | None = None  # the vendor takes this step's order, and its answer never arrives
    impatient: bool = False  # every job is parked at the first poll, and collected by the reconciler
    broken_puts: int = 0  # so many writes to the object store fail, per worker process
    sabotage: str = ""
    shared: bool = False
    abandoned: bool = False


@dataclass(frozen=True)
class Batch:
    """Runs side by side under one misfortune."""

    name: str
    runs: tuple[Run, ...]
    misfortune: Misfortune = Misfortune.NONE


def cells() -> list[tuple[Point, Target]]:
    """Every crash point of every paid step where it exists."""
    return [
        (point, target)
        for point in Point
        for target in Target
        if point not in OF_PAIRS and not (target is Target.SPEECH and point in _ONLY_JOBS)
    ]


def crash_run(point: Point, target: Target, database: str, seed: int = 0) -> Run:
    """One death at one point."""
    return Run(
        name=f"{point} {target} {database} {seed}",
        database=database,
        video=_video(target, seed),
        mode=_mode(seed),
        crashes=(Crash(point, target.step),),
    )


def lost_runs(database: str) -> list[Run]:
    """For each paid step, an answer lost without any death."""
    return [
        Run(f"answer-lost {target} {database}", database, video=_video(target, 0), lost=target, mode=_mode(index))
        for index, target in enumerate(Target)
    ]


def twice_runs(database: str) -> list[Run]:
    """Two deaths in a row: of one purchase, of the recovery from the first, and of two steps."""
    pairs = {
        "sent-then-uploaded speech": (Crash(Point.SENT, Step.SPEECH), Crash(Point.UPLOADED, Step.SPEECH)),
        "sent-then-accepted lipsync": (Crash(Point.SENT, Step.LIPSYNC), Crash(Point.ACCEPTED, Step.LIPSYNC)),
        "download-twice image": (Crash(Point.DOWNLOAD, Step.IMAGE), Crash(Point.DOWNLOAD, Step.IMAGE)),
        "stored-then-polling": (Crash(Point.STORED, Step.VIDEO), Crash(Point.POLLING, Step.LIPSYNC)),
    }
    videos = cycle((Provider.KLING, Provider.FAL))
    return [
        Run(f"twice {name} {database}", database, video=next(videos), crashes=crashes)
        for name, crashes in pairs.items()
    ]


def store_runs(database: str) -> list[Run]:
    """An object store that fails for a while, alone and together with a death."""
    crash = (Crash(Point.UPLOADED, Step.VIDEO),)
    return [
        Run(f"store-fails {database}", database, broken_puts=3),
        Run(f"store-fails-and-uploaded video {database}", database, broken_puts=2, crashes=crash),
    ]


def late_batches(databases: Sequence[str]) -> list[Batch]:
    """Results that come after the collect's patience: nobody dies, or a worker does in the reconciler's hands.

    One scene a database at a time: the reconciler of each works on all that it finds there.
    """
    deaths: dict[str, tuple[Crash, ...]] = {
        "late": (),
        "late-and-finished": (Crash(Point.FINISHED, Step.VIDEO),),
        "late-and-stored": (Crash(Point.STORED, Step.LIPSYNC),),
    }
    return [
        Batch(name, tuple(Run(f"{name} {kind}", kind, impatient=True, crashes=crashes) for kind in databases))
        for name, crashes in deaths.items()
    ]


def random_run(seed: int) -> Run:
    """One scene whose workers die at moments that only the seed decides."""
    draw = random.Random(seed)
    workers = 2 if draw.random() < TWO_WORKERS else 1
    count = draw.choice((1, 1, 2))
    kills = tuple(Kill(round(draw.uniform(0.2, LIFE_S), 2), draw.randrange(workers)) for _ in range(count))
    return Run(
        name=f"random {seed}",
        database=draw.choice(DATABASES),
        video=draw.choice((Provider.FAL, Provider.KLING)),
        mode=draw.choice(tuple(GenerationMode)),
        workers=workers,
        kills=tuple(sorted(kills, key=lambda kill: kill.after_s)),
    )


def canceled_run(seed: int) -> Run:
    """One scene that is canceled at some moment and filmed afterwards; every second one's worker dies meanwhile."""
    draw = random.Random(seed)
    after_s = round(draw.uniform(0.3, LIFE_S / 2), 2)
    return Run(
        name=f"canceled {seed}",
        database=draw.choice(DATABASES),
        video=draw.choice((Provider.FAL, Provider.KLING)),
        mode=draw.choice(tuple(GenerationMode)),
        kills=(Kill(round(after_s + draw.uniform(0.0, 2.0), 2)),) if seed % 2 else (),
        cancel_s=after_s,
    )


def short(seed: int) -> list[Batch]:
    """Every crash point once, the steps rotating with the seed; every scenario once."""
    targets: dict[Point, list[Target]] = {}
    for point, target in cells():
        targets.setdefault(point, []).append(target)
    runs = [
        crash_run(point, choices[(seed + index) % len(choices)], DATABASES[index % 2], seed)
        for index, (point, choices) in enumerate(targets.items())
    ]
    alternating = [*lost_runs(DATABASES[seed % 2]), twice_runs("sqlite")[0], twice_runs("postgresql")[1]]
    first = Batch(
        "points and answers",
        (*runs, *alternating, store_runs("sqlite")[0], random_run(seed), canceled_run(seed), canceled_run(seed + 1)),
    )
    _, finished, stored = late_batches(DATABASES)
    late = Batch("late results", (finished.runs[seed % 2], stored.runs[(seed + 1) % 2]))
    return [first, late, *_misfortunes(seed, 1)]


def long(seed: int, *, seeds: int = 3, randoms: int = 200, cancels: int = 30) -> list[Batch]:
    """Each point of each step several times, every scenario on both databases, and many random runs."""
    points = [
        crash_run(point, target, DATABASES[(number + index) % 2], seed + number)
        for index, (point, target) in enumerate(cells())
        for number in range(seeds)
    ]
    scenarios = [run for kind in DATABASES for make in (lost_runs, twice_runs, store_runs) for run in make(kind)]
    return [
        Batch("points", tuple(points)),
        Batch("scenarios", tuple(scenarios)),
        *late_batches(DATABASES),
        *_misfortunes(seed, 3),
        Batch("canceled", tuple(canceled_run(number) for number in range(seed, seed + cancels))),
        Batch("random", tuple(random_run(number) for number in range(seed, seed + randoms))),
    ]


def only(batches: Iterable[Batch], names: str) -> list[Batch]:
    """The runs whose name holds these words, with their batch's misfortune."""
    kept = [replace(batch, runs=tuple(run for run in batch.runs if names in run.name)) for batch in batches]
    return [batch for batch in kept if batch.runs]


def _misfortunes(seed: int, each: int) -> list[Batch]:
    batches: list[Batch] = []
    for misfortune in list(Misfortune)[1:]:
        kinds = ("postgresql",) if misfortune is Misfortune.DATABASE_KILLED else DATABASES
        runs = [
            _plain(f"{misfortune} {number}", kinds[number % len(kinds)], seed + number) for number in range(each * 2)
        ]
        batches.append(Batch(misfortune.value, tuple(runs), misfortune))
    return batches


def _plain(name: str, database: str, seed: int) -> Run:
    return Run(f"{name} {database}", database, video=_clip_vendors(seed), mode=_mode(seed // 2))


def _video(target: Target, seed: int) -> Provider:
    if target is Target.VIDEO_KLING:
        return Provider.KLING
    return Provider.FAL if target is Target.VIDEO_FAL else _clip_vendors(seed)


def _clip_vendors(seed: int) -> Provider:
    vendors: Sequence[Provider] = (Provider.FAL, Provider.KLING)
    return vendors[seed % 2]


def _mode(seed: int) -> GenerationMode:
    return tuple(GenerationMode)[seed % 2]
