"""What can be known after a run without asking the product: the vendors' jobs and bill, our rows, our objects."""

import asyncio
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from bench.chaos.film import Filmed
from bench.chaos.stage import Stage
from domain.ledger import Costs
from models.artifacts import ArtifactRef
from models.enums import Provider, Step
from models.tables import GenerationLog, ProviderJob, Scene
from runtime.catalog.costs import CostQuery, costs_of

LOG_ROWS = 500
_OPEN = ("queued", "running")


@dataclass(frozen=True)
class VendorJob:
    """One job as the vendor tells of it; `request_id` is the id that its answer gave, `price` in micro-dollars."""

    request_id: str
    provider: str
    model: str
    step: Step
    state: str
    price: int
    billed: str  # open, charged or waived
    sha256: frozenset[str]

    @property
    def is_open(self) -> bool:
        """Still at work."""
        return self.state in _OPEN


@dataclass(frozen=True)
class Evidence:
    """All about one run; `objects` gives, for each stored purchase's key, the hash of what is there now."""

    filmed: Filmed
    scenes: list[Scene]
    rows: list[ProviderJob]
    logs: list[GenerationLog]
    vendor_jobs: list[VendorJob]
    objects: Mapping[str, str | None]
    costs: Costs  # what the product itself says that the scenes cost


async def gather(stage: Stage, films: Iterable[Filmed]) -> tuple[list[Evidence], set[str]]:
    """The evidence of each run, and the ids of the vendor jobs that belong to one of them."""
    stack = next(iter(stage.stacks.values()))
    jobs = (await stack.control("GET", "/control/jobs"))["jobs"]
    lines = {line["request_id"]: line for line in await stack.bill()}
    found: list[Evidence] = []
    claimed: set[str] = set()
    async with httpx.AsyncClient(base_url=stage.servers.studio_url, trust_env=False) as studio:
        for filmed in films:
            scenes, rows, logs = await _ours(stage, filmed)
            mine = [job for job in jobs if _belongs(job, filmed, rows)]
            claimed |= {job["id"] for job in mine}
            theirs = [await _vendor_job(studio, job, lines[job["id"]]) for job in mine]
            objects, costs = await _objects(stage, filmed, rows), await _costs(stage, filmed)
            found.append(Evidence(filmed, scenes, rows, logs, theirs, objects, costs))
    return found, claimed


async def job_ids(stage: Stage) -> set[str]:
    """The ids of all jobs that the vendors ever had."""
    stack = next(iter(stage.stacks.values()))
    return {job["id"] for job in (await stack.control("GET", "/control/jobs"))["jobs"]}


async def _ours(stage: Stage, filmed: Filmed) -> tuple[list[Scene], list[ProviderJob], list[GenerationLog]]:
    stack = stage.stacks[filmed.run.database]
    async with stack.parts.database.transaction() as tx:
        logs = [row for scene in filmed.scenes for row in await tx.logs.of_scene(scene.id, limit=LOG_ROWS)]
    rows = [row for scene in filmed.scenes for row in await stack.jobs(scene)]
    return [await stack.reload(scene) for scene in filmed.scenes], rows, logs


async def _costs(stage: Stage, filmed: Filmed) -> Costs:
    parts = stage.stacks[filmed.run.database].parts
    queries = [CostQuery(scene=scene.id) for scene in filmed.scenes]
    reports = [await costs_of(parts.database, parts.settings, query) for query in queries]
    return sum((report.total for report in reports), Costs())


def _belongs(job: dict[str, Any], filmed: Filmed, rows: list[ProviderJob]) -> bool:
    """By the run's token in prompt or text; of a lipsync, which has neither, by the speech that it was given."""
    if job["body"].get("text") == filmed.scenes[0].dialogue:
        return True
    said = json.dumps(job["body"])
    speech = [row.artifact["key"] for row in rows if row.step == Step.SPEECH and row.artifact]
    return filmed.token in said or any(key in said for key in speech)


async def _vendor_job(studio: httpx.AsyncClient, job: dict[str, Any], line: dict[str, Any]) -> VendorJob:
    made: dict[str, Any] = job["output"] or {}
    files: list[str] = made.get("files") or [made[name] for name in ("file",) if name in made]
    return VendorJob(
        request_id=made.get("request_id", job["id"]),
        provider=job["provider"],
        model=job["model"],
        step=_step_of(job),
        state=job["state"],
        price=line["price_usd_micros"],
        billed=line["state"],
        sha256=frozenset([await _hash_of_output(studio, name) for name in files]),
    )


def _step_of(job: dict[str, Any]) -> Step:
    match job["provider"]:
        case Provider.ELEVENLABS.value:
            return Step.SPEECH
        case Provider.SYNC.value:
            return Step.LIPSYNC
        case Provider.KLING.value:
            return Step.VIDEO
        case _:
            return Step.VIDEO if "kling" in job["model"] else Step.IMAGE


async def _hash_of_output(studio: httpx.AsyncClient, name: str) -> str:
    answer = await studio.get(f"/files/out/{name}")
    return hashlib.sha256(answer.raise_for_status().content).hexdigest()


async def _objects(stage: Stage, filmed: Filmed, rows: list[ProviderJob]) -> dict[str, str | None]:
    objects = stage.stacks[filmed.run.database].parts.objects
    there: dict[str, str | None] = {}
    for row in rows:
        if row.artifact is None:
            continue
        artifact = ArtifactRef.model_validate(row.artifact)
        kept = await objects.stat(artifact.key) is not None
        there[artifact.key] = await asyncio.to_thread(_hash_of_object, stage, artifact.key) if kept else None
    return there


def _hash_of_object(stage: Stage, key: str) -> str:
    """The content as it lies on disk: what the store says of itself is not believed."""
    folder = hashlib.sha256(key.encode()).hexdigest()
    path = stage.folder / "objects" / "objects" / folder[:2] / folder
    content = next(entry for entry in path.iterdir() if entry.name.startswith("content"))
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
