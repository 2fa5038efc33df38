"""The rules of exactly once, as stories about a topic and a store."""

from collections.abc import Sequence

import msgspec

from logpost.record import Record, Src
from logpost_web.indexer.lines import Lines, line_of
from logpost_web.indexer.planner import MAX_STREAMS, Piece, Plan, Planner
from logpost_web.indexer.row import Position, to_row
from logpost_web.store.intervals import IntervalSet
from logpost_web.store.row import Row

KEY = ("logs", 0)


def row(offset: int, src: Src | None = None, message: str = "a line") -> Row:
    record = Record(ts="2026-11-22T10:51:07Z", message=message, src=src)
    return to_row(msgspec.json.encode(record), Position(*KEY, "id", offset, 0), 0)


def src(start: int, end: int, stream: str = "s") -> Src:
    return Src(id=stream, start=start, end=end)


def planner(stored: IntervalSet | None = None, ranges: dict[str, IntervalSet] | None = None) -> Planner:
    made = Planner()
    made.learn_partition(KEY, 0, stored or IntervalSet())
    made.learn_streams({"s": IntervalSet(), **(ranges or {})})
    return made


def settled(plan: Plan, stored: Sequence[Row] = ()) -> Plan:
    """`stored`: rows that are in the store or in the block."""
    known = Lines(plan.places())
    for one in stored:
        known.add(line_of(one))
    plan.settle(known)
    return plan


def offsets(plan: Plan) -> list[int]:
    return [row.offset for row in plan.rows]


def test_an_offset_that_the_store_has_is_skipped() -> None:
    plan = planner(stored=IntervalSet([(0, 2), (3, 4)])).plan([row(0), row(1), row(2), row(3), row(4)])
    assert (offsets(plan), len(plan.known)) == ([2, 4], 3)


def test_lines_that_the_store_has_are_skipped() -> None:
    sent = [row(7, src(0, 10)), row(8, src(10, 20))]
    plan = planner(ranges={"s": IntervalSet([(0, 20)])}).plan(sent)
    assert plan.places() == {("s", 10), ("s", 20)}
    assert (offsets(settled(plan, sent)), plan.known_ranges, plan.conflicts) == ([], 2, [])


def test_other_lines_at_bytes_that_the_store_has_are_another_life() -> None:
    plan = planner(ranges={"s": IntervalSet([(0, 20)])}).plan([row(7, src(0, 10)), row(8, src(10, 20), "another")])
    settled(plan, [row(1, src(0, 10)), row(2, src(10, 20))])
    assert (offsets(plan), plan.known_ranges) == ([8], 1)
    assert [one.offset for one in plan.conflicts] == [8]


def test_a_line_sent_twice_within_a_block_is_one_row() -> None:
    plan = planner().plan([row(0, src(0, 10)), row(1, src(10, 20)), row(2, src(0, 10)), row(3, src(10, 20))])
    assert (offsets(settled(plan)), plan.known_ranges) == ([0, 1], 2)


def test_two_lives_within_a_block_are_each_there_once() -> None:
    a, b = src(0, 10), src(10, 20)
    sent = [row(0, a), row(1, b), row(2, a, "x"), row(3, b, "y"), row(4, a), row(5, a, "x"), row(6, b, "y"), row(7, b)]
    plan = settled(planner().plan(sent))
    assert (offsets(plan), plan.known_ranges) == ([0, 1, 2, 3], 4)


def test_where_nothing_is_known_there_is_nothing_to_settle() -> None:
    plan = planner().plan([row(0, src(0, 10)), row(1, src(10, 20)), row(2, src(40, 50))])
    assert (plan.suspects, plan.places()) == ([], set())


def test_late_bytes_are_not_double() -> None:
    plan = planner().plan([row(0, src(10, 20)), row(1, src(0, 10))])
    assert offsets(plan) == [0, 1]


def test_a_record_that_is_new_in_part_is_kept_and_counted() -> None:
    plan = planner(ranges={"s": IntervalSet([(0, 10)])}).plan([row(0, src(5, 15))])
    assert (offsets(settled(plan)), len(plan.conflicts)) == ([0], 1)


def test_the_same_bytes_of_another_stream_are_other_bytes() -> None:
    plan = planner(ranges={"t": IntervalSet()}).plan([row(0, src(0, 10)), row(1, src(0, 10, "t"))])
    assert offsets(plan) == [0, 1]


def test_records_without_a_stream_are_told_apart_by_offset_alone() -> None:
    assert offsets(planner().plan([row(0), row(1)])) == [0, 1]


def test_streams_are_asked_for_once() -> None:
    fresh = Planner()
    fresh.learn_partition(KEY, 0, IntervalSet())
    rows = [row(0, src(0, 1)), row(1, src(0, 1, "t")), row(2)]
    assert fresh.unknown_streams(row.stream_id for row in rows) == {"s", "t"}
    fresh.learn_streams({"s": IntervalSet(), "t": IntervalSet()})
    assert fresh.unknown_streams(row.stream_id for row in rows) == set()


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
    assert known.unknown_streams(["s"]) == {"s"}


def test_memory_is_bounded_and_what_is_forgotten_is_asked_for_again() -> None:
    known = planner()
    known.learn_streams({f"stream-{number}": IntervalSet() for number in range(MAX_STREAMS)})
    known.trim()
    assert known.unknown_streams(["s"]) == {"s"}
    assert known.unknown_streams([f"stream-{MAX_STREAMS - 1}"]) == set()


def test_what_is_new_as_a_whole_has_nothing_twice() -> None:
    known = planner()
    known.plan([row(0, src(0, 10))])
    assert known.is_new(KEY, 1, 3, [Piece("s", 10, 30)])
    assert known.is_new(KEY, 1, 3, [Piece("s", 20, 30), Piece("s", 10, 20)])  # late is not double
    assert not known.is_new(KEY, 1, 3, [Piece("s", 9, 30)])
    assert not known.is_new(KEY, 1, 3, [Piece("s", 10, 20), Piece("s", 19, 30)])
    known.add(KEY, 3, [Piece("s", 10, 30)])
    assert not known.is_new(KEY, 3, 4, [Piece("s", 29, 31)])
    assert not known.is_continued(KEY, 2)
    assert known.is_continued(KEY, 3)


def test_offsets_that_are_stored_are_not_new() -> None:
    known = Planner()
    known.learn_partition(KEY, 0, IntervalSet([(5, 6)]))
    assert [known.is_new(KEY, *span, []) for span in ((0, 5), (6, 9), (0, 6), (5, 6), (4, 9))] == [
        *(True, True, False, False, False)
    ]
