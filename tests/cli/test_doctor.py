"""`doctor`: everything that is missing is told with what to do, and no secret leaves."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.workflowservice.v1 import ListWorkflowExecutionsRequest, RegisterNamespaceRequest
from temporalio.service import RPCError

from tests.cli.program import NOWHERE, Answer, Program, on_stack, worker_ready
from tests.support.stack import Stack

CANARY = "c4nary-9f2b7d"
SECRETS = {
    "FAL_KEY": f"{CANARY}:{CANARY}",
    "ELEVENLABS_API_KEY": CANARY,
    "SYNC_API_KEY": CANARY,
    "KLING_ACCESS_KEY": CANARY,
    "KLING_SECRET_KEY": CANARY * 3,
    "R2_ACCOUNT_ID": "account",
    "R2_ACCESS_KEY_ID": CANARY,
    "R2_SECRET_ACCESS_KEY": CANARY,
    "R2_BUCKET_NAME": "films",
    "R2_ENDPOINT_URL": NOWHERE,
    "DEVATAR_FILES_SIGNING_KEY": CANARY,
    "DEVEN_LORA_URL": f"http://{CANARY}@127.0.0.1:1/face.safetensors?signature={CANARY}",
    "DEVATAR_DEFAULT_HEADSHOT_URL": f"http://127.0.0.1:1/face.png?signature={CANARY}",
}


def checks_of(answer: Answer) -> dict[str, dict[str, Any]]:
    """The report by name."""
    return {check["name"]: check for check in answer.json["checks"]}


def test_what_is_missing_is_told_with_what_to_do(program: Program) -> None:
    """Exit code 4; each needed setting and service that is not there has a remedy, what is there is ok."""
    answer = program.run("doctor", "--json")
    checks = checks_of(answer)
    assert (answer.code, answer.json["ok"]) == (4, False)
    for name in ("FAL_KEY", "ELEVENLABS_API_KEY", "SYNC_API_KEY", "R2_BUCKET_NAME"):
        assert (checks[name]["state"], checks[name]["needed"], bool(checks[name]["remedy"])) == ("missing", True, True)
    assert checks["Temporal"]["state"] == "failed"
    assert checks["object store"]["state"] == "failed"
    assert checks["database"]["state"] == "ok"
    assert (checks["DEVEN_LORA_URL"]["state"], checks["DEVEN_LORA_URL"]["needed"]) == ("not set", False)
    text = program.run("doctor")
    assert text.code == 4
    assert all(word in text.out for word in ("SETTINGS", "SERVICES", "FAL_KEY", "missing", "stands in the way"))


def test_a_database_without_tables_is_told(program: Program) -> None:
    """It answers, and `make migrate` is what it lacks."""
    fresh = program.environment["DATABASE_URL"].replace("devatar.db", "fresh.db")
    check = checks_of(program.run("doctor", "--json", DATABASE_URL=fresh))["database"]
    assert (check["state"], "make migrate" in check["remedy"]) == ("missing", True)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DEVATAR_VENDOR_URL_HOURS", "many"),
        ("FAL_QUEUE_URL", "queue.fal.run"),
        ("DEVATAR_ON_MISSING_LORA", "perhaps"),
        ("DEVATAR_VIDEO_MODEL", "no-such-model"),
    ],
)
def test_a_malformed_setting_is_named(program: Program, variable: str, value: str) -> None:
    """The report has it failed; other commands end with exit code 2 and its name."""
    answer = program.run("doctor", "--json", **{variable: value})
    assert (answer.code, [check["state"] for check in answer.json["checks"]]) == (4, ["failed"])
    assert variable in str(answer.json)
    other = program.run("scene", "list", **{variable: value})
    assert (other.code, variable in other.err) == (2, True)


@pytest.mark.parametrize("json", [(), ("--json",)])
def test_no_secret_is_printed_nor_a_part_of_one(program: Program, json: tuple[str, ...]) -> None:
    """Neither in the settings nor in what failing services answer."""
    database = f"postgresql://someone:{CANARY}@127.0.0.1:1/devatar?password={CANARY}"
    answer = program.run("doctor", *json, **SECRETS, DATABASE_URL=database)
    printed = answer.out + answer.err
    assert answer.code == 4
    assert "someone" in printed
    assert all(part not in printed for part in (CANARY, CANARY[:5], CANARY[-5:]))


def test_an_address_that_is_no_database_stops_no_other_check(program: Program) -> None:
    """The rest of the report is there, and the value is not."""
    answer = program.run("doctor", "--json", DATABASE_URL=f"nonsense-{CANARY}")
    assert checks_of(answer)["database"]["state"] == "failed"
    assert "disk" in checks_of(answer)
    assert CANARY not in answer.out


async def test_everything_ready_is_exit_code_zero(stack: Stack) -> None:
    """With servers, worker and keys in place each service has answered."""
    await worker_ready(stack)
    answer = on_stack(stack).run("doctor", "--json")
    checks = checks_of(answer)
    services = ("database", "Temporal", "search attributes", "workers", "object store", "elevenlabs", "fal", "sync")
    assert [checks[name]["state"] for name in services] == ["ok"] * len(services)
    assert (answer.code, answer.json["ok"]) == (0, True)


async def test_a_queue_that_nobody_serves_is_told(stack: Stack) -> None:
    """Without a worker no scene is filmed, so that is not ok."""
    answer = on_stack(stack).run("doctor", "--json", DEVATAR_TASK_QUEUE="nobody-here")
    check = checks_of(answer)["workers"]
    assert (answer.code, check["state"], "nobody-here" in check["detail"]) == (4, "missing", True)


async def test_setup_registers_what_a_namespace_lacks_and_only_that(stack: Stack) -> None:
    """A fresh namespace gets all search attributes; the second time they are all there; then doctor is content."""
    await _new_namespace(stack, "fresh")
    program = on_stack(stack)
    before = checks_of(program.run("doctor", "--json", TEMPORAL_NAMESPACE="fresh"))["search attributes"]
    first = program.run("temporal", "setup", "--json", TEMPORAL_NAMESPACE="fresh").json
    second = program.run("temporal", "setup", "--json", TEMPORAL_NAMESPACE="fresh").json
    text = program.run("temporal", "setup", TEMPORAL_NAMESPACE="fresh")
    assert (before["state"], "temporal setup" in before["remedy"]) == ("missing", True)
    assert (len(first["added"]), first["present"]) == (6, [])
    assert (second["added"], second["present"]) == ([], first["added"])
    assert (text.code, "added:     nothing" in text.out) == (0, True)


async def _new_namespace(stack: Stack, name: str) -> None:
    """Register, and wait until the server's cache of namespaces has it."""
    service = stack.servers.client.workflow_service
    retention = timedelta(days=1)
    request = RegisterNamespaceRequest(namespace=name)
    request.workflow_execution_retention_period.FromTimedelta(retention)
    await service.register_namespace(request)
    async with asyncio.timeout(30):
        while True:
            try:
                await service.list_workflow_executions(ListWorkflowExecutionsRequest(namespace=name))
            except RPCError:
                await asyncio.sleep(0.2)
                continue
            return
