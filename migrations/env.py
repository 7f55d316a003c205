"""Alembic's entry point. The database comes as `sqlalchemy.url`, set by `runtime.migrate`."""

from alembic import context
from sqlalchemy import create_engine, pool

from models.admin_tables import ApiKey
from models.take_tables import Take

TABLES = (ApiKey, Take)  # a module's tables are known once it is imported
METADATA = TABLES[0].metadata


def run() -> None:
    """Migrate with one connection; batch mode, since SQLite cannot alter tables in place."""
    url = context.config.get_main_option("sqlalchemy.url")
    if not url:
        raise SystemExit("no database given: run `make migrate`, which reads DATABASE_URL")
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=METADATA, render_as_batch=True)
        with context.begin_transaction():
            context.run_migrations()


run()
