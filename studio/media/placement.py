"""Where the head is in each frame: the drawn lower face is fitted to the picture by least squares."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studio.media.figure import View

Luma = NDArray[Any]
_GRID = 44  # samples across the fitted patch, whatever the picture size
_LEFT, _TOP, _RIGHT, _BOTTOM = -70.0, -2.0, 70.0, 118.0  # head units: nose to chin
_SEARCH_UNITS = 60.0
_GOOD_FIT = 0.5  # correlation above which a fit is believed


@dataclass(frozen=True)
class Place:
    """A turn in degrees, a size factor and a shift in pixels of the head from its place in the still picture."""

    turn_deg: float = 0.0
    size: float = 1.0
    dx: float = 0.0
    dy: float = 0.0


class HeadFinder:
    """Follows the head from frame to frame; `template` is the luma of the still picture at the film's size."""

    def __init__(self, template: Luma, view: View) -> None:
        step = (_RIGHT - _LEFT) / _GRID
        xs = np.arange(_LEFT, _RIGHT, step) + step / 2
        ys = np.arange(_TOP, _BOTTOM, step) + step / 2
        gx, gy = np.meshgrid(xs, ys)
        self._view = view
        self._x, self._y = (gx * view.scale).ravel(), (gy * view.scale).ravel()  # pixels from the head's centre
        whole = self._sample(template, Place())
        slopes: Any = np.gradient(whole.reshape(gx.shape), step * view.scale)
        # Only what moves with the head: the corners of the box show neck and background.
        inside = ((gx / _RIGHT) ** 2 + (2 * (gy - (_TOP + _BOTTOM) / 2) / (_BOTTOM - _TOP)) ** 2 < 1).ravel()
        self._x, self._y, self._template = self._x[inside], self._y[inside], whole[inside]
        down, across = slopes[0].ravel()[inside], slopes[1].ravel()[inside]
        jacobian = np.stack(
            [across, down, down * self._x - across * self._y, across * self._x + down * self._y], axis=1
        )
        self._solve: Luma = np.linalg.pinv(jacobian - jacobian.mean(axis=0))
        self._last: Place | None = None

    def find(self, luma: Luma) -> Place:
        """The place of the head in a frame; when nothing fits, the last place that did."""
        start = self._last or self._search(luma)
        place, fit = self._refine(luma, start)
        if fit < _GOOD_FIT:
            again, fit_again = self._refine(luma, self._search(luma))
            place, fit = max((place, fit), (again, fit_again), key=lambda found: found[1])
        if fit >= _GOOD_FIT:
            self._last = place
            return place
        return self._last or Place()

    def _refine(self, luma: Luma, place: Place) -> tuple[Place, float]:
        for _ in range(6):
            seen = self._sample(luma, place)
            error = self._normal(seen) - self._normal(self._template)
            contrast = float(self._template.std()) or 1.0
            move: Luma = -(self._solve @ (error * contrast))
            angle, grow = float(move[2]), float(move[3])
            place = _clamp(self._moved(place, float(move[0]), float(move[1]), angle, grow))
            if max(abs(float(move[0])), abs(float(move[1]))) < 0.02 and abs(angle) < 2e-4:
                break
        return place, self._fit(luma, place)

    def _moved(self, place: Place, dx: float, dy: float, angle: float, grow: float) -> Place:
        turn = math.radians(place.turn_deg)
        c, s = math.cos(turn) * place.size, math.sin(turn) * place.size
        return Place(
            place.turn_deg + math.degrees(angle),
            place.size * (1 + grow),
            place.dx + c * dx - s * dy,
            place.dy + s * dx + c * dy,
        )

    def _search(self, luma: Luma) -> Place:
        """The best of a coarse grid of shifts."""
        step = 6.0 * self._view.scale
        reach = int(_SEARCH_UNITS / 6.0)
        places = [Place(0, 1, i * step, j * step) for i in range(-reach, reach + 1) for j in range(-reach, reach + 1)]
        return max(places, key=lambda place: self._fit(luma, place))

    def _fit(self, luma: Luma, place: Place) -> float:
        return float((self._normal(self._sample(luma, place)) * self._normal(self._template)).mean())

    @staticmethod
    def _normal(values: Luma) -> Luma:
        centred = values - values.mean()
        return centred / (float(values.std()) + 1e-3)

    def _sample(self, luma: Luma, place: Place) -> Luma:
        """Bilinear samples of the frame where the template's grid lies under a place."""
        turn = math.radians(place.turn_deg)
        c, s = math.cos(turn) * place.size, math.sin(turn) * place.size
        x = self._view.centre_x - 0.5 + place.dx + c * self._x - s * self._y
        y = self._view.centre_y - 0.5 + place.dy + s * self._x + c * self._y
        x = np.clip(x, 0, luma.shape[1] - 1.001)
        y = np.clip(y, 0, luma.shape[0] - 1.001)
        x0, y0 = x.astype(np.intp), y.astype(np.intp)
        fx, fy = (x - x0).astype(np.float32), (y - y0).astype(np.float32)
        upper = luma[y0, x0] * (1 - fx) + luma[y0, x0 + 1] * fx
        lower = luma[y0 + 1, x0] * (1 - fx) + luma[y0 + 1, x0 + 1] * fx
        return upper * (1 - fy) + lower * fy


def _clamp(place: Place) -> Place:
    return Place(float(np.clip(place.turn_deg, -12, 12)), float(np.clip(place.size, 0.8, 1.25)), place.dx, place.dy)
