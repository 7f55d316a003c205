"""From phonemes, or only from sound energy, to a mouth shape for every frame of a film."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studio.media.mouth import Mouth
from studio.media.timeline import Phoneme

Track = NDArray[Any]  # one row a moment: opening, wide, round, teeth, tongue
LEAD_S = 0.045  # lips move before the sound that they shape
_STEP_S = 0.01
_SMOOTH_S = 0.022
_LOUD_SHARE = 0.2  # how much wider a mouth opens for the loudest sound than its phoneme asks
_SHUT = frozenset("mbp")

_SHAPES: dict[str, tuple[float, float, float, float, float]] = {
    **dict.fromkeys("mbp", (0.0, 0.1, 0.1, 0.0, 0.0)),
    **dict.fromkeys("fv", (0.16, 0.3, 0.0, 0.9, 0.0)),
    **dict.fromkeys("θð", (0.26, 0.3, 0.0, 0.7, 1.0)),
    **dict.fromkeys("tdnsz", (0.24, 0.5, 0.0, 0.9, 0.4)),
    **dict.fromkeys("lɾT", (0.34, 0.4, 0.0, 0.6, 0.9)),
    **dict.fromkeys("ʃʒʧʤ", (0.26, 0.0, 0.6, 0.9, 0.2)),
    **dict.fromkeys("k\u0261ŋhx\u0294", (0.32, 0.3, 0.0, 0.4, 0.2)),
    **dict.fromkeys("ɹɜɚ", (0.34, 0.0, 0.5, 0.4, 0.3)),
    **dict.fromkeys("wuʊ", (0.3, 0.0, 1.0, 0.0, 0.0)),
    **dict.fromkeys("oɔOQ", (0.62, 0.0, 0.8, 0.1, 0.1)),
    **dict.fromkeys("ji", (0.42, 1.0, 0.0, 0.7, 0.4)),
    **dict.fromkeys("\u026aᵻe", (0.44, 0.7, 0.0, 0.6, 0.3)),
    **dict.fromkeys("ɛəᵊɐ", (0.54, 0.5, 0.0, 0.5, 0.3)),
    **dict.fromkeys("A", (0.62, 0.8, 0.0, 0.6, 0.3)),
    **dict.fromkeys("æ", (0.82, 0.8, 0.0, 0.6, 0.4)),
    **dict.fromkeys("ʌa\u0251ɒ", (0.95, 0.3, 0.1, 0.4, 0.4)),
    **dict.fromkeys("I", (0.88, 0.6, 0.0, 0.5, 0.4)),
    **dict.fromkeys("WY", (0.85, 0.2, 0.5, 0.4, 0.3)),
}
_SILENCE = (0.0, 0.0, 0.0, 0.0, 0.0)
_UNSPOKEN = frozenset("ˈˌː")  # stress and length marks shape nothing of their own


def track_mouth(samples: NDArray[np.int16], rate_hz: int, phonemes: Sequence[Phoneme], fps: float) -> list[Mouth]:
    """One mouth for each frame that begins within the samples, from phonemes when there are any, else from energy."""
    steps = max(int(np.ceil(len(samples) / rate_hz / _STEP_S)), 1)
    energy = loudness(samples, rate_hz, steps)
    rows = _phoneme_rows(phonemes, steps) if phonemes else _energy_rows(energy)
    rows = _smooth(rows, _SMOOTH_S)
    if phonemes:
        gate = np.clip(_smooth(energy[:, None], 0.03)[:, 0] * 1.5, 0, 1)
        rows[:, 0] = rows[:, 0] * (0.2 + 0.8 * gate) + _LOUD_SHARE * gate * (rows[:, 0] > 0.05)
        _shut(rows, phonemes)
    frames = max(round(len(samples) / rate_hz * fps), 1)
    lead = LEAD_S if phonemes else 0.02
    picks = np.clip(np.rint(((np.arange(frames) + 0.5) / fps + lead) / _STEP_S).astype(np.intp), 0, steps - 1)
    return [Mouth(*(float(v) for v in row)) for row in np.clip(rows[picks], 0, 1)]


def loudness(samples: NDArray[np.int16], rate_hz: int, steps: int) -> Track:
    """Loudness of each 10 ms, 0 for silence to 1 for the loud parts of this recording."""
    size = int(rate_hz * _STEP_S)
    padded = np.zeros(steps * size, np.float64)
    padded[: min(len(samples), len(padded))] = samples[: len(padded)]
    level = np.sqrt((padded.reshape(steps, size) ** 2).mean(axis=1))
    loud = max(float(np.percentile(level, 92)), 200.0)  # 200 of 32768 is background noise: not to be amplified
    return np.clip(level / loud, 0, 1)


def _phoneme_rows(phonemes: Sequence[Phoneme], steps: int) -> Track:
    ends = np.asarray([p.end_s for p in phonemes])
    shapes = np.asarray([_shape_of(phonemes, i) for i in range(len(phonemes))] + [_SILENCE])
    moments = (np.arange(steps) + 0.5) * _STEP_S
    return shapes[np.searchsorted(ends, moments)].astype(np.float64)


def _shape_of(phonemes: Sequence[Phoneme], i: int) -> tuple[float, float, float, float, float]:
    symbol = phonemes[i].symbol
    if symbol in _UNSPOKEN and i + 1 < len(phonemes):
        symbol = phonemes[i + 1].symbol
    return _SHAPES.get(symbol, _SILENCE)


def _energy_rows(energy: Track) -> Track:
    opening = np.clip(energy * 1.05 - 0.08, 0, 0.9)
    slow = _smooth(energy[:, None], 0.12)[:, 0]
    return np.stack([opening, 0.3 + 0.4 * (slow > 0.5), 0.25 * (slow < 0.3), 0.6 * opening, 0.4 * opening], axis=1)


def _smooth(rows: Track, sigma_s: float) -> Track:
    sigma = sigma_s / _STEP_S
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(rows, ((reach, reach), (0, 0)), mode="edge")
    columns = [np.convolve(padded[:, i], kernel, mode="valid") for i in range(rows.shape[1])]
    return np.stack(columns, axis=1)


def _shut(rows: Track, phonemes: Sequence[Phoneme]) -> None:
    """Lips meet in the middle of m, b and p whatever the neighbours do."""
    start = 0.0
    for phoneme in phonemes:
        if phoneme.symbol in _SHUT:
            first = int(start / _STEP_S)
            last = max(int(np.ceil(phoneme.end_s / _STEP_S)), first + 4)  # at least a frame of 25 a second
            rows[first:last, 0] *= 0.05
        start = phoneme.end_s
