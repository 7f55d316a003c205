"""When each character of a text is heard: from times of read words to times of written characters."""

from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np

Knots = tuple[list[float], list[float]]


def character_places(written: str, read: str) -> Knots:
    """Knots that lead from character offsets in the written text to offsets in its normalised form."""
    if len(written) > 2000:  # the matcher is quadratic; such a sentence has no full stop for two minutes
        return [0.0, float(len(written))], [0.0, float(len(read))]
    xs, ys = [0.0], [0.0]
    for _, a0, a1, b0, b1 in SequenceMatcher(None, written, read, autojunk=False).get_opcodes():
        xs += [float(a0), float(a1)]
        ys += [float(b0), float(b1)]
    return xs, ys


def character_times(
    written: str, read: str, words: Sequence[tuple[int, int, float, float]], start_s: float, end_s: float
) -> list[float]:
    """Times of the len(written) + 1 borders between the characters of one sentence, rising from start_s to end_s.

    `words` are (first offset, end offset, start, end) in the normalised sentence, in order.
    """
    xs, ys = [0.0], [start_s]
    for first, last, word_start_s, word_end_s in words:
        xs += [float(first), float(last)]
        ys += [word_start_s, word_end_s]
    xs.append(float(max(len(read), 1)))
    ys.append(end_s)
    places = np.interp(np.arange(len(written) + 1), *character_places(written, read))
    times = np.interp(places, np.maximum.accumulate(xs), np.maximum.accumulate(ys))
    times[0], times[-1] = start_s, end_s
    return [float(t) for t in np.maximum.accumulate(times)]
