"""Where the head is looked for: as near as it was drawn, through noise, jumps and unknown pictures."""

from math import cos, hypot, radians, sin
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from studio.media.figure import NECK_Y, REST, Figure, Pose, View
from studio.media.placement import HeadFinder, Place
from studio.media.rig import design_rig
from tests.studio.media.conftest import HEIGHT, WIDTH

POSES = [
    Pose(turn_deg=1.5, dx=3, dy=1, breath=2),
    Pose(turn_deg=-1.8, dx=-4, dy=-2, breath=-2),
    Pose(turn_deg=0.5, dx=-2, dy=2, lids=1.0),
]


@pytest.fixture(scope="module")
def figure() -> Figure:
    return Figure(design_rig("office", face="lora-1", seed=7, width=512, height=288), WIDTH, HEIGHT)


def luma(figure: Figure, pose: Pose) -> NDArray[Any]:
    return np.asarray(figure.compose(pose).convert("L"), np.float32)


def shift_px(view: View, pose: Pose) -> tuple[float, float]:
    """How far the head's centre moves when the head turns about the neck and is shifted."""
    angle = radians(pose.turn_deg)
    across, down = sin(angle) * NECK_Y + pose.dx, NECK_Y * (1 - cos(angle)) + pose.dy + pose.breath
    return across * view.scale, down * view.scale


def miss_px(place: Place, wanted: tuple[float, float]) -> float:
    return hypot(place.dx - wanted[0], place.dy - wanted[1])


@pytest.mark.parametrize("pose", POSES)
def test_the_head_is_found_where_it_was_drawn(figure: Figure, pose: Pose) -> None:
    """Place to half a pixel and turn to a degree, also when the mouth and chin in the picture are noisy."""
    noise = np.random.default_rng(0).normal(0, 3, (HEIGHT, WIDTH)).astype(np.float32)
    place = HeadFinder(luma(figure, REST), figure.view).find(luma(figure, pose) + noise)
    assert miss_px(place, shift_px(figure.view, pose)) < 0.5
    assert place.turn_deg == pytest.approx(pose.turn_deg, abs=1)


def test_a_jump_is_found_by_search(figure: Figure) -> None:
    """A head far from where it was a frame ago is looked for all around."""
    finder = HeadFinder(luma(figure, REST), figure.view)
    finder.find(luma(figure, REST))
    far = Pose(dx=34, dy=-20)
    assert miss_px(finder.find(luma(figure, far)), shift_px(figure.view, far)) < 0.7


def test_without_a_head_the_last_place_stays(figure: Figure) -> None:
    """A frame in which nothing fits leaves the mouth where it was last believed to be."""
    finder = HeadFinder(luma(figure, REST), figure.view)
    known = finder.find(luma(figure, POSES[0]))
    blank = np.full((HEIGHT, WIDTH), 90, np.float32)
    assert finder.find(blank) == known
    assert HeadFinder(luma(figure, REST), figure.view).find(blank) == Place()
