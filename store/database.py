"""The engine and its transactions: one `async with database.transaction()` is one commit."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import event, inspect
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.rejections import RejectedError
from store.admin import ApiKeyRepository, IdempotencyRepository, SettingRepository
from store.assets import AssetRepository
from store.identities import IdentityRepository
from store.jobs import JobRepository
from store.ledger import LedgerRepository
from store.logs import LogRepository
from store.plans import PlanRepository
from store.projects import ProjectRepository
from store.references import ReferenceRepository
from store.scenes import SceneRepository
from store.takes import ApprovalRepository, TakeRepository

SQLITE_BUSY_TIMEOUT_MS = 15_000  # writers queue behind one another; each transaction here takes milliseconds
POOL_SIZE = 10  # connections a process; a worker runs at most some dozens of activities, each short in the database
MAX_OVERFLOW = 10
DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
}


@dataclass(frozen=True)
class Transaction:
    """The repositories of one open transaction."""

    identities: IdentityRepository
    projects: ProjectRepository
    scenes: SceneRepository
    assets: AssetRepository
    jobs: JobRepository
    takes: TakeRepository
    approvals: ApprovalRepository
    ledger: LedgerRepository
    plans: PlanRepository
    references: ReferenceRepository
    logs: LogRepository
    settings: SettingRepository
    api_keys: ApiKeyRepository
    idempotency: IdempotencyRepository


class Database:
    """PostgreSQL or SQLite behind one interface. `url` may name no driver: `postgresql://...`, `sqlite:///file`.

    Raises RejectedError for any other address.
    """

    def __init__(self, url: str) -> None:
        parsed = _parsed(url)
        self.backend = parsed.get_backend_name()
        pool = {} if self.backend == "sqlite" else {"pool_size": POOL_SIZE, "max_overflow": MAX_OVERFLOW}
        self.engine: AsyncEngine = create_async_engine(parsed, pool_pre_ping=True, **pool)
        if self.backend == "sqlite":
            _configure_sqlite(self.engine)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Transaction]:
        """Commit on leaving, roll back on any error."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            yield Transaction(
                identities=IdentityRepository(session),
                projects=ProjectRepository(session),
                scenes=SceneRepository(session),
                assets=AssetRepository(session),
                jobs=JobRepository(session),
                takes=TakeRepository(session),
                approvals=ApprovalRepository(session),
                ledger=LedgerRepository(session),
                plans=PlanRepository(session),
                references=ReferenceRepository(session),
                logs=LogRepository(session),
                settings=SettingRepository(session),
                api_keys=ApiKeyRepository(session),
                idempotency=IdempotencyRepository(session),
            )

    async def check(self) -> str:
        """One line for people. Raises DatabaseUnavailableError."""
        where = self.engine.url.render_as_string(hide_password=True)
        try:
            async with self.engine.connect() as connection:
                migrated = await connection.run_sync(_has_tables)
        except (DBAPIError, OSError) as error:
            raise DatabaseUnavailableError(f"{where}: {str(error).splitlines()[0]}") from error
        if not migrated:
            raise DatabaseUnavailableError(f"{where} has no tables yet: run `make migrate`")
        return f"{self.backend} answers"

    async def close(self) -> None:
        """Give all connections back."""
        await self.engine.dispose()


class DatabaseUnavailableError(Exception):
    """The database does not answer, or was never migrated."""


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # neither is shown: both may quote the password
        parsed = None
    if parsed is None or parsed.drivername not in DRIVERS:
        raise RejectedError(
            "DATABASE_URL",
            "it is no address of a database that we know",
            "Write postgresql://user:password@host/name or sqlite:////path/to/file",
        )
    return parsed.set(drivername=DRIVERS[parsed.drivername])


def _has_tables(connection: Connection) -> bool:
    return inspect(connection).has_table("scene")


def _configure_sqlite(engine: AsyncEngine) -> None:
    """WAL, so that readers never block; write locks at BEGIN, so that two writers queue instead of failing."""

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late and takes no lock
        cursor = connection.cursor()
        for pragma in (f"busy_timeout={SQLITE_BUSY_TIMEOUT_MS}", "journal_mode=WAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
