"""Opening files that somebody else made: known formats only, nothing but the file itself, errors as `MediaInvalid`."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError

from media.errors import MediaInvalid

# Formats that are one file. Playlists (HLS, concat, DASH) would make FFmpeg read other files or addresses.
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mp3,wav,aac,flac,ogg"


@contextmanager
def opened(path: Path) -> Generator[InputContainer]:
    """Open a media file for reading; `MediaInvalid` when it cannot be read, also later in the block."""
    if not path.is_file() or path.stat().st_size == 0:
        raise MediaInvalid("the file is missing or empty", {"file": path.name})
    try:
        with av.open(path, "r", options={"format_whitelist": _FORMATS}) as container:
            yield container
    except FFmpegError as error:
        raise MediaInvalid(
            f"the file cannot be read as media ({error.strerror})",
            {"file": path.name, "size": path.stat().st_size, "error": type(error).__name__},
        ) from error


def has_moov_first(path: Path) -> bool:
    """Say whether an MP4's index stands before its pictures, so that it plays while it loads; False if it has none."""
    size = path.stat().st_size
    with path.open("rb") as file:
        position = 0
        while position + 8 <= size:
            file.seek(position)
            head = file.read(16)
            length, kind = int.from_bytes(head[:4]), head[4:8]
            if kind in (b"moov", b"mdat"):
                return kind == b"moov"
            length = int.from_bytes(head[8:16]) if length == 1 else length
            if length < 8:  # 0 means "to the end of the file"
                return False
            position += length
    return False
