"""Two scenes that need the same things at once: the buyer dies while the other waits, or who reuses does."""

from bench.chaos.plan import DATABASES, OF_PAIRS, Batch, Crash, Point, Run, Target, cells, crash_run

_REUSES = tuple(point for point in OF_PAIRS if point is not Point.WAITED)
_WAITS = 3  # how often, at least, one of a pair waits for the other
# What the buyer leaves behind when it is given up, by how far its purchase had come.
_LEFT = (Point.AFTER_INTENT, Point.SENT, Point.ACCEPTED, Point.FINISHED, Point.UPLOADED)


def buyer_dies(point: Point, target: Target, database: str, seed: int, *, abandoned: bool = False) -> Run:
    """The buyer dies at a point of its purchase: its run goes on and the other waits, or it is given up."""
    alone = crash_run(point, target, database, seed)
    words = "abandoned" if abandoned else "buyer"
    name = f"pair {words} {alone.name}"
    return Run(name, database, alone.video, alone.mode, crashes=alone.crashes, shared=True, abandoned=abandoned)


def reuser_dies(point: Point, target: Target, database: str, seed: int) -> Run:
    """Who uses the other's result dies between the decision and the use."""
    alone = crash_run(point, target, database, seed)
    return Run(f"pair {alone.name}", database, alone.video, alone.mode, crashes=alone.crashes, shared=True)


def waiter_dies(hit: int, database: str, seed: int) -> Run:
    """Who waits dies, at whichever step it is told to."""
    crashes = (Crash(Point.WAITED, None, hit),)
    return Run(f"pair waited {hit} {database} {seed}", database, crashes=crashes, shared=True)


def short(seed: int) -> list[Batch]:
    """Some buyers, everybody who reuses or waits, and runs that are given up, steps and points moving with the seed."""
    kinds = [DATABASES[(seed + number) % 2] for number in range(2)]
    choices = cells()
    picked = [choices[(seed * 7 + number * 17) % len(choices)] for number in range(3)]
    targets = [list(Target)[(seed + number) % len(Target)] for number in range(4)]
    runs = [
        *(buyer_dies(point, target, kinds[number % 2], seed) for number, (point, target) in enumerate(picked)),
        *(reuser_dies(point, targets[number], kinds[number % 2], seed) for number, point in enumerate(_REUSES)),
        waiter_dies(1, kinds[0], seed),
        buyer_dies(Point.SENT, targets[2], kinds[1], seed, abandoned=True),
        buyer_dies(Point.UPLOADED, targets[3], kinds[0], seed, abandoned=True),
    ]
    return [Batch("pairs", tuple(runs))]


def long(seed: int) -> list[Batch]:
    """Every point of every step of a buyer, of who reuses, and of what a run that is given up leaves behind."""
    kinds = DATABASES
    buyers = [
        buyer_dies(point, target, kinds[number % 2], seed + number) for number, (point, target) in enumerate(cells())
    ]
    left = [(point, target) for point, target in cells() if point in _LEFT]
    abandoned = [
        buyer_dies(point, target, kinds[(number + 1) % 2], seed + number, abandoned=True)
        for number, (point, target) in enumerate(left)
    ]
    reusers = [reuser_dies(point, target, kind, seed) for point in _REUSES for target in Target for kind in kinds]
    waiters = [waiter_dies(hit, kind, seed) for hit in range(1, _WAITS + 1) for kind in kinds]
    return [Batch("pairs", (*buyers, *reusers, *waiters)), Batch("abandoned", tuple(abandoned))]
