"""The parser takes any text: nothing raises, nothing takes long, nothing is lost, and no line depends on another."""

from __future__ import annotations

import datetime
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpost.formats import LineParser, Parsed
from logpost.formats.line_parser import FORMATS
from logpost.formats.times import Times
from logpost.record import LEVELS, format_ts
from tests.collector.formats.lines import NOW_NS, PLAIN, STRUCTURED, UNREADABLE, read

SAMPLES = tuple(line for line, _, _ in PLAIN) + STRUCTURED
MIB = 1024 * 1024


def check(line: str, parsed: Parsed) -> None:
    assert parsed.level in ("", *LEVELS)
    assert parsed.ts_ns is None or format_ts(parsed.ts_ns)
    assert parsed.message == line or parsed.attrs or line[:1] in "{\x1b\ufeff" or "=" in line


@given(st.text())
def test_any_text_is_read(line: str) -> None:
    check(line, read(line))


@given(st.text(alphabet='0123456789 -:./,TZ+[]<>{}"=aIEWNov\x1b', max_size=60))
def test_any_text_of_the_signs_of_times_is_read(line: str) -> None:
    check(line, read(line))


@given(line=st.sampled_from(SAMPLES), seed=st.randoms(use_true_random=False))
def test_a_damaged_line_is_read(line: str, seed: random.Random) -> None:
    damaged = list(line)
    for _ in range(seed.randint(1, 6)):
        position = seed.randrange(len(damaged))
        damaged[position : position + seed.randint(0, 3)] = seed.choices('0123456789 -:./[]{}"=aZ\x00\ud800é٣', k=2)
    check("".join(damaged), read("".join(damaged)))


def test_a_line_reads_the_same_whatever_its_stream_had_before() -> None:
    alone = {line: read(line) for line in SAMPLES + UNREADABLE}
    for before in SAMPLES:
        for line, expected in alone.items():
            parser = LineParser(datetime.UTC)
            parser.parse(before, NOW_NS)
            assert parser.parse(line, NOW_NS) == expected, f"{line!r} after {before!r}"


def test_each_format_is_listed_with_every_character_that_its_samples_open_with() -> None:
    for line in SAMPLES:
        fitting = [opens for read_line, opens in FORMATS if read_line(line, Times(datetime.UTC), NOW_NS)]
        assert fitting
        assert all(line[0] in opens for opens in fitting), line


def test_attributes_of_two_lines_are_not_shared() -> None:
    parser = LineParser(datetime.UTC)
    parser.parse(SAMPLES[0], NOW_NS).attrs["a"] = 1
    assert parser.parse(SAMPLES[0], NOW_NS).attrs == {}


class NoZone(datetime.tzinfo):
    """What fails in a way that no format expects."""

    def utcoffset(self, _: datetime.datetime | None) -> datetime.timedelta:
        raise TypeError

    dst = utcoffset

    def tzname(self, _: datetime.datetime | None) -> str:
        raise TypeError


def test_a_line_that_a_format_fails_on_keeps_its_text() -> None:
    line = "\x1b[31m2026-11-22 10:51:07 ERROR boom"
    parsed = LineParser(NoZone()).parse(line, NOW_NS)
    assert (parsed.message, parsed.ts_ns, parsed.attrs) == (line, None, {"not_parsed": "TypeError"})


HOSTILE = (
    "a", "1", "[", "]", " ", "-", ":", ".", "=", '"', "{", "\\", "a.", "a-", "a:", "a@", "1 ", "a=", 'a="', 'a="\\',
    "[a ", '{"a":', "[[", "<1>", "\x1b[", "\x1b[1", "\ufeff", "Nov 22 10:51:07 ", "2026-11-22 10:51:07 ",
)  # fmt: skip
OPENINGS = (
    "", "2026-11-22 10:51:07", "Nov 22 10:51:07 ", "<13>", "1 - ", "[Sun Dec 04 04:47:44 2005] [", "10:51:07 ",
    '::1 - - [22/Nov/2026:10:51:07 +0000] "', "::1 - ", "- 1117838570 2005.06.03 R02 ", "I1122 10:51:07.1 1 ", "a=1 ",
)  # fmt: skip


@pytest.mark.parametrize("opening", OPENINGS)
def test_a_line_of_a_mebibyte_costs_no_more_than_its_length(opening: str) -> None:
    """A regular expression that backtracks takes minutes or years for one of these; all together take a second."""
    start = time.process_time()
    for piece in HOSTILE:
        line = opening + piece * (MIB // len(piece))
        check(line, read(line))
    assert time.process_time() - start < 10
