"""docker-compose.temporal.yml: pinned, checked, ordered, on loopback alone, and in step with the settings."""

import os
import re
import subprocess
from typing import Any
from urllib.parse import urlsplit

import pytest

from api.guard import is_loopback
from runtime.settings import load_settings
from tests.project.compose import FILE, VARIABLE, environment_of, load, resolve, services
from tests.project.test_env_example import TEMPORAL, defaults

PINNED = re.compile(r"^[a-z0-9./-]+:v?\d+\.\d+[A-Za-z0-9._-]*$")
ONE_SHOT = {"temporal-schema", "temporal-namespace", "bucket", "migrate"}
LONG_RUNNING = {"postgres", "temporal", "temporal-ui", "object-store", "worker", "api"}
CONDITION = {True: "service_completed_successfully", False: "service_healthy"}
SERVICE_KEYS = {
    *("build", "image", "restart", "depends_on", "environment", "entrypoint", "command"),
    *("configs", "ports", "volumes", "healthcheck", "stop_grace_period", "profiles"),
}
# A local folder serves one machine's own processes; here the store is always an S3 one, at an address of its own.
NOT_IN_COMPOSE = {"R2_ACCOUNT_ID", "DEVATAR_FILES_URL", "DEVATAR_FILES_SIGNING_KEY"}
ADDRESS_OF_THE_API = {"DEVATAR_API_HOST", "DEVATAR_API_PORT"}


def test_the_services_are_those_promised() -> None:
    """Temporal with its UI, one PostgreSQL, an S3 store, Devatar's migration, worker and API, set-up jobs."""
    assert set(services()) == ONE_SHOT | LONG_RUNNING
    assert {key for service in services().values() for key in service} <= SERVICE_KEYS


@pytest.mark.parametrize("name", services())
def test_each_image_is_pinned_to_a_release(name: str) -> None:
    """A tag with a version, never `latest`: the same file starts the same programs next year."""
    assert PINNED.match(services()[name]["image"])


def test_temporals_parts_are_of_one_release() -> None:
    """The schema tool writes the tables that this server reads."""
    images = [service["image"] for service in services().values()]
    tags = {image.partition(":")[2] for image in images if image.startswith(("temporalio/server", "temporalio/admin"))}

    assert len(tags) == 1


@pytest.mark.parametrize("name", sorted(LONG_RUNNING))
def test_what_keeps_running_is_restarted_and_checked(name: str) -> None:
    """A long-running service has a health check of its own, or, for the worker, the image's."""
    service = services()[name]

    assert service["restart"] == "unless-stopped"
    if name == "worker":
        assert "healthcheck" not in service
    else:
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
        assert {"interval", "timeout", "retries"} <= service["healthcheck"].keys()


@pytest.mark.parametrize("name", sorted(ONE_SHOT))
def test_what_ends_is_not_started_again_for_ever(name: str) -> None:
    """A job is tried a bounded number of times."""
    assert re.fullmatch(r"on-failure:\d+", services()[name]["restart"])


@pytest.mark.parametrize("name", services())
def test_each_service_waits_for_the_right_thing(name: str) -> None:
    """A dependency is a service of the file: healthy when it keeps running, done when it is a job."""
    for target, how in services()[name].get("depends_on", {}).items():
        assert target in services()
        assert how == {"condition": CONDITION[target in ONE_SHOT]}


@pytest.mark.parametrize("name", ["worker", "api"])
def test_devatar_starts_last(name: str) -> None:
    """By then the tables, the bucket and the namespace are there."""

    def needed(name: str) -> set[str]:
        direct = set(services()[name].get("depends_on", {}))
        return direct.union(*(needed(target) for target in direct))

    assert needed(name) == set(services()) - {"worker", "api", "temporal-ui"}


@pytest.mark.parametrize("name", services())
def test_ports_are_open_on_this_machine_alone(name: str) -> None:
    """Development passwords guard nothing, so nothing listens beyond loopback."""
    assert all(port.startswith("127.0.0.1:") for port in services()[name].get("ports", []))


def test_ports_do_not_collide() -> None:
    """Each published port is published once."""
    ports = [port.rsplit(":", 1)[0] for service in services().values() for port in service.get("ports", [])]

    assert ports
    assert len(ports) == len(set(ports))


def test_volumes_and_configs_are_declared_and_used() -> None:
    """State lives in named volumes; nothing is mounted from the machine."""
    volumes = {volume.partition(":")[0] for service in services().values() for volume in service.get("volumes", [])}
    configs = {config["source"] for service in services().values() for config in service.get("configs", [])}

    assert volumes == set(load()["volumes"])
    assert configs == set(load()["configs"])


