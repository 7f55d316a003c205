"""The soundtrack that Kling adds to a clip unless told not to: here a soft steady hum, easy to tell from speech."""

import io
import tempfile
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

RATE_HZ = 44_100
FRAME_SAMPLES = 1_024  # the AAC frame
HUM_HZ = (110.0, 165.0, 220.0)
LOUDNESS = 0.04


def _hum(samples: int) -> NDArray[np.float32]:
    at = np.arange(samples) / RATE_HZ
    tones = np.stack([np.sin(2 * np.pi * hz * at) for hz in HUM_HZ])
    return (LOUDNESS * tones.sum(axis=0)).astype(np.float32)[None, :]


def _write(source: Any, sink: Any) -> None:
    for key, value in source.metadata.items():
        sink.metadata[key] = value
    picture = source.streams.video[0]
    film, sound = sink.add_stream_from_template(picture), sink.add_stream("aac", rate=RATE_HZ, layout="mono")
    for packet in source.demux(picture):
        if packet.dts is not None:
            packet.stream = film
            sink.mux(packet)
    hum = _hum(round(float(picture.duration * picture.time_base) * RATE_HZ))
    for start in range(0, hum.shape[1], FRAME_SAMPLES):
        piece = np.ascontiguousarray(hum[:, start : start + FRAME_SAMPLES])
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = RATE_HZ, start
        sink.mux(sound.encode(frame))
    sink.mux(sound.encode(None))


def add_soundtrack(film: bytes) -> bytes:
    """The same film, its picture copied untouched, with an AAC soundtrack of the same length."""
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    # Putting the index in front makes the muxer read its own output again, which takes a file on disk.
    with tempfile.TemporaryDirectory(prefix="studio-sound-") as folder:
        path = Path(folder) / "film.mp4"
        with av.open(io.BytesIO(film)) as source, av.open(str(path), "w", format="mp4", options=options) as sink:
            _write(source, sink)
        return path.read_bytes()
