"""Moments that people write: a date, a time, or how long ago."""

import re
from datetime import UTC, datetime, timedelta

from domain.rejections import RejectedError

_AGO = re.compile(r"([0-9]{1,5})([hdw])", re.ASCII)
_UNIT = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def moment_of(field: str, text: str, now: datetime) -> datetime:
    """`2026-11-01`, `2026-11-01T08:00`, `24h`, `7d` or `2w` as a time in UTC, which is meant where no zone is given.

    Raises RejectedError that names the field.
    """
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago:
            return now.astimezone(UTC) - int(ago[1]) * _UNIT[ago[2]]
        written = datetime.fromisoformat(text.strip())
        return written.astimezone(UTC) if written.tzinfo else written.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        remedy = "Write a date or time such as 2026-11-01 or 2026-11-01T08:00Z, or how long ago: 24h, 7d, 2w"
        raise RejectedError(field, f"{text!r} is no moment known here", remedy) from None
