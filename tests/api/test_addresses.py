"""Addresses that users give lead to the public internet and nowhere else, whichever way they are written."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from tests.api.conftest import Api, Live
from tests.api.test_runs import until_over

INWARD = [
    "http://127.0.0.1:{port}/x",
    "http://localhost:{port}/x",
    "http://[::1]:{port}/x",
    "http://[::ffff:127.0.0.1]:{port}/x",
    "http://2130706433:{port}/x",
    "http://0x7f000001:{port}/x",
    "http://127.1:{port}/x",
    "http://0:{port}/x",
    "http://user:hunter2@127.0.0.1:{port}/x",
    "http://169.254.169.254/latest/meta-data",
    "http://10.0.0.1/x",
    "http://[fd00::1]/x",
]
NO_WEB = [
    "file:///etc/passwd",
    "gopher://127.0.0.1/x",
    "ftp://127.0.0.1/x",
    "//127.0.0.1/x",
    "javascript:alert(1)",
    "http:",
]


class Inside:
    """Something on this machine that nobody from outside should reach."""

    def __init__(self) -> None:
        self.port = 0
        self.visits = 0

    async def visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Count, and hang up."""
        self.visits += 1
        writer.close()


@asynccontextmanager
async def inside() -> AsyncGenerator[Inside]:
    """It listens for the length of a block."""
    listening = Inside()
    server = await asyncio.start_server(listening.visit, "127.0.0.1", 0)
    listening.port = server.sockets[0].getsockname()[1]
    async with server:
        yield listening


@pytest.mark.parametrize("address", INWARD)
async def test_a_lora_is_not_fetched_from_inside(sqlite_api: Api, address: str) -> None:
    """Testing the identity fails and connects to nothing; the verdict shows nothing of what is there."""
    async with inside() as target:
        await sqlite_api.make("identities", loraUrl=address.format(port=target.port))
        tested = (await sqlite_api.ask("POST", "/identities/anna/test")).json()

    assert tested["lora"]["outcome"] == "failed"
    assert target.visits == 0
    assert "hunter2" not in str(tested)


async def test_a_headshot_is_not_fetched_from_inside(live: Live) -> None:
    """Such scenes fail before anything is bought, and nothing is connected to."""
    async with inside() as target:
        identity = (await live.stack.identity()).name
        body = {"dialogue": "Hello.", "identity": identity}
        scenes: list[str] = []
        for address in INWARD:
            given = body | {"name": f"ssrf-{live.stack.unique()}", "headshot": address.format(port=target.port)}
            scenes.append((await live.ask("POST", "/scenes", json=given)).json()["id"])
        await asyncio.gather(*(live.ask("POST", f"/scenes/{scene}/generate") for scene in scenes))
        statuses = await asyncio.gather(*(until_over(live, scene, pause_s=1) for scene in scenes))
        jobs = [(await live.ask("GET", f"/jobs?scene={scene}")).json()["items"] for scene in scenes]

    assert {status["status"] for status in statuses} == {"failed"}
    assert not [job for each in jobs for job in each]
    assert target.visits == 0


@pytest.mark.parametrize("address", NO_WEB)
async def test_what_is_no_web_address_is_refused_when_written(sqlite_api: Api, address: str) -> None:
    """422 for LoRA and headshot alike, so that nothing of the kind is ever stored."""
    identity = {"name": "a", "displayName": "A", "triggerWord": "T", "loraUrl": address}
    scene = {"name": "s", "dialogue": "Hi.", "headshot": address}
    answers = [
        await sqlite_api.ask("POST", "/identities", json=identity),
        await sqlite_api.ask("POST", "/scenes", json=scene),
    ]

    assert [answer.status_code for answer in answers] == [422, 422]
