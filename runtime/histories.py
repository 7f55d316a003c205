"""What workflows under way hold on to, read from their histories: exact, and free of charge."""

from collections.abc import Iterable

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.keys import object_keys
from models.tables import Scene
from runtime.launching import scene_handle


async def objects_of_runs(client: Client, scenes: Iterable[Scene]) -> set[str]:
    """The keys of all objects that the scenes' newest runs have been given or have made. Raises RPCError."""
    found: set[str] = set()
    for scene in scenes:
        try:
            async for event in scene_handle(client, scene.id).fetch_history_events():
                found |= object_keys(event.SerializeToString())
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
    return found
