"""Outputs that differ from job to job, as the vendors' own do, by bytes that no decoder minds."""

import zlib

ID3V1_BYTES = 128
PNG_END_BYTES = 12  # the last chunk, which is empty


def marked(data: bytes, media_type: str, job_id: str) -> bytes:
    """The same picture, film or MP3 with the job's id in it; other sounds stay as they are."""
    mark = job_id.encode()
    match media_type:
        case "video/mp4":
            return data + (len(mark) + 8).to_bytes(4, "big") + b"free" + mark
        case "audio/mpeg":
            return data + (b"TAG" + mark).ljust(ID3V1_BYTES, b"\0")[:ID3V1_BYTES]
        case "image/jpeg":
            return data + mark
        case "image/png":
            return data[:-PNG_END_BYTES] + _text_chunk(b"job\0" + mark) + data[-PNG_END_BYTES:]
        case _:
            return data


def _text_chunk(text: bytes) -> bytes:
    chunk = b"tEXt" + text
    return len(text).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
