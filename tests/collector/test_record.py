"""The time of a record as text, and read again."""

from __future__ import annotations

import pytest

from logpost.record import LEVELS, SEVERITY_NUMBERS, format_ts, parse_ts


@pytest.mark.parametrize(
    "text",
    ["2026-11-22T10:51:07.123456789Z", "0001-01-01T00:00:00.000000001Z", "9999-12-31T23:59:59.999999999Z"],
)
def test_a_time_is_read_as_it_is_written(text: str) -> None:
    assert format_ts(parse_ts(text)) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-11-22T10:51:07+05:45", "2026-11-22T05:06:07.000000000Z"),
        ("2026-11-22 10:51:07,25", "2026-11-22T10:51:07.250000000Z"),
        ("2026-11-22T10:51:07.1234567899", "2026-11-22T10:51:07.123456789Z"),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000000Z"),
    ],
)
def test_relatives(text: str, written: str) -> None:
    assert format_ts(parse_ts(text)) == written


@pytest.mark.parametrize("text", ["", "now", "2026-02-30T00:00:00Z", "2026-11-22T10:51:61Z"])
def test_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_ts(text)


def test_the_severity_numbers_are_opentelemetrys() -> None:
    assert [SEVERITY_NUMBERS[level] for level in LEVELS] == [1, 5, 9, 13, 17, 21]
