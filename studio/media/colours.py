"""Mixing of #rrggbb colours."""


def channels(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def mix(colour: str, other: str, share: float) -> str:
    """The colour with `share` (0 to 1) of the other mixed in."""
    pairs = zip(channels(colour), channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def darker(colour: str, share: float) -> str:
    """The colour mixed with a warm black, as shadows on skin and cloth are."""
    return mix(colour, "#1c0c10", share)


def lighter(colour: str, share: float) -> str:
    """The colour mixed with white."""
    return mix(colour, "#ffffff", share)
