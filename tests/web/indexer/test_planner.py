"""The rules of exactly once, as stories about a topic and a store."""

import msgspec

from logpost.record import Record, Src
from logpost_web.indexer.intervals import IntervalSet
from logpost_web.indexer.planner import MAX_STREAMS, Plan, Planner
from logpost_web.indexer.row import Position, Row, to_row

KEY = ("logs", 0)


def row(offset: int, src: Src | None = None) -> Row:
    record = Record(ts="2026-11-22T10:51:07Z", message=f"line {offset}", src=src)
    return to_row(msgspec.json.encode(record), Position(*KEY, "id", offset, 0), 0)


def src(start: int, end: int, stream: str = "s") -> Src:
    return Src(id=stream, start=start, end=end)


def planner(stored: IntervalSet | None = None, ranges: dict[str, IntervalSet] | None = None) -> Planner:
    made = Planner()
    made.learn_partition(KEY, 0, stored or IntervalSet())
    made.learn_streams({"s": IntervalSet(), **(ranges or {})})
    return made


def offsets(plan: Plan) -> list[int]:
    return [row.Offset for row in plan.rows]


def test_an_offset_that_the_store_has_is_skipped() -> None:
    plan = planner(stored=IntervalSet([(0, 2), (3, 4)])).plan([row(0), row(1), row(2), row(3), row(4)])
    assert (offsets(plan), plan.known_offsets) == ([2, 4], 3)


def test_bytes_that_the_store_has_are_skipped() -> None:
    plan = planner(ranges={"s": IntervalSet([(0, 20)])}).plan([row(7, src(0, 10)), row(8, src(10, 20))])
    assert (offsets(plan), plan.known_ranges) == ([], 2)


def test_a_line_sent_twice_within_a_block_is_one_row() -> None:
    plan = planner().plan([row(0, src(0, 10)), row(1, src(10, 20)), row(2, src(0, 10)), row(3, src(10, 20))])
    assert (offsets(plan), plan.known_ranges) == ([0, 1], 2)


def test_late_bytes_are_not_double() -> None:
    plan = planner().plan([row(0, src(10, 20)), row(1, src(0, 10))])
    assert offsets(plan) == [0, 1]


def test_a_record_that_is_new_in_part_is_kept_and_counted() -> None:
    plan = planner(ranges={"s": IntervalSet([(0, 10)])}).plan([row(0, src(5, 15))])
    assert (offsets(plan), plan.overlaps) == ([0], 1)


def test_the_same_bytes_of_another_stream_are_other_bytes() -> None:
    plan = planner(ranges={"t": IntervalSet()}).plan([row(0, src(0, 10)), row(1, src(0, 10, "t"))])
    assert offsets(plan) == [0, 1]


def test_records_without_a_stream_are_told_apart_by_offset_alone() -> None:
    assert offsets(planner().plan([row(0), row(1)])) == [0, 1]


def test_streams_are_asked_for_once() -> None:
    fresh = Planner()
    fresh.learn_partition(KEY, 0, IntervalSet())
    rows = [row(0, src(0, 1)), row(1, src(0, 1, "t")), row(2)]
    assert fresh.unknown_streams(rows) == {"s", "t"}
    fresh.learn_streams({"s": IntervalSet(), "t": IntervalSet()})
    assert fresh.unknown_streams(rows) == set()


def test_an_offset_that_goes_back_has_to_be_learned_again() -> None:
    known = planner()
    known.plan([row(0), row(1)])
    assert known.is_continued(KEY, 2)
    assert known.is_continued(KEY, 5)  # compaction and markers leave gaps
    assert not known.is_continued(KEY, 1)
    assert not known.is_continued(("logs", 1), 2)


def test_after_a_rebalance_nothing_is_known() -> None:
    known = planner()
    known.forget()
    assert not known.is_continued(KEY, 0)
    assert known.unknown_streams([row(0, src(0, 1))]) == {"s"}


def test_memory_is_bounded_and_what_is_forgotten_is_asked_for_again() -> None:
    known = planner()
    known.learn_streams({f"stream-{number}": IntervalSet() for number in range(MAX_STREAMS)})
    known.trim()
    assert known.unknown_streams([row(0, src(0, 1))]) == {"s"}
    assert known.unknown_streams([row(0, src(0, 1, f"stream-{MAX_STREAMS - 1}"))]) == set()
