"""How soon a finished job is noticed, and what a scene costs beyond its critical path: `python -m bench.noticing`.

One run against the studio with set vendor times. Ratios only: the share of a job's length that passes between the
vendor's end and our noticing, and a scene's time over the sum of the vendor times on its critical path.
"""

import asyncio
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from models.enums import Step
from models.tables import ProviderJob
from tests.support.stack import Stack, running_stack

VENDOR_S = {"fal": 8.0, "sync": 20.0}  # a picture and a clip each take the first, the lipsync the second


@dataclass(frozen=True)
class Noticed:
    """One job: how long the vendor took, and how long its end went unnoticed, in seconds."""

    step: str
    vendor_s: float
    unnoticed_s: float

    @property
    def share(self) -> float:
        """Unnoticed time as a share of the job's length."""
        return self.unnoticed_s / self.vendor_s


async def measure(stack: Stack) -> tuple[list[Noticed], float]:
    """Film one scene; what was noticed when, and the scene's time over its critical path."""
    for provider, seconds in VENDOR_S.items():
        await stack.control("PUT", "/control/latency", json={"provider": provider, "processing_s": seconds})
    identity = await stack.identity()
    scene = await stack.scene("Thank you for watching.", identity=identity.name, generation_mode="digital-twin")
    await stack.film(scene)
    record = await stack.reload(scene)
    ended = {job["id"]: job["finished_at"] for job in (await stack.control("GET", "/control/jobs"))["jobs"]}
    jobs = [job for job in await stack.jobs(scene) if job.step != Step.SPEECH]
    noticed = [_noticed(job, ended[job.request_id]) for job in jobs]
    assert record.started_at is not None
    assert record.ended_at is not None
    critical_s = sum(item.vendor_s for item in noticed)
    return noticed, (record.ended_at - record.started_at).total_seconds() / critical_s


def _noticed(job: ProviderJob, finished_at: float) -> Noticed:
    assert job.accepted_at is not None
    assert job.succeeded_at is not None
    return Noticed(
        step=job.step,
        vendor_s=finished_at - job.accepted_at.timestamp(),
        unnoticed_s=job.succeeded_at.timestamp() - finished_at,
    )


async def main() -> None:
    """Print one JSON document."""
    with tempfile.TemporaryDirectory() as folder:
        async with running_stack(Path(folder), "320x180") as stack:
            noticed, ratio = await measure(stack)
    report = {
        "noticed": {item.step: {"vendor_s": item.vendor_s, "share": item.share} for item in noticed},
        "scene_over_critical_path": ratio,
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
