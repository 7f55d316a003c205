"""Takes that no run has made, with objects behind them."""

import hashlib
from pathlib import Path
from typing import Any

from models.tables import Scene
from models.take_tables import Take
from store.database import Database
from store.objects.port import ObjectStore
from tests.support.ledger import book

FILM_S = 2.4
PLAN: dict[str, Any] = {
    "scene_id": "s",
    "identity_id": None,
    "decision": {"source": "text_to_image", "reason": "the scene has no headshot", "fallback": True},
    "speech": {"text": "Hello.", "voice": {"voice_id": "v"}},
    "image": {"model": "fal-ai/flux/dev", "prompt": "a person", "seed": None},
    "video": {"prompt": "a person speaks", "negative_prompt": "blur"},
}


async def put(objects: ObjectStore, folder: Path, content: str) -> dict[str, Any]:
    """An object, said to be a film, as an artifact."""
    data = content.encode()
    sha256 = hashlib.sha256(data).hexdigest()
    path = folder / sha256
    path.write_bytes(data)
    await objects.put(path, key=f"artifacts/{sha256}", media_type="video/mp4", sha256=sha256)
    return {"key": f"artifacts/{sha256}", "media_type": "video/mp4", "size": len(data), "sha256": sha256}


async def add_takes(database: Database, objects: ObjectStore, folder: Path, scene_id: str) -> list[Take]:
    """Two takes: the second, made by anna with a new picture and in other light, is the current one."""
    takes: list[Take] = []
    for number in (1, 2):
        film = await put(objects, folder, f"{scene_id} film {number}")
        clip = await put(objects, folder, f"{scene_id} clip")
        scene = {"dialogue": "Hello.", "mood_lighting": f"light {number}"}
        take = Take(
            scene_id=scene_id,
            number=number,
            run_id=f"{scene_id}-{number}",
            started_by="anna" if number == 2 else None,
            fresh=["image"] if number == 2 else [],
            inputs={"scene": scene, "identity": {"lora_scale": 0.9}, "plan": PLAN},
            mode="standard",
            models={"speech": "s", "image": "i", "video": "v", "video_provider": "fal", "lipsync": "l"},
            artifacts={"film": film, "clips": [clip]},
            image_seed=number,
            clip_seconds=[5],
            sync_mode="loop",
            speech_duration_s=FILM_S,
            film_duration_s=FILM_S,
            cost_micros=number * 100_000,
        )
        takes.append(take)
    await book(database, *takes)
    async with database.transaction() as tx:
        found = await tx.scenes.get(scene_id)
        assert isinstance(found, Scene)
        found.current_take, found.artifacts = 2, takes[1].artifacts
    return takes
