"""The phoneme timeline that travels inside an audio file, so that the lip-sync step knows what is said when."""

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass

STUDIO_MARK = "devatar-studio"


@dataclass(frozen=True)
class Phoneme:
    """One sound of the model's alphabet and the second at which it ends; it starts where the one before ends."""

    symbol: str
    end_s: float


def pack_timeline(phonemes: Sequence[Phoneme]) -> str:
    """A one-line tag: the studio mark, then the phonemes, times in milliseconds."""
    body = {"symbols": [p.symbol for p in phonemes], "ends_ms": [round(p.end_s * 1000) for p in phonemes]}
    packed = b64encode(zlib.compress(json.dumps(body).encode(), 9)).decode()
    return f"{STUDIO_MARK} phonemes {packed}"


def unpack_timeline(tag: str) -> list[Phoneme]:
    """The phonemes of a tag; none if the tag is not ours or was damaged."""
    words = tag.split()
    if len(words) != 3 or words[:2] != [STUDIO_MARK, "phonemes"]:
        return []
    try:
        body = json.loads(zlib.decompress(b64decode(words[2], validate=True)))
        pairs = zip(body["symbols"], body["ends_ms"], strict=True)
        return [Phoneme(str(symbol), float(end_ms) / 1000) for symbol, end_ms in pairs]
    except (ValueError, KeyError, TypeError, zlib.error):
        return []
