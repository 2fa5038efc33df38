"""Where the bars of a histogram begin: on the reader's seconds, hours and days. Pure.

A day is not always 24 hours, and an hour of Kolkata begins at half past one of UTC. So bars begin where the wall clock
of a zone shows a multiple of their width: of hours since midnight, of days since a Monday.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

MILLISECOND = 1_000_000
SECOND = 1000 * MILLISECOND
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

STEPS = (
    *(n * MILLISECOND for n in (1, 2, 5, 10, 20, 50, 100, 200, 500)),
    *(n * SECOND for n in (1, 2, 5, 10, 15, 30)),
    *(n * MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * HOUR for n in (1, 2, 3, 6, 12)),
    *(n * DAY for n in (1, 2, 7, 14, 30, 91, 365, 3650)),
)
"""Widths of a bar that people read easily."""

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """`starts_ns`: Unix nanoseconds, ascending; a bar ends where the next begins. `interval_ns`: their width, except
    where the zone's clock is changed."""

    starts_ns: tuple[int, ...]
    interval_ns: int

    @property
    def are_even(self) -> bool:
        return all(
            after - before == self.interval_ns
            for before, after in zip(self.starts_ns, self.starts_ns[1:], strict=False)
        )


def choose_bars(start_ns: int, end_ns: int, buckets: int, zone: datetime.tzinfo = datetime.UTC) -> Bars:
    """Bars that cover `start_ns` to `end_ns` (excl.): the narrowest step that needs at most `buckets` of them, or one
    more where the span does not begin on a border; more by what the zone's clock is changed in between."""
    end_ns = max(end_ns, start_ns + 1)
    step = next((step for step in STEPS if end_ns - start_ns <= step * buckets), STEPS[-1])
    starts = [bar_start(start_ns, step, zone)]
    while (following := _next_start(starts[-1], step, zone)) < end_ns:
        starts.append(following)
    return Bars(starts_ns=tuple(starts), interval_ns=step)


def bar_start(moment_ns: int, step: int, zone: datetime.tzinfo) -> int:
    """Where the bar of `step` begins in which a moment lies."""
    if MINUTE % step == 0 and zone is datetime.UTC:
        return moment_ns - moment_ns % step
    seconds, fraction = divmod(moment_ns, SECOND)
    if step < SECOND:
        return seconds * SECOND + fraction - fraction % step
    local = (_EPOCH + datetime.timedelta(seconds=seconds)).astimezone(zone)
    # The hour that is there twice is two bars of an hour, but one day, and one bar of several hours.
    fold = local.fold if step <= HOUR else 0
    day, clock = local.date(), (local.hour * 60 + local.minute) * 60 + local.second
    if step >= DAY:
        days = step // DAY
        # Day 1 of the calendar is a Monday.
        day, clock = datetime.date.fromordinal(max(1, (day.toordinal() - 1) // days * days + 1)), 0
    else:
        clock -= clock % (step // SECOND)
    wall = datetime.datetime.combine(day, datetime.time(), tzinfo=zone) + datetime.timedelta(seconds=clock)
    since = wall.replace(fold=fold) - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND


def _next_start(start_ns: int, step: int, zone: datetime.tzinfo) -> int:
    """The first start behind one; a bar in which the clock is set back is longer than its step."""
    after = start_ns + step
    while (found := bar_start(after, step, zone)) <= start_ns:
        after += step
    return found
