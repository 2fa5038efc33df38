"""Times as users write them."""

from __future__ import annotations

import pytest

from logpost.record import format_ts
from logpost_web.errors import BadArgumentError
from logpost_web.query.times import parse_duration, parse_time

NOW_NS = 1_763_895_067_123_456_789


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("now", "2025-11-23T10:51:07.123456789Z"),
        ("-1h", "2025-11-23T09:51:07.123456789Z"),
        ("now-1h30m", "2025-11-23T09:21:07.123456789Z"),
        ("-2w", "2025-11-09T10:51:07.123456789Z"),
        ("2026-11-22T10:51:07.123456789Z", "2026-11-22T10:51:07.123456789Z"),
        ("2026-11-22T10:51:07.1234567899Z", "2026-11-22T10:51:07.123456789Z"),
        ("2026-11-22T10:51:07+01:00", "2026-11-22T09:51:07.000000000Z"),
        ("2026-11-22T10:51:07 01:00", "2026-11-22T09:51:07.000000000Z"),  # an unescaped + in a URL
        ("2026-11-22 10:51", "2026-11-22T10:51:00.000000000Z"),
        ("2026-11-22", "2026-11-22T00:00:00.000000000Z"),
        ("1763895067", "2025-11-23T10:51:07.000000000Z"),
        ("1763895067.25", "2025-11-23T10:51:07.250000000Z"),
        ("1763895067123", "2025-11-23T10:51:07.123000000Z"),
        ("1763895067123456", "2025-11-23T10:51:07.123456000Z"),
        ("1763895067123456789", "2025-11-23T10:51:07.123456789Z"),
        ("-0.5", "1969-12-31T23:59:59.500000000Z"),
        ("0001-01-01", "1900-01-01T00:00:00.000000000Z"),
        ("9999-12-31", "2262-04-11T23:47:16.854775807Z"),
        ("-9000w", "1900-01-01T00:00:00.000000000Z"),
    ],
)
def test_a_time(text: str, time: str) -> None:
    assert format_ts(parse_time(text, NOW_NS)) == time


@pytest.mark.parametrize("text", ["", "yesterday", "1h", "-1y", "2026-02-30", "2026-13-01", "1e9", "9" * 5000, "-h"])
def test_no_time(text: str) -> None:
    with pytest.raises(BadArgumentError, match="is no time"):
        parse_time(text, NOW_NS)


def test_durations() -> None:
    assert parse_duration("1h30m") == 5_400_000_000_000
    assert parse_duration("1.5s") == 1_500_000_000
    with pytest.raises(BadArgumentError, match="is no duration"):
        parse_duration("1 hour")
