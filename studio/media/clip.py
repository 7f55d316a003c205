"""Image to video: idle motion of a drawn person, or a slow zoom of a photograph."""

import math
import random
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from PIL import Image

from studio.media.figure import Figure, Pose
from studio.media.film import FilmWriter
from studio.media.portrait import open_picture
from studio.media.rig import Rig
from studio.media.timeline import STUDIO_MARK

_BLINK_S = 0.2
_SETTLE_S = 0.5  # the time over which motion swells from the first frame and dies away before the last
_TAIL_FADE_S = 0.6
_PHOTO_ZOOM = 0.06
_CRF = 16  # clips are encoded again by the lip-sync step: better than what is shown


def animate(
    image: bytes,
    *,
    tail: bytes | None,
    seconds: int,
    width: int,
    height: int,
    fps: int = 25,
) -> bytes:
    """A silent H.264 MP4 of exactly seconds * fps frames that starts on the image and, with a tail, ends on it.

    Raises ValueError for an image that cannot be decoded or sides that are odd or outside 64 to 2048 pixels.
    """
    if seconds < 1 or width % 2 or height % 2 or not (64 <= width <= 2048 and 64 <= height <= 2048):
        raise ValueError("a clip needs at least a second and even sides of 64 to 2048 pixels")
    picture, rig = open_picture(image)
    count = seconds * fps
    if rig:
        film = _idle_motion(rig, width, height, count, fps, settles=tail is not None)
    else:
        film = _zoom(picture, width, height, count, settles=tail is not None)
    end = open_picture(tail)[0] if tail and tail != image else None
    return _encode(film, count, fps, rig, _cover(end, width, height) if end else None, (width, height))


def _encode(
    film: Callable[[int], Image.Image],
    count: int,
    fps: int,
    rig: Rig | None,
    end: Image.Image | None,
    size: tuple[int, int],
) -> bytes:
    writer = FilmWriter(*size, Fraction(fps), comment=rig.to_json() if rig else STUDIO_MARK, crf=_CRF)
    fade = round(_TAIL_FADE_S * fps)
    for i in range(count):
        picture = film(i)
        left = count - 1 - i
        if end and left < fade:
            picture = Image.blend(picture, end, 1 - left / fade)
        writer.add_rgb(np.asarray(picture))
    return writer.close()


def _idle_motion(
    rig: Rig, width: int, height: int, count: int, fps: int, *, settles: bool
) -> Callable[[int], Image.Image]:
    figure = Figure(rig, width, height)
    blinks = plan_blinks(rig.seed, count / fps)
    return lambda i: figure.compose(pose_at(i / fps, (count - 1) / fps, blinks, rig.seed, settles=settles))


def plan_blinks(seed: int, seconds: float) -> list[float]:
    """Starts of blinks in seconds, two to four seconds apart as people blink, none at the very ends."""
    chance = random.Random(seed + 17)
    starts: list[float] = []
    at = chance.uniform(0.8, 1.8)
    while at < seconds - _BLINK_S - 0.3:
        starts.append(at)
        at += chance.uniform(2.0, 4.0)
    return starts


def pose_at(at_s: float, end_s: float, blinks: list[float], seed: int, *, settles: bool) -> Pose:
    """The pose at a moment: rest at zero and, when it settles, rest again at the end."""
    phase = random.Random(seed).uniform(0, math.tau)
    swell = min(at_s / _SETTLE_S, (end_s - at_s) / _SETTLE_S if settles else 1.0, 1.0)
    swell = 0.5 - 0.5 * math.cos(math.pi * max(swell, 0.0))

    def wave(hz: float, shift: float) -> float:
        return math.sin(math.tau * hz * at_s + phase + shift)

    lids = max((_lid(at_s - start) for start in blinks), default=0.0)
    return Pose(
        turn_deg=swell * (1.2 * wave(0.21, 0) + 0.5 * wave(0.47, 1.3)),
        dx=swell * (2.6 * wave(0.17, 2.1) + 1.0 * wave(0.39, 0.4)),
        dy=swell * 1.8 * wave(0.31, 4.0),
        breath=swell * 2.2 * wave(0.25, 0.9),
        lids=lids,
    )


def _lid(since_s: float) -> float:
    if not 0 <= since_s <= _BLINK_S:
        return 0.0
    return min(1.0, 1.4 * math.sin(math.pi * since_s / _BLINK_S))


def _cover(picture: Image.Image, width: int, height: int, zoom: float = 1.0) -> Image.Image:
    """The middle of the picture that fills the wanted size, enlarged by zoom."""
    scale = max(width / picture.width, height / picture.height) * zoom
    w, h = width / scale, height / scale
    left, top = (picture.width - w) / 2, (picture.height - h) / 2
    return picture.resize((width, height), Image.Resampling.BICUBIC, box=(left, top, left + w, top + h))


def _zoom(picture: Image.Image, width: int, height: int, count: int, *, settles: bool) -> Callable[[int], Image.Image]:
    def at(i: int) -> Image.Image:
        share = i / max(count - 1, 1)
        swell = math.sin(math.pi * share) ** 2 if settles else share
        return _cover(picture, width, height, 1 + _PHOTO_ZOOM * swell)

    return at
