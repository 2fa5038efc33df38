"""Lines to records."""

from __future__ import annotations

import datetime

import pytest

from logpost.agent.delivery.acks import Acks
from logpost.agent.delivery.records import Origin, RecordWriter
from logpost.agent.metrics.counts import Counts
from logpost.agent.stages.event import Line, Mark
from logpost.agent.stages.stream import Stream
from logpost.formats import LineParser, Parsed
from logpost.record import Record
from tests.collector.agent.harness import Topic

NOW_NS = 1_795_000_000_000_000_001


def shipped(*lines: Line, fixed_service: bool = False) -> list[Record]:
    topic = Topic()
    origin = Origin(stream="s", host="web-1", service="app", fixed_service=fixed_service, file="/app.log")
    stream = Stream(
        RecordWriter(origin),
        acks=Acks(0),
        parser=LineParser(datetime.UTC),
        limit=None,
        sink=topic,
        counts=Counts(),
    )
    stream.ship(lines, NOW_NS)
    return topic.records


def test_a_line_without_time_has_the_time_it_was_read() -> None:
    [record] = shipped(Line(0, 6, "hello"))
    assert (record.ts, record.message, record.level) == ("2026-11-18T11:06:40.000000001Z", "hello", "")


def test_a_line_names_its_service_unless_the_source_does() -> None:
    line = Line(0, 80, '{"message":"x","service":"shop","host":"web-2"}')
    [record] = shipped(line)
    assert (record.service, record.host, record.attrs["host"]) == ("shop", "web-1", "web-2")
    [record] = shipped(line, fixed_service=True)
    assert record.service == "app"


def test_the_program_and_host_of_a_shared_log_are_attributes() -> None:
    [record] = shipped(Line(0, 80, "Nov 22 10:51:07 web-2 sshd[42]: Failed password"))
    assert (record.service, record.attrs) == ("app", {"program": "sshd", "host": "web-2"})


def test_pieces_of_a_line_share_its_time_and_level() -> None:
    first, second, third, after = shipped(
        Line(0, 40, "2026-11-22T10:51:07Z ERROR begin", Mark.TRUNCATED),
        Line(40, 50, "middle", Mark.TRUNCATED | Mark.CONTINUED),
        Line(50, 60, "end", Mark.CONTINUED),
        Line(60, 70, "of a line cut at rest", Mark.CONTINUED),
    )
    assert {first.ts, second.ts, third.ts} == {"2026-11-22T10:51:07.000000000Z"}
    assert {first.level, second.level, third.level} == {"error"}
    assert (third.attrs, after.level) == ({"continued": True}, "")


@pytest.mark.parametrize(
    "text",
    [
        '{"message":"\\ud800 half a pair"}',
        '{"message":"big","n":' + "9" * 400 + "}",
        '{"message":"deep","a":' + "[" * 3000 + "]" * 3000 + "}",
        '{"message":"not a number","a":NaN}',
        '{"message":5,"level":[],"ts":{}}',
        "\x00\x01\x1b[31mred\x1b[0m",
        "99999-99-99T99:99:99Z ERROR no such time",
    ],
)
def test_a_hostile_line_is_shipped(text: str) -> None:
    [record] = shipped(Line(0, len(text) + 1, text))
    assert record.message
    assert record.src is not None and record.src.end == len(text) + 1


def test_attributes_that_json_cannot_hold_are_left_out() -> None:
    origin = Origin(stream="s", host="h", service="app", fixed_service=False, file="f")
    parsed = Parsed("kept \ud800", attrs={"n": 2**200})
    assert b'"message":"kept ?"' in RecordWriter(origin).encode(parsed, 0, 1, NOW_NS)
