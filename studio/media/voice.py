"""Neural speech samples with phoneme durations. No encoding and no characters here: see speech.py and alignment.py."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 24_000
MAX_CHUNK_PHONEMES = 400  # the length that hibari itself feeds to its model at once
_DURATION_TENSOR = b"/Cast_32_output_0"  # hibari-tts 0.2.1; a test pins that it is there
_BIN_HZ = 20.0  # 24 kHz over 1,200 points
_VOICED_HZ = 60.0
_CLAUSE_ENDS = ",;:—…"

_tts: Any = import_module("hibari.tts")
_dsp: Any = import_module("hibari.dsp")
_voices: Any = import_module("hibari.voices")
_normalize: Any = import_module("hibari.g2p.normalize")

Samples = NDArray[Any]


@dataclass(frozen=True)
class Variant:
    """How a voice differs from the model's own: factors on fundamental frequency and on the formant axis."""

    pitch: float
    formant: float


@dataclass(frozen=True)
class Token:
    """A written word or sign as read: its place in the normalised sentence and its phonemes with a trailing space."""

    start: int
    end: int
    phonemes: str


def pick_variant(voice: str) -> Variant:
    """The variant that belongs to a voice id; pitch 0.62 to 1.18 is the range that a recogniser still understands."""
    digest = hashlib.sha256(voice.encode()).digest()
    pitch = 0.62 + 0.56 * int.from_bytes(digest[:2], "big") / 0xFFFF
    natural_formant = float(np.interp(pitch, [0.62, 0.8, 1.0, 1.18], [0.86, 0.94, 1.0, 1.06]))
    return Variant(round(pitch, 3), round(natural_formant + (digest[2] / 255 - 0.5) * 0.04, 3))


@lru_cache(maxsize=1)
def _reader() -> Any:
    return _tts.Hibari(voice="heart", threads=1)


@lru_cache(maxsize=1)
def _session() -> tuple[Any, bool]:
    """The model with its phoneme durations made an output, and whether it has them.

    Serialised protobuf messages merge when concatenated, so a few appended bytes name one more graph output.
    """
    ort: Any = import_module("onnxruntime")
    model = Path(_voices.voice_path("heart")).read_bytes()
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    has_durations = _DURATION_TENSOR in model
    if has_durations:
        value_info = b"\x0a" + bytes([len(_DURATION_TENSOR)]) + _DURATION_TENSOR
        graph = b"\x62" + bytes([len(value_info)]) + value_info
        model += b"\x3a" + bytes([len(graph)]) + graph
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"]), has_durations


def split_sentences(text: str) -> list[str]:
    """Sentences of the text in order, each a substring of it."""
    return list(_tts.Hibari.split_sentences(text))


def normalize_sentence(sentence: str) -> str:
    """The sentence as it is read: times, dates, units and abbreviations written out."""
    return str(_normalize.normalize(sentence))


def read_tokens(normalized: str) -> list[Token]:
    """Phonemes of a normalised sentence, word by word; signs that are not read are left out."""
    g2p = _reader().g2p
    known: dict[str, int] = _reader().vocab
    tokens: list[Token] = []
    cursor = 0
    for token in g2p.phonemize_tokens(g2p.tokenize(normalized)):
        found = normalized.find(token.text, cursor)
        start = cursor if found < 0 else found
        cursor = min(start + len(token.text), len(normalized))
        phonemes = "".join(c for c in token.phonemes or "" if c in known)
        if phonemes:
            tokens.append(Token(start, cursor, phonemes + (" " if token.whitespace else "")))
    return tokens


def chunk_phonemes(phonemes: str, limit: int = MAX_CHUNK_PHONEMES) -> list[str]:
    """Pieces of at most `limit` phonemes that joined give the whole, cut after clauses, else after words."""
    pieces: list[str] = []
    while len(phonemes) > limit:
        window = phonemes[:limit]
        clause = max(window.rfind(f"{mark} ") for mark in _CLAUSE_ENDS)
        cut = clause + 2 if clause > limit // 4 else window.rfind(" ") + 1 or limit
        pieces.append(phonemes[:cut])
        phonemes = phonemes[cut:]
    return [*pieces, phonemes] if phonemes else pieces


def say_phonemes(phonemes: str, variant: Variant, speed: float, seed: int) -> tuple[Samples, list[float]]:
    """Samples at 24 kHz and the len(phonemes) + 1 borders of the phonemes in seconds.

    The borders leave out the silence around the words; they are spread evenly if the model hides its durations.
    """
    session, has_durations = _session()
    ids = _reader().ids(phonemes)
    feed = {"ids": np.asarray([ids], np.int64), "speed": np.asarray([speed], np.float32)}
    outputs = session.run(None, feed)
    outputs[0] = _cap_between_harmonics(outputs[0][0], outputs[5][0])[None]
    spectra = [_scale_formants(part[0], variant.formant, nearest=i == 4) for i, part in enumerate(outputs[:5])]
    f0 = outputs[5][0] * np.float32(variant.pitch)
    samples: Samples = _dsp.synth(*spectra, f0, np.random.default_rng(seed))
    total_s = len(samples) / SAMPLE_RATE_HZ
    units = np.asarray(outputs[6], np.float64) if has_durations else np.ones(len(ids))
    ends = np.cumsum(units) * (total_s / max(float(units.sum()), 1.0))
    return samples, [float(end) for end in ends[:-1]]


def _cap_between_harmonics(log_gain: Samples, f0_hz: Samples) -> Samples:
    """The harmonic filter with no more gain anywhere than the line between its two nearest harmonics allows.

    Between harmonics of its own pitch nothing sounds in training, so the model leaves gains of any size there, which
    another pitch would make boom.
    """
    capped = log_gain.copy()
    bins = np.arange(len(log_gain))
    for frame in np.flatnonzero(f0_hz > _VOICED_HZ):
        step = float(f0_hz[frame]) / _BIN_HZ
        harmonics = np.arange(1, int(len(bins) / step)) * step
        line = np.interp(bins, harmonics, np.interp(harmonics, bins, log_gain[:, frame]))
        np.minimum(capped[:, frame], line, out=capped[:, frame])
    return capped


def _scale_formants(spectrum: Samples, factor: float, *, nearest: bool) -> Samples:
    """Stretches the frequency axis; the phase part takes the nearest bin because phases do not interpolate."""
    bins = len(spectrum)
    source: Samples = np.minimum(np.linspace(0, (bins - 1) / factor, bins), bins - 1)
    if nearest:
        return spectrum[np.rint(source).astype(np.intp)]
    low = np.minimum(source.astype(np.intp), bins - 2)
    share = (source - low).astype(np.float32)[:, None]
    return spectrum[low] * (1 - share) + spectrum[low + 1] * share
