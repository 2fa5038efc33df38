"""Interval sets against plain sets of numbers."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from logpost_web.store.intervals import IntervalSet

ranges = st.tuples(st.integers(0, 60), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(ranges), ranges)
def test_it_answers_as_a_set_of_numbers_would(added: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    intervals = IntervalSet(added)
    numbers = {number for start, end in added for number in range(start, end)}
    assert {number for start, end in intervals for number in range(start, end)} == numbers
    asked_numbers = set(range(*asked))
    if asked_numbers:
        assert intervals.covers(*asked) == (asked_numbers <= numbers)
        assert intervals.overlaps(*asked) == bool(asked_numbers & numbers)


@given(st.lists(ranges))
def test_intervals_are_in_order_and_never_touch(added: list[tuple[int, int]]) -> None:
    found = list(IntervalSet(added))
    assert all(start < end for start, end in found)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(found))


def test_late_is_not_double() -> None:
    intervals = IntervalSet([(0, 10), (20, 30)])
    assert not intervals.covers(10, 20)
    intervals.add(10, 20)
    assert list(intervals) == [(0, 30)]
