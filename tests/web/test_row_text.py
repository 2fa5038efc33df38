"""Rows as text: no log line steers the terminal or looks like another row."""

from __future__ import annotations

import datetime

import pytest

from logpost_web.row_text import pointed, row_text, zone_name

ROW = {"ts": "2026-11-22T10:51:07.123456789Z", "host": "web-1", "service": "app", "level": "error", "message": "boom"}


def text(**fields: object) -> str:
    return row_text({**ROW, **fields}, datetime.UTC)


def test_a_row_is_a_line() -> None:
    assert text() == "2026-11-22 10:51:07.123 error web-1/app boom"
    assert text(level="", host="", service="") == "2026-11-22 10:51:07.123 -     - boom"
    assert row_text(ROW, datetime.UTC, colour=True).startswith("2026-11-22 10:51:07.123 \x1b[31merror\x1b[0m ")


def test_a_zone_that_is_not_utc() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=5, minutes=45), "NPT")
    assert row_text(ROW, zone).startswith("2026-11-22 16:36:07.123 ")
    assert zone_name(datetime.datetime(2026, 1, 1, tzinfo=zone)) == "NPT, UTC+05:45"


def test_a_line_cannot_steer_the_terminal() -> None:
    assert text(message="a\x1b]0;title\x07\tb\x9b\r\x00").endswith("app a\\x1b]0;title\\x07\tb\\x9b\\x0d\\x00")
    assert "\x1b" not in text(host="\x1b[2J", service="\x9bA", level="\x1b[31m")


@pytest.mark.parametrize("character", "\u202e\u2066\u2069\u200f\u2028\ufeff\u00ad\u180e\ufffa\u3164\uffa0\u115f\u034f")
def test_a_line_cannot_turn_or_hide_text(character: str) -> None:
    code = f"\\u{ord(character):04x}" if ord(character) > 255 else f"\\x{ord(character):02x}"
    assert text(message=f"pay {character}001").endswith(f"pay {code}001")


def test_letters_that_nobody_sees_are_shown() -> None:
    assert text(message="pay \U000e0041001").endswith("pay \\U000e0041001")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_a_message_cannot_forge_a_row(end: str) -> None:
    forged = text(level="fatal", message="all is lost")
    first, *others = text(message=f"boom{end}{forged}").split("\n")
    assert first.startswith("2026-11-22 10:51:07.123 error web-1/app boom")
    assert others[-1] == f"  | {forged}"
    assert all(line.startswith("  | ") for line in others)


@pytest.mark.parametrize("field", ["host", "service", "level"])
def test_no_other_field_has_a_line_break_or_a_tab(field: str) -> None:
    assert "a\\n2026\\tb" in text(**{field: "a\n2026\tb"})


def test_a_part_of_a_message_says_how_long_all_of_it_is() -> None:
    assert text(message_bytes=1_500_000).endswith("boom … (1,500,000 bytes)")


@pytest.mark.parametrize(
    ("query", "shown", "columns"),
    [
        ("a (", "a (", 3),
        ("时间 (", "时间 (", 6),
        ("a\nb\te\u0301\x00 (", "a b e\u0301  (", 8),
    ],
)
def test_a_mark_stands_under_its_character(query: str, shown: str, columns: int) -> None:
    assert pointed(query, len(query), indent=1) == f" {shown}\n {' ' * columns}^"
