"""Lines are counted under the bar that they lie in, and bars without lines are there too."""

from __future__ import annotations

import datetime
from itertools import groupby
from random import Random
from zoneinfo import ZoneInfo

from logpost.query.syntax import parse
from logpost_web.query.bars import DAY, HOUR, MINUTE, SECOND, Bars, choose_bars
from logpost_web.query.condition import compile_condition
from logpost_web.query.histogram import Bucket, fill, histogram_statement
from logpost_web.query.timerange import TimeRange
from logpost_web.store.columns import LOGS
from logpost_web.store.store import Store
from logpost_web.time_limits import MAX_NS, MIN_NS
from tests.web.query.conftest import insert
from tests.web.query.test_bars import CHANGES, is_twice


def test_bars_without_lines_are_there_too() -> None:
    bars = Bars(starts_ns=(0, 10, 20), interval_ns=10)
    assert fill(bars, [(20, "error", 2), (0, "info", 5), (20, "", 1)]) == (
        Bucket(start_ns=0, count=5, by={"info": 5}),
        Bucket(start_ns=10, count=0, by={}),
        Bucket(start_ns=20, count=3, by={"error": 2, "": 1}),
    )


def test_a_day_of_23_hours_has_23_hours_of_lines(store: Store) -> None:
    start = int(datetime.datetime(2026, 3, 26, 23, tzinfo=datetime.UTC).timestamp())
    times = [start + hour * 3600 for hour in range(24 * 6)]
    insert(store, *({"Timestamp": time, "ServiceName": "hourly", "Body": "tick"} for time in times))
    span = TimeRange(start_ns=start * SECOND, end_ns=start * SECOND + 6 * DAY)
    for zone, counts in (("Europe/Berlin", [24, 24, 23, 24, 24, 24, 1]), ("UTC", [1, 24, 24, 24, 24, 24, 23])):
        bars = choose_bars(start * SECOND, start * SECOND + 6 * DAY, 6, ZoneInfo(zone))
        statement = histogram_statement(compile_condition(parse("service:hourly"), LOGS), bars, span, "service")
        rows = store.query(statement.sql, statement.parameters).rows
        assert [bucket.count for bucket in fill(bars, ((a, b, c) for a, b, c in rows))] == counts


def test_the_first_and_the_last_moment_are_counted_together(store: Store) -> None:
    insert(
        store,
        *({"Timestamp": year, "ServiceName": "ends"} for year in ("1900-01-01T00:00:00Z", "2262-04-11T23:47:15Z")),
    )
    bars = choose_bars(MIN_NS, MAX_NS + 1, 10, ZoneInfo("UTC"))
    span = TimeRange(start_ns=MIN_NS, end_ns=MAX_NS + 1)
    statement = histogram_statement(compile_condition(parse("service:ends"), LOGS), bars, span, "service")
    rows = store.query(statement.sql, statement.parameters).rows
    assert sum(bucket.count for bucket in fill(bars, ((a, b, c) for a, b, c in rows))) == 2


def shown(moment: int, zone: ZoneInfo, step: int) -> object:
    """What tells a bar from others by the wall clock at a Unix second."""
    local = datetime.datetime.fromtimestamp(moment, zone)
    if step >= DAY:
        return (local.date().toordinal() - 1) // (step // DAY)
    second = (local.hour * 60 + local.minute) * 60 + local.second
    width = step // SECOND
    begins = local.replace(hour=0, minute=0, second=0) + datetime.timedelta(seconds=second // width * width)
    return begins.replace(tzinfo=None), local.fold if step <= HOUR and is_twice(begins) else 0


def counts(moments: list[int], zone: ZoneInfo, step: int) -> list[int]:
    return [len(list(lines)) for _, lines in groupby(moments, lambda moment: shown(moment, zone, step))]


def test_lines_are_counted_by_the_wall_clock_of_a_zone(store: Store) -> None:
    """Over days that change the clock, from bars of a second to those of a week."""
    steps = {SECOND: MINUTE, 10 * SECOND: HOUR // 2, MINUTE: 2 * HOUR, 30 * MINUTE: DAY, HOUR: 3 * DAY,
             3 * HOUR: 4 * DAY, DAY: 20 * DAY, 7 * DAY: 90 * DAY}  # fmt: skip
    chance = Random(1)
    asked: list[tuple[str, int, int, int, str, list[int]]] = []
    rows: list[dict[str, object]] = []
    for zone, day in CHANGES:
        noon = int(datetime.datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp())
        for step, span in steps.items():
            seconds = span // SECOND
            # The clock is changed within a day of noon, and so within most of these spans.
            start = noon - chance.randrange(seconds) if span > DAY else noon - chance.randrange(24 * 3600)
            moments = sorted(start + chance.randrange(seconds) for _ in range(60))
            service = f"{zone} {step}"
            rows += [{"Timestamp": moment, "ServiceName": service, "Body": "tick"} for moment in moments]
            asked.append((zone, step, start * SECOND, start * SECOND + span, service, moments))
    insert(store, *rows)
    for name, step, start_ns, end_ns, service, moments in asked:
        place = ZoneInfo(name)
        bars = choose_bars(start_ns, end_ns, -(-(end_ns - start_ns) // step), place)
        assert bars.interval_ns == step
        condition = compile_condition(parse(f'service:"{service}"'), LOGS)
        statement = histogram_statement(condition, bars, TimeRange(start_ns=start_ns, end_ns=end_ns), "level")
        counted = fill(bars, ((a, b, c) for a, b, c in store.query(statement.sql, statement.parameters).rows))
        assert [bucket.count for bucket in counted if bucket.count] == counts(moments, place, step), (name, step)
