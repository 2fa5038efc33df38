"""Each row goes when the rule that holds for it says, never earlier, at most an hour later; what room is lacking, the
oldest make; what a changed setting would delete waits."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from logpost.query.filters.event import Event
from logpost_web.retention.plan import (
    AGE,
    SETTING,
    SIZE,
    WAIT_MS,
    Drop,
    Limits,
    Stored,
    Used,
    days_left,
    drops,
    over,
    plan,
)
from logpost_web.retention.rules import Rule, Rules
from logpost_web.retention.units import DAY_MS, HOUR_MS, Unit, Units, number_in_store, span

START = 20_700 * DAY_MS
STEP = 20 * 60_000
ROOM = 10**15
EVENTS = [
    Event(level="debug", service="web-1", message="hello"),
    Event(level="debug", service="noisy", message="hello", attrs={"status": 200}),
    Event(level="error", service="noisy", message="boom 502", attrs={"status": 502}),
    Event(level="info", service="web-1", message="login of ada", attrs={"user": "ada"}),
    Event(level="info", service="db", message="checkpoint"),
]
QUERIES = [
    "level:debug",
    "service:noisy",
    "service:web-*",
    "status:>=500",
    "message:/log(in|out)/",
    "never",
    "NOT hello",
]


@dataclass(eq=False)
class Row:
    event: Event
    arrived_ms: int


class Box:
    """The store as far as retention sees it."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, Unit], list[Row]] = {}
        self.units = Units(1000)

    def add(self, row: Row, rules: Rules) -> None:
        rule = rules.rule_of(row.event)
        opened = self.units.open(rules.classes[rule], span(rules.keeps[rule]), row.arrived_ms, 100)
        unit = Unit.numbered(number_in_store(opened.in_row, row.arrived_ms))
        self.rows.setdefault((rules.classes[rule], unit), []).append(row)

    def stored(self) -> list[Stored]:
        return [Stored(*place, len(rows), 100 * len(rows)) for place, rows in self.rows.items()]

    def drop(self, drop: Drop, rules: Rules) -> list[Row]:
        place = (drop.stored.of_class, drop.stored.unit)
        there = self.rows.pop(place, [])
        gone = [row for row in there if drop.is_whole or self._is_meant(row, drop, rules)]
        if len(gone) < len(there):
            self.rows[place] = [row for row in there if row not in gone]
        return gone

    @staticmethod
    def _is_meant(row: Row, drop: Drop, rules: Rules) -> bool:
        return row.arrived_ms < drop.before_ms and drop.rule in (None, rules.rule_of(row.event))

    def all_rows(self) -> list[Row]:
        return [row for rows in self.rows.values() for row in rows]


