"""Checking who a picture shows. Costs nothing, and needs the optional extra `identity-check`."""

import asyncio
from collections.abc import Sequence

from activities.workshop import Workshop
from domain.identity_check import INSTALL, judge
from domain.rejections import RejectedError
from media.faces import UnfitReference, available, compare
from models.artifacts import ArtifactRef
from models.faces import FaceCheck


async def check_picture(
    workshop: Workshop, picture: ArtifactRef, references: Sequence[ArtifactRef], threshold: float
) -> FaceCheck:
    """Count the picture's faces, compare the only one with the references' and judge.

    Raises RejectedError without the extra and for a reference that does not show exactly one face; MediaInvalid.
    """
    if not available():
        raise RejectedError("DEVATAR_FACE_POLICY", "the identity check is not installed", INSTALL)
    async with workshop.bench() as folder:
        source = await workshop.fetch(picture, folder / "picture")
        known = [await workshop.fetch(each, folder / f"reference{n}") for n, each in enumerate(references)]
        try:
            measures = await asyncio.to_thread(compare, source, known)
        except UnfitReference as error:
            problem = f"{error} ({references[error.index].key})"
            raise RejectedError(
                "references", problem, "Remove that asset, or replace it by a clear headshot"
            ) from error
    return FaceCheck(
        faces=measures.faces,
        similarity=measures.similarity,
        threshold=threshold,
        verdict=judge(measures, threshold),
    )
