"""When a row arrived, whichever time its producer says, and where it goes."""

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from logpost.record import Record
from logpost_web.indexer.limits import DEFAULT_LIMITS
from logpost_web.indexer.placing import AHEAD_MS, Placing
from logpost_web.indexer.received import Stretch
from logpost_web.indexer.row import Position, to_row
from logpost_web.indexer.run import read_run
from logpost_web.retention.rules import Rule, Rules
from logpost_web.retention.units import DAY_MS, HOUR_MS, Unit, number_in_store
from logpost_web.store.row import Row

KEY = ("logs", 0)
NOW_MS = 20_000 * DAY_MS + HOUR_MS // 2
RULES = Rules([Rule("status:>=500", 90 * DAY_MS), Rule("level:debug", 3 * DAY_MS)], 14 * DAY_MS)


def placing(rules: Rules = RULES) -> Placing:
    made = Placing(rules, 10**9)
    made.tell(now_ms=NOW_MS, latest_ms=NOW_MS)
    return made


def placed(by: Placing, arrived_ms: int, **fields: object) -> Row:
    record = json.dumps({"ts": "2026-11-22T10:51:07Z", "message": "m", **fields}).encode()
    row = to_row(record, Position(*KEY, "T", 0, arrived_ms * 1_000_000), 0)
    by.place(row, KEY, arrived_ms * 1_000_000, len(record))
    return row


def test_a_row_arrived_after_those_before_it_and_not_in_the_future() -> None:
    """Producers may give a record the time of its event, or that of a wrong clock."""
    by = placing()
    times = [NOW_MS - HOUR_MS, NOW_MS - 400 * DAY_MS, -5, NOW_MS - HOUR_MS + 7000, NOW_MS + 40 * DAY_MS, NOW_MS - 1]
    arrived = [placed(by, at).arrived_at * 1000 - NOW_MS for at in times]
    assert arrived == [-HOUR_MS, -HOUR_MS, -HOUR_MS, -HOUR_MS + 7000, 0, 0]
    assert not by.has_past


def test_without_what_came_before_the_oldest_is_past_its_time() -> None:
    by = placing()
    assert by.is_past(placed(by, NOW_MS - 400 * DAY_MS))
    assert by.has_past
    by.learn(KEY, NOW_MS - DAY_MS)
    assert not by.is_past(placed(by, NOW_MS - 400 * DAY_MS))


def test_a_row_goes_to_the_class_of_its_rule_and_a_unit_of_its_time() -> None:
    by = placing()
    rows = [
        placed(by, NOW_MS, level="debug", attrs={"status": 502}),
        placed(by, NOW_MS, level="debug", attrs={"status": 200}),
        placed(by, NOW_MS, level="info"),
    ]
    assert tuple(row.retention_class for row in rows) == RULES.classes
    units = [Unit.numbered(number_in_store(row.retention_unit, row.arrived_at * 1000)) for row in rows]
    first = NOW_MS // HOUR_MS
    assert [(unit.first, unit.hours) for unit in units] == [
        (first - first % 24, 24),
        (first, 1),
        (first - first % 24, 24),
    ]


def test_new_rules_hold_from_the_next_row_on() -> None:
    by = placing(Rules([], 14 * DAY_MS))
    before = placed(by, NOW_MS, level="debug")
    by.hold(RULES)
    after = placed(by, NOW_MS, level="debug")
    assert (before.retention_class, after.retention_class) == (0, RULES.classes[1])
    assert not by.is_past(before)


def test_attributes_that_are_no_object_match_no_rule_about_them() -> None:
    by = placing()
    assert placed(by, NOW_MS, attrs=[1]).retention_class == RULES.classes[2]


def test_while_the_time_is_not_known_nothing_is_past() -> None:
    by = Placing(RULES, 10**9)
    placed(by, NOW_MS - 4000 * DAY_MS)
    assert not by.has_past


def test_a_record_of_the_future_does_not_take_those_behind_it_along() -> None:
    """One came before the time was known."""
    by = Placing(RULES, 10**9)
    assert placed(by, NOW_MS + 9000 * DAY_MS).arrived_at * 1000 == NOW_MS + 9000 * DAY_MS
    by.tell(latest_ms=NOW_MS)
    assert placed(by, NOW_MS).arrived_at * 1000 <= NOW_MS + AHEAD_MS
    by.learn(KEY, NOW_MS + 9000 * DAY_MS)
    assert placed(by, NOW_MS - 5).arrived_at * 1000 <= NOW_MS + AHEAD_MS


def test_what_comes_while_the_clock_is_back_in_1970_is_not_of_1970() -> None:
    """The time was known before, and the new partition has no row that would tell it."""
    by = Placing(RULES, 10**9)
    by.tell(now_ms=1000, latest_ms=NOW_MS)
    assert placed(by, NOW_MS).arrived_at * 1000 == NOW_MS
    assert not by.has_past


def test_only_what_went_for_room_is_below_the_floor() -> None:
    by = placing(Rules([], 14 * DAY_MS))
    rows = [placed(by, NOW_MS - HOUR_MS, level="info") for _ in range(3)]
    for offset, row in enumerate(rows):
        row.offset = offset
    by.raise_floors(NOW_MS, {(0, "logs", "T", 0): 1, (0, "logs", "T", 1): 9, (5, "logs", "T", 0): 9})
    assert [by.is_below_floor(row) for row in rows] == [True, True, False]
    placed(by, NOW_MS - 1)
    assert by.has_past


LEVELS = st.sampled_from(["", "debug", "info"])
ARRIVALS = st.sampled_from([0, 1, 999, 1000, -1, -1000, HOUR_MS // 2, -HOUR_MS, -2 * DAY_MS, -4 * DAY_MS, 2 * HOUR_MS])


@given(
    st.sampled_from([RULES, Rules([], 14 * DAY_MS), Rules([Rule("level:debug", 3 * DAY_MS)], 14 * DAY_MS)]),
    st.lists(st.tuples(ARRIVALS, LEVELS, st.integers(498, 502)), min_size=1, max_size=6),
    st.sampled_from([0, NOW_MS - HOUR_MS, NOW_MS + DAY_MS]),
    st.integers(300, 2000),
)
def test_rows_that_are_placed_together_lie_where_each_would(
    rules: Rules, records: list[tuple[int, str, int]], newest_ms: int, piece_bytes: int
) -> None:
    values: list[bytes | None] = [
        msgspec.json.encode(Record(ts="2026-11-22T10:51:07Z", message="m", level=level, attrs={"status": status}))
        for _, level, status in records
    ]
    times = [NOW_MS + after for after, _, _ in records]
    together, each = Placing(rules, piece_bytes), Placing(rules, piece_bytes)
    for by in (together, each):
        by.tell(now_ms=NOW_MS, latest_ms=NOW_MS)
        by.learn(KEY, newest_ms)
    run = read_run(Stretch(KEY, list(range(len(times))), times, values), DEFAULT_LIMITS, 0)
    assert run is not None
    run.topic_id = "T"
    parts = together.place_run(run)
    rows = []
    for offset, (value, ms) in enumerate(zip(values, times, strict=True)):
        rows.append(to_row(value, Position(*KEY, "T", offset, ms * 1_000_000), 0))
        each.place(rows[-1], KEY, ms * 1_000_000, len(value or b""))
    if parts:
        assert sorted((row for part in parts for row in part.rows()), key=lambda row: row.offset) == rows
        assert not each.has_past
        assert placed(together, NOW_MS + HOUR_MS) == placed(each, NOW_MS + HOUR_MS)
