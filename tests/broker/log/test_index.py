"""Index lookups against a plain list."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from logpost_broker.log.files import File, Files
from logpost_broker.log.index import OffsetIndex, TimeIndex

BASE = 2**40
RISING = st.lists(st.integers(1, 1000), max_size=40).map(lambda steps: list(itertools.accumulate(steps)))
WANTED = st.integers(0, 45_000)


@contextmanager
def new_file() -> Iterator[File]:
    with tempfile.TemporaryDirectory() as directory:
        file = Files().open(Path(directory) / "index")
        yield file
        file.close()


@given(RISING, WANTED)
def test_the_last_offset_at_or_below_is_found(offsets: list[int], wanted: int) -> None:
    with new_file() as file:
        index = OffsetIndex(file, BASE)
        for number, offset in enumerate(offsets):
            index.append(BASE + offset, number * 10)
        found = max(
            [(BASE + offset, number * 10) for number, offset in enumerate(offsets) if offset <= wanted],
            default=(BASE, 0),
        )
        assert index.floor(BASE + wanted) == found


@given(RISING, WANTED)
def test_the_last_time_below_is_found(times: list[int], wanted: int) -> None:
    with new_file() as file:
        index = TimeIndex(file, BASE)
        for number, time in enumerate(times):
            index.append(time, BASE + number)
        found = max([(time, BASE + number) for number, time in enumerate(times) if time < wanted], default=None)
        assert index.floor(wanted) == found


def test_a_time_that_is_no_news_adds_nothing() -> None:
    with new_file() as file:
        index = TimeIndex(file, BASE)
        for time in (5, 5, 4, 6):
            index.append(time, BASE)
        assert [index.entry(number).timestamp_ms for number in range(len(index))] == [5, 6]


@given(RISING, WANTED)
def test_entries_are_dropped_from_a_place_on(steps: list[int], wanted: int) -> None:
    with new_file() as first, new_file() as second:
        offset_index, time_index = OffsetIndex(first, BASE), TimeIndex(second, BASE)
        for step in steps:
            offset_index.append(BASE + step, step * 2)
            time_index.append(step, BASE + step)
        offset_index.truncate_positions(wanted)
        time_index.truncate_offsets(BASE + wanted)
        assert len(offset_index) == sum(step * 2 < wanted for step in steps)
        assert len(time_index) == sum(step < wanted for step in steps)


def test_half_an_entry_at_the_end_is_dropped() -> None:
    with new_file() as file:
        file.append(b"\0\0\0\1\0\0\0\2" + b"\0\0\0")
        assert len(OffsetIndex(file, 0)) == 1
        assert OffsetIndex(file, 0).floor(9) == (1, 2)