some_rules = st.builds(
    Rules,
    st.lists(st.builds(Rule, st.sampled_from(QUERIES), st.integers(1, 40).map(lambda hours: hours * HOUR_MS // 2))),
    st.integers(1, 40).map(lambda hours: hours * HOUR_MS),
)


@settings(max_examples=80)
@given(
    st.lists(st.tuples(st.integers(0, 120), st.sampled_from(EVENTS)), min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(0, 150), some_rules), min_size=1, max_size=4),
)
def test_each_row_goes_when_its_rule_says(arrivals: list[tuple[int, Event]], changes: list[tuple[int, Rules]]) -> None:
    """Steps of twenty minutes; the rules change now and then, on a disk that is full: nothing waits."""
    box = Box()
    rules = changes[0][1]
    for step in range(170):
        now_ms = START + step * STEP
        rules = next((one for at, one in changes if at == step), rules)
        for at, event in arrivals:
            if at == step:
                box.add(Row(event, now_ms), rules)
        found = plan(box.stored(), Limits(rules, ROOM), None, now_ms, now_ms, Used(disk_share=0.96))
        for drop in found.drops:
            for row in box.drop(drop, rules):
                assert row.arrived_ms + rules.keeps[rules.rule_of(row.event)] <= now_ms
        late = [
            row for row in box.all_rows() if row.arrived_ms + rules.keeps[rules.rule_of(row.event)] + HOUR_MS <= now_ms
        ]
        assert late == []


def unit(hour: int, rows: int = 10, of_class: int = 0, piece: int = 0, hours: int = 1) -> Stored:
    return Stored(of_class, Unit(START // HOUR_MS + hour, hours, piece), rows, rows * 100)


def whole(found: tuple[Drop, ...]) -> list[tuple[Stored, str]]:
    return [(drop.stored, drop.why) for drop in found if drop.is_whole]


def test_taking_a_rule_away_changes_only_rows_that_it_matched() -> None:
    before, after = Rules([Rule("level:debug", HOUR_MS), Rule("a", 9)], 9 * HOUR_MS), Rules([Rule("a", 9)], 9 * HOUR_MS)
    box = Box()
    for event in EVENTS:
        box.add(Row(event, START), before)
    now_ms = START + 5 * HOUR_MS
    gone = [row for drop in drops(box.stored(), Limits(after, ROOM), now_ms, Used()) for row in box.drop(drop, after)]
    assert gone == []
    assert len(box.all_rows()) == len(EVENTS)


def test_the_oldest_go_for_room_whatever_their_class_and_the_newest_unit_stays() -> None:
    units = [unit(3), unit(1, of_class=5), unit(2), unit(2, piece=1)]
    rules = Rules([], 999 * HOUR_MS)
    now_ms = START + 4 * HOUR_MS

    def gone(max_bytes: int, topics: int = 0) -> list[Stored]:
        used = Used(store=4000, topics=topics)
        return [drop.stored for drop in drops(units, Limits(rules, max_bytes), now_ms, used) if drop.why == SIZE]

    assert gone(4000) == []
    assert gone(3999) == [units[1]]
    assert gone(2500) == [units[1], units[2]]
    assert gone(1) == [units[1], units[2], units[3]]
    assert gone(7000, topics=4000) == [units[1]]  # what is trimmed here is trimmed in the topics


def test_topics_that_give_nothing_back_press_the_store_to_half_of_its_limit() -> None:
    units = [unit(hour) for hour in range(10)]
    rules, used = Rules([], 999 * HOUR_MS), Used(store=10_000, topics=50_000)
    found = list(drops(units, Limits(rules, 12_000), START + 10 * HOUR_MS, used))
    assert [drop.stored for drop in found] == units[:4]
    assert over(12_000, used) == 1 - 0.95 * 12_000 / 60_000
    assert over(60_000, used) == 0


def test_what_goes_by_age_makes_room_for_the_rest() -> None:
    found = drops([unit(0), unit(5)], Limits(Rules([], 2 * HOUR_MS), 1000), START + 4 * HOUR_MS, Used(store=2000))
    assert [(drop.stored, drop.why) for drop in found] == [(unit(0), AGE)]


def test_what_a_changed_setting_would_delete_waits_and_what_went_before_goes() -> None:
    units = [unit(0), unit(10), unit(20)]
    long, short = Limits(Rules([], 20 * HOUR_MS), ROOM), Limits(Rules([], 5 * HOUR_MS), ROOM)
    now_ms = START + 21 * HOUR_MS
    found = plan(units, short, long, now_ms, now_ms, Used())
    assert whole(found.drops) == [(unit(0), AGE)]
    assert [drop.stored for drop in found.waiting] == [unit(10)]
    assert (found.why, found.until_ms, found.in_force) == (SETTING, now_ms + WAIT_MS, long)
    # Set back within that time nothing else is gone; after it, or on a full disk, it goes.
    assert whole(plan(units[1:], long, long, now_ms, now_ms, Used()).drops) == []
    later = plan(units[1:], short, long, now_ms, now_ms + WAIT_MS, Used())
    full = plan(units[1:], short, long, now_ms, now_ms, Used(disk_share=0.951))
    assert whole(later.drops) == whole(full.drops) == [(unit(10), AGE)]
    assert later.in_force == full.in_force == short


def test_a_change_that_deletes_nothing_holds_at_once() -> None:
    long, short = Limits(Rules([], 20 * HOUR_MS), ROOM), Limits(Rules([], 5 * HOUR_MS), ROOM)
    now_ms = START + HOUR_MS
    assert plan([unit(0)], short, long, now_ms, now_ms, Used()).in_force == short


def test_a_smaller_disk_waits_too() -> None:
    rules = Rules([], 999 * HOUR_MS)
    now_ms = START + HOUR_MS
    found = plan([unit(0), unit(1)], Limits(rules, 1000), Limits(rules, 5000), now_ms, now_ms, Used(store=2000))
    assert (found.drops, [drop.stored for drop in found.waiting]) == ((), [unit(0)])


def test_a_store_that_kept_everything_until_now_waits() -> None:
    now_ms = START + 99 * HOUR_MS
    found = plan([unit(0)], Limits(Rules([], HOUR_MS), ROOM), None, now_ms, now_ms, Used())
    assert (found.drops, [drop.stored for drop in found.waiting]) == ((), [unit(0)])


def test_the_days_that_are_left_at_the_rate_of_the_last_day() -> None:
    now_ms = START + 48 * HOUR_MS
    units = [Stored(0, Unit(START // HOUR_MS + hours, 24), 1, 500) for hours in (0, 24)]
    assert days_left(units, 2000, Used(store=1000), now_ms) == 2
    assert days_left(units, 2000, Used(store=1000, topics=1000), now_ms) == 0
    assert days_left([], 2000, Used(), now_ms) is None


def test_for_room_a_unit_to_which_rows_come_goes_behind_those_that_ended() -> None:
    """One class has units of a day, another of an hour; the day is huge, and in pieces."""
    day = [unit(0, hours=24, piece=piece) for piece in range(4)]
    hours = [unit(hour, of_class=5) for hour in (4, 12, 18)]
    now_ms = START + 19 * HOUR_MS + HOUR_MS // 2
    rules = Rules([], 999 * HOUR_MS)
    found = [drop.stored for drop in drops([*day, *hours], Limits(rules, 1), now_ms, Used(store=7000))]
    assert found == [day[0], hours[0], day[1], hours[1], day[2], hours[2]]


def test_rows_that_came_while_a_right_clock_was_not_believed_are_kept_as_long_as_others() -> None:
    late = Stored(0, Unit(START // HOUR_MS, 1), 10, 1000, late_ms=40 * DAY_MS)
    limits = Limits(Rules([], 14 * DAY_MS), ROOM)
    at = START + HOUR_MS + 14 * DAY_MS
    assert list(drops([late], limits, at + 40 * DAY_MS - HOUR_MS, Used())) == []
    assert [drop.why for drop in drops([late], limits, at + 40 * DAY_MS, Used())] == [AGE]


def test_for_what_a_rebuild_is_made_from_nothing_goes() -> None:
    """It goes when the rebuild ends, and what was dropped meanwhile would be copied from it again."""
    units = [unit(0), unit(1)]
    limits, now_ms = Limits(Rules([], 999 * HOUR_MS), 2500), START + 2 * HOUR_MS
    assert list(drops(units, limits, now_ms, Used(store=4000, passing=2000))) == []
    assert over(2500, Used(store=4000, topics=500, passing=2000)) == 0
    assert [drop.stored for drop in drops(units, limits, now_ms, Used(store=4000, passing=1000))] == [unit(0)]
