"""A hundred scenes at once through the API: two workers and the API on one PostgreSQL, the studio with small pictures.

Run as `python -m bench.api_load [SCENES]`; prints time and outcome, ends with 1 when a scene failed.
"""

import asyncio
import collections
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psycopg

from runtime.embedded import PREFERRED_PORTS, embedded
from runtime.migrate import upgrade
from runtime.processes import Processes
from runtime.settings import ROOT
from tests.support.postgres import Postgres, running_postgres

PATIENCE_S = 1800.0
DATABASE = "load"


async def main(count: int) -> int:
    """Start everything, film, report; an exit code."""
    with running_postgres() as server, tempfile.TemporaryDirectory(prefix="devatar-load-") as name:
        folder = Path(name)
        url = server.create(DATABASE)
        upgrade(url)
        async with embedded(folder, picture="160x90", ports=dict.fromkeys(PREFERRED_PORTS, 0)) as servers:
            load = {"DATABASE_URL": url, "DEVATAR_TASK_QUEUE": "load", "DEVATAR_API_RATE": "1000000/minute"}
            environment = {**os.environ, **servers.environment, **load, "DEVATAR_API_PORT": "0"}
            processes = Processes(folder / "load-logs")
            try:
                for number in (1, 2):
                    await processes.start(
                        f"worker-{number}", sys.executable, ROOT / "worker.py", environment=environment
                    )
                api = await processes.start("api", sys.executable, "-m", "api", environment=environment)
                return await _film(await _address(api.log), count, server)
            finally:
                await processes.stop()


async def _film(address: str, count: int, server: Postgres) -> int:
    async with httpx.AsyncClient(base_url=f"{address}/api", trust_env=False, timeout=120) as http:
        person = {"name": "load", "displayName": "Load", "triggerWord": "LOAD", "voiceId": "DevenVoiceClone00001"}
        (await http.post("/identities", json=person)).raise_for_status()
        began = time.monotonic()
        statuses = await asyncio.gather(*(_one(http, number) for number in range(count)))
        took = time.monotonic() - began
        logs = [len((await http.get(f"/scenes/load-{n}/logs?limit=500")).json()["items"]) for n in range(count)]
    with psycopg.connect(server.url(DATABASE)) as connection:
        rows = connection.execute("SELECT count(*) FROM generation_log").fetchone()
        sessions = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [DATABASE]).fetchone()
        deadlocks = connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = %s", [DATABASE]
        ).fetchone()
    outcome = dict(collections.Counter(statuses))
    report = {"scenes": count, "seconds": round(took, 1), "outcome": outcome, "log_rows": rows, "shown": sum(logs)}
    sys.stdout.write(json.dumps(report | {"sessions": sessions, "deadlocks": deadlocks}) + "\n")
    return 0 if outcome == {"completed": count} else 1


async def _one(http: httpx.AsyncClient, number: int) -> str:
    scene: dict[str, Any] = {"name": f"load-{number}", "dialogue": f"Scene {number}.", "identity": "load"}
    (await http.post("/scenes", json=scene)).raise_for_status()
    (await http.post(f"/scenes/load-{number}/generate")).raise_for_status()
    async with asyncio.timeout(PATIENCE_S):
        while True:
            status = (await http.get(f"/scenes/load-{number}/status")).raise_for_status().json()
            if status["over"]:
                return str(status["status"])
            await asyncio.sleep(5)


async def _address(log: Path) -> str:
    async with asyncio.timeout(60):
        while True:
            for line in (await asyncio.to_thread(log.read_text)).splitlines():
                if line.startswith('{"api"'):
                    return str(json.loads(line)["api"])
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)))
