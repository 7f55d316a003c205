"""What the studio remembers: jobs, the bill, idempotency keys, output files, settings.

One SQLite file and a folder of blobs. Everything is also held in memory, so a poll costs no query; each change is
committed before the caller goes on.
"""

import hashlib
import json
import sqlite3
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from studio.variety import marked

JsonObject = dict[str, Any]

OPEN_STATES = frozenset({"queued", "running"})

_SCHEMA = """
CREATE TABLE IF NOT EXISTS job (id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS bill (request_id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS idempotency (key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, job_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS output (name TEXT PRIMARY KEY, sha256 TEXT, media_type TEXT, job_id TEXT, size INTEGER);
CREATE TABLE IF NOT EXISTS setting (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass
class Job:
    """One accepted request. `state` is queued, running, succeeded, failed, rejected or canceled."""

    id: str
    provider: str
    model: str
    body: JsonObject
    created_at: float
    state: str = "queued"
    external_id: str | None = None
    callback: str | None = None
    faults: dict[str, JsonObject] = field(default_factory=dict[str, JsonObject])
    started_at: float | None = None
    finished_at: float | None = None
    output: JsonObject | None = None
    failure: JsonObject | None = None


@dataclass
class BillLine:
    """One line a job created. `state` is open (price not final), charged or waived; prices in micro-dollars."""

    request_id: str
    time: float
    provider: str
    model: str
    key: str | None
    units: float
    unit: str
    price_usd_micros: int
    state: str


@dataclass(frozen=True)
class Output:
    """A file a job made, kept under the hash of its content."""

    name: str
    sha256: str
    media_type: str
    job_id: str
    size: int


def canonical(value: object) -> str:
    """JSON that is equal for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Store:
    """The studio's memory in `folder`; opening the same folder again continues where it stood."""

    def __init__(self, folder: Path) -> None:
        self._blobs = folder / "blobs"
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "studio.sqlite3", isolation_level=None)
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + _SCHEMA)
        self.jobs: dict[str, Job] = {}
        self.bill: dict[str, BillLine] = {}
        self.keys: dict[str, tuple[str, str]] = {}
        self.outputs: dict[str, Output] = {}
        self.settings: dict[str, Any] = {}
        self._load()

    def _load(self) -> None:
        for (body,) in self._db.execute("SELECT body FROM job ORDER BY rowid"):
            job = Job(**json.loads(body))
            self.jobs[job.id] = job
        for (body,) in self._db.execute("SELECT body FROM bill ORDER BY rowid"):
            line = BillLine(**json.loads(body))
            self.bill[line.request_id] = line
        for key, fingerprint, job_id in self._db.execute("SELECT key, fingerprint, job_id FROM idempotency"):
            self.keys[key] = (fingerprint, job_id)
        for row in self._db.execute("SELECT name, sha256, media_type, job_id, size FROM output"):
            self.outputs[row[0]] = Output(*row)
        for key, value in self._db.execute("SELECT key, value FROM setting"):
            self.settings[key] = json.loads(value)

    def save_job(self, job: Job) -> None:
        """Keeps the job as it is now."""
        self.jobs[job.id] = job
        self._db.execute(
            "INSERT INTO job VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            (job.id, json.dumps(asdict(job))),
        )

    def accept(self, job: Job, line: BillLine, key: tuple[str, str] | None = None) -> None:
        """Keeps a new job, its bill line and its idempotency (key, fingerprint) in one transaction."""
        self._db.execute("BEGIN IMMEDIATE")
        self.save_job(job)
        self.save_line(line)
        if key is not None:
            self.keys[key[0]] = (key[1], job.id)
            self._db.execute("INSERT INTO idempotency VALUES (?, ?, ?)", (*key, job.id))
        self._db.execute("COMMIT")

    def save_line(self, line: BillLine) -> None:
        """Keeps a bill line; there is one per request id."""
        self.bill[line.request_id] = line
        self._db.execute(
            "INSERT INTO bill VALUES (?, ?) ON CONFLICT (request_id) DO UPDATE SET body = excluded.body",
            (line.request_id, json.dumps(asdict(line))),
        )

    def save_setting(self, key: str, value: object) -> None:
        """Keeps a setting made through the control endpoint."""
        self.settings[key] = value
        self._db.execute(
            "INSERT INTO setting VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, json.dumps(value)),
        )

    def put_blob(self, data: bytes) -> str:
        """Writes bytes under their SHA-256 (temporary file, then rename) and returns it."""
        digest = hashlib.sha256(data).hexdigest()
        path = self._blobs / digest
        if not path.exists():
            partial = path.with_suffix(f".{time.monotonic_ns()}.partial")
            partial.write_bytes(data)
            partial.replace(path)
        return digest

    def blob_path(self, digest: str) -> Path:
        """Where the bytes with this SHA-256 lie."""
        return self._blobs / digest

    def put_output(self, name: str, data: bytes, media_type: str, job_id: str) -> Output:
        """Keeps an output file under a public name; with the setting `variety` no two jobs' are the same."""
        if self.settings.get("variety") and job_id:
            data = marked(data, media_type, job_id)
        output = Output(name, self.put_blob(data), media_type, job_id, len(data))
        self.outputs[name] = output
        self._db.execute(
            "INSERT OR REPLACE INTO output VALUES (?, ?, ?, ?, ?)",
            (output.name, output.sha256, output.media_type, output.job_id, output.size),
        )
        return output

    def read_output(self, name: str) -> bytes:
        """The bytes of an output file. Raises KeyError for an unknown name."""
        return self.blob_path(self.outputs[name].sha256).read_bytes()

    def clear(self) -> None:
        """Forgets everything but the files made so far, whose addresses stay good."""
        self._db.executescript("DELETE FROM job; DELETE FROM bill; DELETE FROM idempotency; DELETE FROM setting;")
        for held in (self.jobs, self.bill, self.keys, self.settings):
            held.clear()

    def close(self) -> None:
        """Closes the database file."""
        self._db.close()
