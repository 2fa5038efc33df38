"""The real lines of 16 systems (loghub): each has a time, and those whose layout has a level have one."""

from __future__ import annotations

import datetime
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from logpost.formats import LineParser, Parsed
from logpost.record import format_ts
from tests.collector.formats.lines import NOW_NS

# The lines are not ours to publish: they lie beside the checkout.
LOGHUB = Path(__file__).parents[3].parent / "shared" / "loghub"
pytestmark = pytest.mark.skipif(not LOGHUB.is_dir(), reason="needs the loghub samples in ../shared/loghub")

LEVELS = {
    "Android": {"trace": 257, "debug": 650, "info": 920, "warn": 170, "error": 3},
    "Apache": {"info": 1405, "error": 595},
    "BGL": {"info": 1597, "warn": 8, "error": 48, "fatal": 347},
    "HDFS": {"info": 1920, "warn": 80},
    "HPC": {"": 2000},
    "Hadoop": {"info": 1040, "warn": 808, "error": 150, "fatal": 2},
    "HealthApp": {"": 2000},
    "Linux": {"": 2000},
    "Mac": {"": 2000},
    "OpenSSH": {"": 2000},
    "OpenStack": {"info": 1969, "warn": 31},
    "Proxifier": {"": 2000},
    "Spark": {"info": 2000},
    "Thunderbird": {"": 2000},
    "Windows": {"info": 2000},
    "Zookeeper": {"info": 669, "warn": 1318, "error": 13},
}
"""Lines per level, counted in the files with awk."""

FIRST_AND_LAST = {
    "Android": ("2026-03-17T16:13:38.811", "2026-03-17T16:16:09.141"),
    "Apache": ("2005-12-04T04:47:44", "2005-12-05T19:15:57"),
    "BGL": ("2005-06-03T22:42:50.675872", "2006-01-03T15:13:09.127918"),
    "HDFS": ("2008-11-09T20:36:15", "2008-11-11T10:20:17"),
    "HPC": ("2004-02-26T14:12:22", "2005-12-15T18:25:39"),
    "Hadoop": ("2015-10-18T18:01:47.978", "2015-10-18T18:10:55.202"),
    "HealthApp": ("2017-12-23T22:15:29.606", "2017-12-24T01:02:35.789"),
    "Linux": ("2026-06-14T15:16:01", "2026-07-27T14:42:00"),
    "Mac": ("2026-07-01T09:00:55", "2026-07-08T08:10:46"),
    "OpenSSH": ("2025-12-10T06:55:46", "2025-12-10T11:04:45"),
    "OpenStack": ("2017-05-16T00:00:00.008", "2017-05-16T00:14:47.687"),
    "Proxifier": ("2026-10-30T16:49:06", "2026-07-27T10:23:42"),
    "Spark": ("2017-06-09T20:10:40", "2017-06-09T20:11:11"),
    "Thunderbird": ("2005-11-09T20:01:01", "2005-11-09T20:15:32"),
    "Windows": ("2016-09-28T04:30:30", "2016-09-29T02:04:40"),
    "Zookeeper": ("2015-07-29T17:41:44.747", "2015-08-10T18:12:34.004"),
}
"""Time in UTC, with UTC as the zone of the files, read off the first and last lines."""


def lines_of(system: str) -> list[str]:
    text = (LOGHUB / f"{system}.log").read_bytes().decode()
    return [line.rstrip("\r") for line in text.removesuffix("\n").split("\n")]


def parse_all(system: str, zone: datetime.tzinfo = datetime.UTC) -> list[Parsed]:
    parser = LineParser(zone)
    return [parser.parse(line, NOW_NS) for line in lines_of(system)]


@pytest.mark.parametrize("system", LEVELS)
def test_every_line_has_its_time_its_level_and_its_text(system: str) -> None:
    read = parse_all(system)
    assert len(read) == 2000
    assert sum(parsed.ts_ns is None for parsed in read) == 0
    assert Counter(parsed.level for parsed in read) == LEVELS[system]
    assert [parsed.message for parsed in read] == lines_of(system)


@pytest.mark.parametrize("system", FIRST_AND_LAST)
def test_the_first_and_the_last_line_have_the_time_they_say(system: str) -> None:
    read = parse_all(system)
    times = tuple(format_ts(parsed.ts_ns or 0) for parsed in (read[0], read[-1]))
    assert times == tuple(f"{time:0<29}Z" if "." in time else f"{time}.000000000Z" for time in FIRST_AND_LAST[system])


def test_lines_without_a_year_lie_in_the_year_before_now() -> None:
    year_ns = 366 * 24 * 3600 * 10**9
    for system in ("Android", "Linux", "Mac", "OpenSSH", "Proxifier"):
        assert all(NOW_NS - year_ns < (parsed.ts_ns or 0) <= NOW_NS for parsed in parse_all(system)), system


def test_blue_gene_writes_its_local_time_too() -> None:
    zone = ZoneInfo("America/Los_Angeles")
    for line, parsed in zip(lines_of("BGL"), parse_all("BGL"), strict=True):
        local = datetime.datetime.strptime(line.split()[4], "%Y-%m-%d-%H.%M.%S.%f").replace(tzinfo=zone)
        assert parsed.ts_ns == int(local.timestamp()) * 10**9 + local.microsecond * 1000


def test_thunderbird_writes_its_local_time_too() -> None:
    zone = ZoneInfo("America/Los_Angeles")
    for line, parsed in zip(lines_of("Thunderbird"), parse_all("Thunderbird"), strict=True):
        year, text = line.split()[2][:4], " ".join(line.split()[4:7])
        local = datetime.datetime.strptime(f"{year} {text}", "%Y %b %d %H:%M:%S").replace(tzinfo=zone)
        assert parsed.ts_ns == int(local.timestamp()) * 10**9


def test_syslog_of_linux_names_the_host_and_the_program() -> None:
    read = parse_all("Linux")
    assert {parsed.host for parsed in read} == {"combo"}
    assert Counter(parsed.program for parsed in read).most_common(2) == [("ftpd", 916), ("sshd", 677)]
    assert {(parsed.host, parsed.program) for parsed in parse_all("OpenSSH")} == {("LabSZ", "sshd")}


def test_sixteen_systems_in_one_stream_read_as_they_do_alone() -> None:
    parser = LineParser(datetime.UTC)
    alone = {system: parse_all(system)[:200] for system in LEVELS}
    texts = {system: lines_of(system)[:200] for system in LEVELS}
    for number in range(200):
        for system in LEVELS:
            assert parser.parse(texts[system][number], NOW_NS) == alone[system][number]
