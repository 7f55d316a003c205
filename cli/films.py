"""Where a finished film can be had."""

from datetime import UTC, datetime, timedelta

from domain.rejections import RejectedError
from models.artifacts import ArtifactRef
from models.base import Message
from models.tables import Scene
from runtime.settings import Settings

LINK_LIFETIME = timedelta(hours=24)


class Film(Message):
    """A film's object key, and a file on this machine, a lasting address, or a link that expires."""

    key: str
    file: str | None = None
    url: str | None = None
    url_expires_at: datetime | None = None
    problem: str | None = None


def film_of(settings: Settings, scene: Scene) -> Film | None:
    """None for a scene that has no film; `problem` says why a film has no location here."""
    if "film" not in scene.artifacts:
        return None
    from runtime.wiring import object_store
    from store.objects.local import LocalObjectStore

    key = ArtifactRef.model_validate(scene.artifacts["film"]).key
    try:
        store = object_store(settings)
    except RejectedError as error:
        return Film(key=key, problem=str(error))
    if isinstance(store, LocalObjectStore):
        return Film(key=key, file=str(store.path_of(key)))
    if url := store.public_url(key):
        return Film(key=key, url=url)
    expires = datetime.now(UTC).replace(microsecond=0) + LINK_LIFETIME
    return Film(key=key, url=store.sign(key, expires=LINK_LIFETIME), url_expires_at=expires)


def film_lines(film: Film) -> list[str]:
    """The film for people; the first line is `film: PLACE` and nothing else."""
    lines = [f"film: {film.file or film.url or film.key}"]
    if film.url_expires_at:
        lines.append(f"this link works for everybody who has it, until {film.url_expires_at:%Y-%m-%d %H:%M}Z")
    if film.problem:
        lines.append(f"only its key in the object store is known here: {film.problem}")
    return lines
