"""Lines of key=value pairs."""

from __future__ import annotations

import pytest

from tests.collector.formats.lines import read, time_of


def test_pairs_are_time_level_message_and_attributes() -> None:
    line = 'time="2026-11-22T10:51:07Z" level=error msg="a \\"b\\"\\nc" status=502 took=1.5s ok= ratio=0.25 trace_id=aa'
    parsed = read(line)
    assert (time_of(line), parsed.level, parsed.message) == ("2026-11-22T10:51:07Z", "error", 'a "b"\nc')
    assert parsed.attrs == {"status": 502, "took": "1.5s", "ok": "", "ratio": 0.25}
    assert parsed.trace_id == "aa"


def test_a_number_that_would_lose_a_digit_stays_text() -> None:
    parsed = read("msg=hi a=007 b=1.10 c=1e3 d=-5 e=12345678901234567890 f=0x1f g=-")
    assert parsed.attrs == {
        "a": "007",
        "b": "1.10",
        "c": "1e3",
        "d": -5,
        "e": "12345678901234567890",
        "f": "0x1f",
        "g": "-",
    }


def test_pairs_without_a_message_keep_the_line() -> None:
    line = "at=info method=GET path=/ status=200"
    parsed = read(line)
    assert parsed.message == line
    assert parsed.attrs == {"at": "info", "method": "GET", "path": "/", "status": 200}


@pytest.mark.parametrize(
    "line",
    [
        "level=error msg=not quoted words",
        "level=error msg=a msg=b",
        'level=error msg="no end',
        'level=error msg="end"tail',
        "PATH=/usr/bin",
        "level=error " + " ".join(f"k{number}=v" for number in range(1000)),
    ],
    ids=lambda line: line[:30],
)
def test_a_line_that_is_more_than_pairs_stays_whole(line: str) -> None:
    parsed = read(line)
    assert (parsed.message, parsed.attrs) == (line, {})


@pytest.mark.parametrize(
    "number", ["1.10", "-0", "1e3", "-inf", "nan", "28446744073709551615", "0.1000000000000000055"]
)
def test_a_number_keeps_its_digits(number: str) -> None:
    assert read(f"msg=hi a={number}").attrs == {"a": number}


@pytest.mark.parametrize(
    ("written", "level"), [("eror", "error"), ("dbug", "debug"), ("crit", "fatal"), ("Sev1", "Sev1")]
)
def test_levels_of_four_letters_and_of_the_programs_own(written: str, level: str) -> None:
    assert read(f't=2026-11-22T10:51:07Z lvl={written} msg="Request error"').level == level
