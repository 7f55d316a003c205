"""Where films and pictures can be had."""

from datetime import UTC, datetime, timedelta

from domain.rejections import RejectedError
from models.artifacts import ArtifactRef
from models.base import Message
from models.tables import Scene
from runtime.settings import Settings

LINK_LIFETIME = timedelta(hours=24)


class Place(Message):
    """An object's key, and a file on this machine, a lasting address, or a link that expires."""

    key: str
    file: str | None = None
    url: str | None = None
    url_expires_at: datetime | None = None
    problem: str | None = None


def film_of(settings: Settings, scene: Scene) -> Place | None:
    """None for a scene that has no film."""
    if "film" not in scene.artifacts:
        return None
    return place_of(settings, ArtifactRef.model_validate(scene.artifacts["film"]).key)


def place_of(settings: Settings, key: str) -> Place:
    """Where the object is; `problem` says why it has no location here."""
    from runtime.wiring import object_store
    from store.objects.local import LocalObjectStore

    try:
        store = object_store(settings)
    except RejectedError as error:
        return Place(key=key, problem=str(error))
    if isinstance(store, LocalObjectStore):
        return Place(key=key, file=str(store.path_of(key)))
    if url := store.public_url(key):
        return Place(key=key, url=url)
    expires = datetime.now(UTC).replace(microsecond=0) + LINK_LIFETIME
    return Place(key=key, url=store.sign(key, expires=LINK_LIFETIME), url_expires_at=expires)


def place_lines(what: str, place: Place) -> list[str]:
    """For people; the first line is `WHAT: PLACE` and nothing else."""
    lines = [f"{what}: {place.file or place.url or place.key}"]
    if place.url_expires_at:
        lines.append(f"this link works for everybody who has it, until {place.url_expires_at:%Y-%m-%d %H:%M}Z")
    if place.problem:
        lines.append(f"only its key in the object store is known here: {place.problem}")
    return lines
