"""What animate() films: exact length, a start on the image, motion, and a return to the anchor."""

from itertools import pairwise

import numpy as np
import pytest

from studio.media.clip import animate
from studio.media.portrait import draw_portrait
from tests.studio.media.conftest import HEIGHT, WIDTH
from tests.studio.media.pictures import distance, frames, photograph, pixels, tag_of
from tests.support.measure import film_facts


def test_a_clip_is_a_silent_h264_film_of_the_asked_length(clip: bytes) -> None:
    """Codec, pixel format, size, frames and index order are those that players want."""
    facts = film_facts(clip)
    assert (facts.width, facts.height, facts.frames, facts.fps) == (WIDTH, HEIGHT, 125, 25)
    assert (facts.codecs, facts.pixel_format, facts.faststart, facts.audio_s) == (("h264",), "yuv420p", True, 0)
    assert facts.black_share == 0
    assert facts.frozen_share < 0.5


def test_a_clip_begins_on_the_image_and_moves() -> None:
    """The first frame is the picture; frames in the middle differ from it."""
    image = draw_portrait("a person", face="x", seed=1, width=256, height=256)
    film = frames(animate(image, tail=None, seconds=2, width=256, height=256))
    assert distance(film[0], pixels(image)) < 4
    assert max(distance(frame, film[0]) for frame in film) > 1


def test_with_a_tail_the_loop_has_no_jump(clip: bytes) -> None:
    """The last frame is as near to the first as two neighbours are, and nearer than frames in motion."""
    film = frames(clip)
    largest_step = max(distance(a, b) for a, b in pairwise(film))
    assert distance(film[-1], film[0]) < 1.2 * largest_step
    assert distance(film[-1], film[0]) < 0.6 * max(distance(frame, film[0]) for frame in film)


def test_another_tail_is_where_the_clip_ends(portrait: bytes) -> None:
    """A tail that is another picture is shown in the last frame."""
    tail = draw_portrait("beach, yellow shirt", face="y", seed=2, width=512, height=288)
    film = frames(animate(portrait, tail=tail, seconds=2, width=256, height=144))
    wanted = frames(animate(tail, tail=None, seconds=1, width=256, height=144))[0]
    assert distance(film[-1], wanted) < 4
    assert distance(film[0], wanted) > 15


def test_eyes_blink() -> None:
    """Within five seconds some frame has darker or lighter eyes than the rest pose by far."""
    image = draw_portrait("a person", face="f1", seed=1, width=512, height=512)
    film = frames(animate(image, tail=image, seconds=5, width=256, height=256))
    eyes = np.asarray([frame[85:105, 90:166].std() for frame in film])
    assert eyes.min() < 0.8 * np.median(eyes)


def test_the_same_request_gives_the_same_bytes(portrait: bytes, clip: bytes) -> None:
    """Clips are deterministic and carry the rig of the picture."""
    assert animate(portrait, tail=portrait, seconds=5, width=WIDTH, height=HEIGHT) == clip
    assert '"mark":"devatar-studio"' in tag_of(clip)


@pytest.mark.parametrize("returns", [False, True])
def test_a_photograph_is_zoomed(returns: bool) -> None:
    """A foreign picture is filmed with a slow zoom, which a tail brings back to the start."""
    image = photograph()
    data = animate(image, tail=image if returns else None, seconds=2, width=320, height=200)
    film = frames(data)
    middle, end = distance(film[25], film[0]), distance(film[-1], film[0])
    assert len(film) == 50
    assert middle > 0.5
    assert end < 0.5 * middle if returns else end > middle
    assert "studio" in tag_of(data)


def test_a_clip_of_another_shape_covers_the_frame(portrait: bytes) -> None:
    """A tall clip of a wide picture is filled to the edges."""
    film = frames(animate(portrait, tail=None, seconds=1, width=144, height=256))
    assert film[0].shape == (256, 144, 3)
    assert min(film[0][:4].mean(), film[0][-4:].mean()) > 20


@pytest.mark.parametrize("image", [b"", b"<html></html>"])
def test_an_undecodable_image_is_refused(image: bytes) -> None:
    """Bytes that are no picture raise ValueError."""
    with pytest.raises(ValueError, match="not a picture"):
        animate(image, tail=None, seconds=5, width=256, height=144)


@pytest.mark.parametrize(("seconds", "width", "height"), [(0, 256, 144), (5, 255, 144), (5, 256, 4096)])
def test_impossible_clips_are_refused(portrait: bytes, seconds: int, width: int, height: int) -> None:
    """Lengths and sizes that cannot be encoded raise ValueError."""
    with pytest.raises(ValueError, match="a clip needs"):
        animate(portrait, tail=None, seconds=seconds, width=width, height=height)
