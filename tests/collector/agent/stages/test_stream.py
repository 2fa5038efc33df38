"""Lines to records."""

from __future__ import annotations

import datetime

import pytest

from logpost.agent.delivery.acks import Acks
from logpost.agent.delivery.records import Origin, RecordWriter
from logpost.agent.metrics.counts import Counts
from logpost.agent.stages.event import Event, Mark, Stage
from logpost.agent.stages.limit import Limit
from logpost.agent.stages.parse import Parse
from logpost.agent.stages.stream import Stream
from logpost.formats import LineParser, Parsed
from logpost.record import Record
from tests.collector.agent.harness import Topic, range_of

NOW_NS = 1_795_000_000_000_000_001


def shipped(*lines: Event, fixed_service: bool = False) -> list[Record]:
    topic = Topic()
    origin = Origin(stream="s", host="web-1", service="app", fixed_service=fixed_service, file="/app.log")
    stream = Stream(
        RecordWriter(origin),
        acks=Acks(0),
        stages=[Parse(LineParser(datetime.UTC), Counts())],
        sink=topic,
    )
    stream.ship(lines, NOW_NS)
    return topic.records


def test_a_line_without_time_has_the_time_it_was_read() -> None:
    [record] = shipped(Event(6, "hello"))
    assert (record.ts, record.message, record.level) == ("2026-11-18T11:06:40.000000001Z", "hello", "")


def test_a_line_names_its_service_unless_the_source_does() -> None:
    line = Event(80, '{"message":"x","service":"shop","host":"web-2"}')
    [record] = shipped(line)
    assert (record.service, record.host, record.attrs["host"]) == ("shop", "web-1", "web-2")
    [record] = shipped(line, fixed_service=True)
    assert record.service == "app"


def test_the_program_and_host_of_a_shared_log_are_attributes() -> None:
    [record] = shipped(Event(80, "Nov 22 10:51:07 web-2 sshd[42]: Failed password"))
    assert (record.service, record.attrs) == ("app", {"program": "sshd", "host": "web-2"})


def test_pieces_of_a_line_share_its_time_and_level() -> None:
    first, second, third, after = shipped(
        Event(40, "2026-11-22T10:51:07Z ERROR begin", Mark.TRUNCATED),
        Event(50, "middle", Mark.TRUNCATED | Mark.CONTINUED),
        Event(60, "end", Mark.CONTINUED),
        Event(70, "of a line cut at rest", Mark.CONTINUED),
    )
    assert {first.ts, second.ts, third.ts} == {"2026-11-22T10:51:07.000000000Z"}
    assert {first.level, second.level, third.level} == {"error"}
    assert (third.attrs, after.level) == ({"continued": True}, "")


def test_the_rest_of_a_line_has_nothing_of_a_line_before_it() -> None:
    _, after = shipped(
        Event(40, "2026-11-22T10:51:07Z ERROR \ufffd", Mark.INVALID_UTF8),
        Event(50, "of a line cut at rest", Mark.CONTINUED),
    )
    assert (after.ts, after.level) == ("2026-11-18T11:06:40.000000001Z", "")


class Odd:
    """A stage that lets odd lengths through, louder."""

    def apply(self, event: Event, now_ns: int) -> Event | None:
        if len(event.text) % 2 == 0:
            return None
        event.text = event.text.upper()
        return event


def of_stages(*stages: Stage) -> tuple[Stream, Topic]:
    topic = Topic()
    origin = Origin(stream="s", host="h", service="app", fixed_service=False, file="f")
    return Stream(RecordWriter(origin), acks=Acks(0), stages=stages, sink=topic), topic


def test_each_stage_has_what_the_one_before_it_let_through() -> None:
    stream, topic = of_stages(Odd(), Parse(LineParser(datetime.UTC), Counts()))
    stream.ship([Event(3, "ab"), Event(14, "error: abc"), Event(25, "error: abcd")], NOW_NS)
    [record] = topic.records
    assert (record.message, record.level) == ("ERROR: ABCD", "error")
    assert (range_of(record).start, range_of(record).end) == (0, 25), "what was dropped counts to the next"


def test_an_event_that_no_stage_parses_is_its_text() -> None:
    stream, topic = of_stages()
    stream.ship([Event(6, "error")], NOW_NS)
    assert [(record.message, record.level) for record in topic.records] == [("error", "")]


def test_what_the_limit_dropped_is_told_before_the_next_line_or_when_it_is_asked() -> None:
    stream, topic = of_stages(Limit(1, NOW_NS, Counts()))
    stream.ship([Event(2, "a"), Event(4, "b"), Event(6, "c")], NOW_NS)
    assert (len(topic.records), stream.has_drops) == (1, True)
    stream.ship([Event(8, "d"), Event(10, "e")], NOW_NS + 1_000_000_000)
    stream.ship_drops(NOW_NS)
    stream.ship_drops(NOW_NS)
    assert [(record.message[:15], range_of(record).start, range_of(record).end) for record in topic.records] == [
        ("a", 0, 2),
        ("2 lines dropped", 2, 6),
        ("d", 6, 8),
        ("1 lines dropped", 8, 10),
    ]


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
    [record] = shipped(Event(len(text) + 1, text))
    assert record.message
    assert record.src is not None and record.src.end == len(text) + 1


def test_attributes_that_json_cannot_hold_are_left_out() -> None:
    origin = Origin(stream="s", host="h", service="app", fixed_service=False, file="f")
    parsed = Parsed("kept \ud800", attrs={"n": 2**200})
    assert b'"message":"kept ?"' in RecordWriter(origin).encode(parsed, 0, 1, NOW_NS)
