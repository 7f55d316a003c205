"""Text to an encoded recording with the time of each character, as ElevenLabs answers."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from studio.media import alignment, voice
from studio.media.timeline import Phoneme, pack_timeline

MAX_SPEECH_S = 3600.0
_SPEECH_RMS = 0.14


class NothingToSay(ValueError):
    """The text holds nothing that can be pronounced: empty, emoji only, or a script without English sounds."""


@dataclass(frozen=True)
class Spoken:
    """An encoded recording; times are seconds from its start, one entry for each character of the text."""

    audio: bytes
    duration_s: float
    characters: list[str]
    starts_s: list[float]
    ends_s: list[float]


@dataclass(frozen=True)
class _Format:
    container: str
    codec: str
    rate_hz: int
    bit_rate: int | None = None


_PCM_RATES = (16_000, 22_050, 24_000, 44_100)
FORMATS: dict[str, _Format] = {
    "mp3_22050_32": _Format("mp3", "libmp3lame", 22_050, 32_000),
    **{f"mp3_44100_{kb}": _Format("mp3", "libmp3lame", 44_100, kb * 1000) for kb in (32, 64, 96, 128, 192)},
    **{f"pcm_{rate}": _Format("s16le", "pcm_s16le", rate) for rate in _PCM_RATES},
    **{f"wav_{rate}": _Format("wav", "pcm_s16le", rate) for rate in _PCM_RATES},
    "opus_48000_64": _Format("ogg", "libopus", 48_000, 64_000),
}


def speak(text: str, *, voice: str, speed: float = 1.0, output_format: str = "mp3_44100_128") -> Spoken:
    """Speaks a text in the voice that the voice string decides; the same input gives the same bytes.

    Raises NothingToSay for a text without sounds and ValueError for an unknown output format.
    """
    if output_format not in FORMATS:
        raise ValueError(f"unknown output format: {output_format}")
    recording = _Recording(text, voice, speed)
    audio = _encode(recording.parts, FORMATS[output_format], pack_timeline(recording.phonemes))
    borders = recording.borders_s
    return Spoken(audio, recording.duration_s, list(text), borders[:-1], borders[1:])


class _Recording:
    """The sentences of a text said one after another, gathering phonemes and character borders as they go."""

    def __init__(self, text: str, voice_id: str, speed: float) -> None:
        self.duration_s = 0.0
        self.phonemes: list[Phoneme] = []
        self.borders_s: list[float] = []
        self.parts: list[voice.Samples] = []
        self._speed = speed
        self._variant = voice.pick_variant(voice_id)
        self._seed = int.from_bytes(hashlib.sha256(f"{voice_id}\0{text}".encode()).digest()[:4], "big")
        for sentence in voice.split_sentences(text):
            at = text.index(sentence, len(self.borders_s))
            self._hold(at)
            self._say(sentence)
        self._hold(len(text) + 1)
        if not self.parts:
            raise NothingToSay("the text has nothing that can be pronounced")

    def _hold(self, count: int) -> None:
        """Characters between sentences take no time."""
        self.borders_s += [self.duration_s] * (count - len(self.borders_s))

    def _say(self, sentence: str) -> None:
        read = voice.normalize_sentence(sentence)
        tokens = voice.read_tokens(read)
        said = "".join(t.phonemes for t in tokens).rstrip()
        start_s = self.duration_s
        spans: list[tuple[float, float]] = []
        if any(c.isalpha() for c in said):
            for chunk in voice.chunk_phonemes(said):
                spans += self._append(chunk)
        words: list[tuple[int, int, float, float]] = []
        cursor = 0
        for token in tokens if spans else []:
            last = min(cursor + len(token.phonemes.rstrip()), len(spans)) - 1
            words.append((token.start, token.end, spans[cursor][0], spans[last][1]))
            cursor += len(token.phonemes)
        self.borders_s += alignment.character_times(sentence, read, words, start_s, self.duration_s)[:-1]

    def _append(self, chunk: str) -> list[tuple[float, float]]:
        samples, borders_s = voice.say_phonemes(chunk, self._variant, self._speed, self._seed + len(self.parts))
        times_s = [self.duration_s + border for border in borders_s]
        self.duration_s += len(samples) / voice.SAMPLE_RATE_HZ
        if self.duration_s > MAX_SPEECH_S:
            raise ValueError(f"the speech is longer than {MAX_SPEECH_S:.0f} s")
        self.parts.append(samples)
        said = [Phoneme(symbol, end_s) for symbol, end_s in zip(chunk, times_s[1:], strict=True)]
        self.phonemes += [Phoneme(" ", times_s[0]), *said, Phoneme(" ", self.duration_s)]
        return list(pairwise(times_s))


def _gain(parts: Sequence[voice.Samples]) -> float:
    """The factor that makes every voice equally loud, about -20 LUFS."""
    floor = 0.02 * max(float(np.abs(part).max()) for part in parts)
    loud = [part[np.abs(part) > floor] for part in parts]
    power = sum(float((part**2).sum()) for part in loud) / max(sum(len(part) for part in loud), 1)
    return _SPEECH_RMS / max(power**0.5, 1e-6)


def _to_pcm(samples: voice.Samples, gain: float) -> NDArray[np.int16]:
    """16-bit samples with peaks rounded off below full scale."""
    louder = samples * gain
    over = np.maximum(np.abs(louder) - 0.7, 0)
    rounded = np.clip(louder, -0.7, 0.7) + np.sign(louder) * 0.27 * np.tanh(over / 0.27)
    return (rounded * 32767).astype(np.int16)


def _encode(parts: Sequence[voice.Samples], wanted: _Format, tag: str) -> bytes:
    out = io.BytesIO()
    gain, options = _gain(parts), {"fflags": "+bitexact"}
    with av.open(out, "w", format=wanted.container, container_options=options) as opened:
        container: Any = opened
        if wanted.container != "s16le":
            container.metadata["comment"] = tag
        stream: Any = container.add_stream(wanted.codec, rate=wanted.rate_hz, layout="mono")
        if wanted.bit_rate:
            stream.bit_rate = wanted.bit_rate
        resampler = av.AudioResampler(stream.format, "mono", wanted.rate_hz, frame_size=stream.frame_size or 1024)
        given = 0
        for part in parts:
            frame = av.AudioFrame.from_ndarray(_to_pcm(part, gain)[None, :], format="s16", layout="mono")
            frame.sample_rate, frame.pts = voice.SAMPLE_RATE_HZ, given
            given += len(part)
            for piece in resampler.resample(frame):
                container.mux(stream.encode(piece))
        for piece in [*resampler.resample(None), None]:
            container.mux(stream.encode(piece))
    return out.getvalue()
