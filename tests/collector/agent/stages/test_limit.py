"""The token bucket."""

from __future__ import annotations

from logpost.agent.metrics.counts import Counts
from logpost.agent.stages.event import Event, Mark
from logpost.agent.stages.limit import Limit

SECOND = 1_000_000_000
LINE = Event(2, "x")


def admitted(limit: Limit, now_ns: int, lines: int) -> list[bool]:
    return [limit.apply(LINE, now_ns) is LINE for _ in range(lines)]


def test_a_seconds_worth_passes_at_once_and_then_the_rate() -> None:
    counts = Counts()
    limit = Limit(10, 0, counts)
    assert admitted(limit, 0, 12) == [True] * 10 + [False] * 2
    assert admitted(limit, SECOND // 2, 6) == [True] * 5 + [False]
    assert (limit.dropped, counts.dropped) == (3, 3)


def test_rest_does_not_save_up_more_than_a_second() -> None:
    assert admitted(Limit(3, 0, Counts()), 100 * SECOND, 4) == [True] * 3 + [False]


def test_a_clock_that_goes_back_gives_no_tokens() -> None:
    limit = Limit(1, 10 * SECOND, Counts())
    assert admitted(limit, 10 * SECOND, 1) == [True]
    assert admitted(limit, 5 * SECOND, 1) == [False]


def test_of_a_line_in_pieces_the_rest_goes_with_a_piece_that_was_dropped() -> None:
    """Else it would have the time and level of another line."""
    limit = Limit(2, 0, Counts())
    begin, middle, end = (
        Event(1, "x", marks) for marks in (Mark.TRUNCATED, Mark.TRUNCATED | Mark.CONTINUED, Mark.CONTINUED)
    )
    assert [limit.apply(piece, 0) is piece for piece in (begin, middle, end)] == [True, True, False]
    assert [limit.apply(piece, 0) is piece for piece in (begin, middle)] == [False, False]
    assert [limit.apply(piece, SECOND) is piece for piece in (middle, end, LINE)] == [False, False, True]


def test_the_report_says_how_many_and_when_and_stands_for_their_bytes() -> None:
    limit = Limit(1, 43_260 * SECOND, Counts())
    for at in (43_260, 43_260.1, 43_260.3, 43_260.9):
        limit.apply(Event(int(at * 10) + 1, "x"), int(at * SECOND))
    said = limit.report()
    assert said.text == "3 lines dropped by max_lines_per_second = 1, 12:01:00 to 12:01:00 UTC"
    assert said.end == 432_610
    assert said.parsed is not None
    assert (said.parsed.message, said.parsed.level, said.parsed.attrs) == (said.text, "warn", {"dropped_lines": 3})
    assert limit.dropped == 0
