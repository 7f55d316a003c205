"""Other parts behind the same ports: Kling's own API, an S3 store, and servers that were stopped in between."""

import asyncio
from pathlib import Path

import httpx
import pytest
from moto.server import ThreadedMotoServer
from temporalio.client import WorkflowFailureError

from models.enums import JobState, Provider, SceneStatus, Step
from models.tables import Scene
from runtime.embedded import free_ports
from runtime.launching import scene_handle, start_scene
from runtime.settings import load_settings
from runtime.wiring import object_store
from tests.support.stack import ANY_PORTS, Stack, running_stack
from tests.support.studio import KLING_ACCESS_KEY, KLING_SECRET_KEY

BUCKET = "films"


async def test_kling_itself_films_when_its_keys_are_set(stack: Stack) -> None:
    """With Kling's keys the clips are bought from Kling's own API, and everything else stays as it was."""
    keys = {"KLING_ACCESS_KEY": KLING_ACCESS_KEY, "KLING_SECRET_KEY": KLING_SECRET_KEY}
    scene = await _scene(stack, "Filmed by Kling itself.")
    async with stack.worker("kling", keys) as queue:
        result = await (await start_scene(stack.servers.client, scene, queue)).result()
    record = await stack.reload(scene)
    clip = next(job for job in await stack.jobs(scene) if job.step == Step.VIDEO)

    assert result.status == SceneStatus.COMPLETED
    assert (record.video_provider, record.video_model) == (Provider.KLING, "kling-v2-6")
    assert (clip.provider, clip.state) == (Provider.KLING, JobState.STORED)
    assert any(line["request_id"] == clip.request_id for line in await stack.bill())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_an_s3_bucket_holds_the_film(stack: Stack, tmp_path: Path) -> None:
    """With a bucket configured the vendors fetch from it through signed links, and the film ends up in it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    await asyncio.to_thread(server.start)
    try:
        _, port = server.get_host_and_port()
        bucket = {
            "R2_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "R2_BUCKET_NAME": BUCKET,
            "R2_ACCESS_KEY_ID": "test",
            "R2_SECRET_ACCESS_KEY": "test",
            "R2_PUBLIC_URL": "",
        }
        async with httpx.AsyncClient(trust_env=False) as http:
            (await http.put(f"{bucket['R2_ENDPOINT_URL']}/{BUCKET}")).raise_for_status()
        scene = await _scene(stack, "Kept in a bucket.")
        async with stack.worker("s3", bucket) as queue:
            result = await (await start_scene(stack.servers.client, scene, queue)).result()
        objects = object_store(load_settings({**stack.servers.environment, **bucket}))
        await objects.fetch(result.film.key, tmp_path / "film.mp4")
        stored = await objects.stat(result.film.key)
    finally:
        await asyncio.to_thread(server.stop)

    assert stored is not None
    assert (stored.size, stored.sha256) == (result.film.size, result.film.sha256)
    assert await stack.parts.objects.stat(result.film.key) is None


async def test_a_run_goes_on_after_all_servers_were_stopped(tmp_path: Path) -> None:
    """All state is in files, so a run that was cut off is finished later, and nothing is bought twice."""
    ports = free_ports(ANY_PORTS)
    async with running_stack(tmp_path, "320x180", ports) as stack:
        await stack.control("PUT", "/control/latency", json={"provider": "sync", "processing_s": 3})
        scene = await _scene(stack, "To be continued.")
        await stack.start(scene)
        await stack.until(scene, Step.LIPSYNC, JobState.ACCEPTED)
    async with running_stack(tmp_path, "320x180", ports) as stack:
        try:
            result = await scene_handle(stack.servers.client, scene.id).result()
        except WorkflowFailureError as error:
            raise AssertionError(str(error.cause)) from error
        billed = await stack.bill()

    assert result.status == SceneStatus.COMPLETED
    assert len(billed) == 4


async def _scene(stack: Stack, dialogue: str) -> Scene:
    number = stack.unique()
    identity = await stack.identity()
    return await stack.scene(dialogue, identity=identity.name, generation_mode="digital-twin", seed=10_000 + number)