def test_every_variable_has_a_default() -> None:
    """The file starts as it is; secrets come from the environment and have a development default."""
    text = str(load())
    names = [found["name"] for found in VARIABLE.finditer(text)]
    without = [found["name"] for found in VARIABLE.finditer(text) if found["default"] is None]
    secrets = [name for name in names if re.search(r"PASSWORD|SECRET|KEY", name)]

    assert secrets
    assert not without


@pytest.mark.parametrize("name", ["bucket", "migrate", "worker", "api"])
def test_devatars_services_know_every_setting(name: str) -> None:
    """What `.env` can say reaches the worker, and nothing is passed that no setting reads."""
    given = environment_of(name)

    own = set[str]() if name == "api" else ADDRESS_OF_THE_API
    assert given.keys() - TEMPORAL.keys() == defaults().keys() - NOT_IN_COMPOSE - own
    assert given.keys() & TEMPORAL.keys() == {"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"}


@pytest.mark.parametrize("service", ["worker", "api"])
def test_the_settings_are_valid(monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    """With nothing set, the environment loads and chooses the S3 store."""
    for name in defaults():
        monkeypatch.delenv(name, raising=False)
    for name, value in environment_of(service).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DEVATAR_ENV_FILE", os.devnull)

    assert load_settings().uses_s3


def test_the_workers_addresses_are_those_of_the_services() -> None:
    """Database, Temporal and object store are reached by service name and the port inside the network."""
    given = environment_of("worker")
    database, store = urlsplit(given["DATABASE_URL"]), urlsplit(given["R2_ENDPOINT_URL"])
    inside = {(name, int(port.rsplit(":", 1)[1])) for name in services() for port in services()[name].get("ports", [])}
    host, _, port = given["TEMPORAL_ADDRESS"].partition(":")

    assert {(database.hostname, database.port), (store.hostname, store.port), (host, int(port))} <= inside


def test_the_api_listens_where_its_port_is_published() -> None:
    """It is reached from outside of its container, and only once somebody asks for it, since it needs a key."""
    given, (port,) = environment_of("api"), services()["api"]["ports"]
    assert not is_loopback(given["DEVATAR_API_HOST"])
    assert port.rsplit(":", 1)[1] == given["DEVATAR_API_PORT"]
    assert services()["api"]["profiles"] == ["api"]


def test_the_credentials_agree() -> None:
    """What the worker and Temporal log in with is what the servers were set up with."""
    worker, postgres, store = (environment_of(name) for name in ("worker", "postgres", "object-store"))

    assert urlsplit(worker["DATABASE_URL"]).password == postgres["POSTGRES_DEVATAR_PASSWORD"]
    assert environment_of("temporal")["POSTGRES_PWD"] == postgres["POSTGRES_TEMPORAL_PASSWORD"]
    assert environment_of("temporal-schema")["SQL_PASSWORD"] == postgres["POSTGRES_TEMPORAL_PASSWORD"]
    assert worker["R2_ACCESS_KEY_ID"] == store["AWS_ACCESS_KEY_ID"]
    assert worker["R2_SECRET_ACCESS_KEY"] == store["AWS_SECRET_ACCESS_KEY"]


def test_a_drain_is_not_cut_short() -> None:
    """Docker waits longer for the worker than the worker waits for its activities."""
    worker: dict[str, Any] = services()["worker"]
    graceful = float(environment_of("worker")["DEVATAR_GRACEFUL_SHUTDOWN_SECONDS"])

    assert float(worker["stop_grace_period"].removesuffix("s")) > 2 * graceful
    assert resolve("${A:-${B:-c}}d$$") == "cd$"


def compose_command() -> list[str] | None:
    """Docker Compose as a plugin or as a program of its own, from version 2.23 on; None where there is none."""
    for command in (["docker", "compose"], ["docker-compose"]):
        try:
            said = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            continue
        major, minor = (int(part) for part in said.strip().removeprefix("v").split(".")[:2])
        if (major, minor) >= (2, 23):
            return command
    return None


def test_docker_compose_accepts_the_file() -> None:
    """Where Docker Compose is installed it reads the file without a warning; elsewhere the tests above have to do."""
    command = compose_command()
    if command is None:
        pytest.skip("Docker Compose is not installed")
    arguments = ["--env-file", os.devnull, "--file", str(FILE), "config", "--quiet"]

    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
