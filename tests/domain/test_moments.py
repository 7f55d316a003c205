"""Moments as people write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from domain.moments import moment_of
from domain.rejections import RejectedError

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        (" 2026-11-01T08:30 ", datetime(2026, 11, 1, 8, 30, tzinfo=UTC)),
        ("2026-11-01 08:30:15Z", datetime(2026, 11, 1, 8, 30, 15, tzinfo=UTC)),
        ("2026-11-01T08:30+02:00", datetime(2026, 11, 1, 6, 30, tzinfo=UTC)),
        ("36h", datetime(2026, 11, 21, 1, tzinfo=UTC)),
        ("7d", datetime(2026, 11, 15, 13, tzinfo=UTC)),
        ("2w", datetime(2026, 11, 8, 13, tzinfo=UTC)),
        ("0d", datetime(2026, 11, 22, 13, tzinfo=UTC)),
    ],
)
def test_moment(text: str, moment: datetime) -> None:
    """Dates and times are UTC unless they name a zone; a number with h, d or w is that long ago."""
    found = moment_of("since", text, NOW)
    assert found == moment
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["", "yesterday", "7", "7m", "-7d", "\u0667d", "999999d", "2026-13-01", "0001-01-01T00:00+02:00"]
)
def test_no_moment(text: str) -> None:
    """What is none is refused under the name of its field, with examples."""
    with pytest.raises(RejectedError, match=r"since: .*2026-11-01.*7d"):
        moment_of("since", text, NOW)
