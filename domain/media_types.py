"""What a file is, told from its first bytes and never from its name or a server's word."""

SNIFF_BYTES = 512
"""How many leading bytes `sniff_media_type` wants to see."""

_EXTENSIONS = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "video/mp4": ".mp4",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "application/x-subrip": ".srt",  # captions: made here and never sniffed
    "text/vtt": ".vtt",
    "application/x-safetensors": ".safetensors",  # LoRAs: checked by their header and never sniffed
}

# ISO base media brands that are no MP4 film: HEIC and AVIF pictures, QuickTime, bare AAC audio.
_OTHER_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis", b"qt  ", b"M4A ", b"M4B "})


def sniff_media_type(head: bytes) -> str | None:
    """Name the media type of a file that starts with `head`; None for anything that Devatar does not handle."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return None if head[8:12] in _OTHER_BRANDS else "video/mp4"
    if head.startswith(b"ID3") or _is_mp3_frame(head):
        return "audio/mpeg"
    return None


def extension_of(media_type: str) -> str:
    """File name extension with its dot, e.g. ".mp4"; ".bin" for a type that Devatar does not handle."""
    return _EXTENSIONS.get(media_type, ".bin")


def _is_mp3_frame(head: bytes) -> bool:
    """An MPEG layer III frame header: sync bits, known version, bit rate and sample rate (ISO 11172-3, 2.4.2.3)."""
    if len(head) < 3:
        return False
    sync, flags, rates = head[0], head[1], head[2]
    is_layer_three = sync == 0xFF and flags & 0xE0 == 0xE0 and flags & 0x18 != 0x08 and flags & 0x06 == 0x02
    return is_layer_three and rates & 0xF0 != 0xF0 and rates & 0x0C != 0x0C
