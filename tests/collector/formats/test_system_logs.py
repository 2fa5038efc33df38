"""Lines of 16 systems: each has its time, and its level where the layout has one."""

from __future__ import annotations

import datetime

import pytest

from logpost.formats import LineParser, Parsed
from tests.collector.formats.lines import NOW_NS
from tests.support.system_logs import HOST, LINES, SYSTEMS, Line, lines_of

FIRST = datetime.datetime(2026, 2, 27, 21, 30, tzinfo=datetime.UTC)
"""Over the end of a month, in the year before NOW_NS."""


def parse_all(lines: list[Line]) -> list[Parsed]:
    parser = LineParser(datetime.UTC)
    return [parser.parse(line.text, NOW_NS) for line in lines]


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_line_has_its_time_its_level_and_its_text(name: str) -> None:
    lines = lines_of(name, FIRST)
    read = parse_all(lines)
    assert [parsed.ts_ns for parsed in read] == [line.time_ns for line in lines]
    assert [parsed.level for parsed in read] == [line.level for line in lines]
    assert [parsed.message for parsed in read] == [line.text for line in lines]


@pytest.mark.parametrize("name", [name for name, system in SYSTEMS.items() if system.names_program])
def test_syslog_names_the_host_and_the_program(name: str) -> None:
    lines = lines_of(name, FIRST)
    assert [(parsed.host, parsed.program) for parsed in parse_all(lines)] == [(HOST, line.program) for line in lines]


@pytest.mark.parametrize("name", [name for name, system in SYSTEMS.items() if not system.has_year])
def test_lines_without_a_year_lie_in_the_year_before_now(name: str) -> None:
    later = datetime.datetime(2025, 12, 31, 20, 0, tzinfo=datetime.UTC)
    lines = lines_of(name, later)
    assert [parsed.ts_ns for parsed in parse_all(lines)] == [line.time_ns for line in lines]


def test_sixteen_systems_in_one_stream_read_as_they_do_alone() -> None:
    parser = LineParser(datetime.UTC)
    lines = {name: lines_of(name, FIRST) for name in SYSTEMS}
    alone = {name: parse_all(lines[name]) for name in SYSTEMS}
    for number in range(LINES):
        for name in SYSTEMS:
            assert parser.parse(lines[name][number].text, NOW_NS) == alone[name][number]
