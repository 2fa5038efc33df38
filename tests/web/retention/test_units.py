"""Units have numbers that say what they are, and none grows without bound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpost_web.retention.units import DAY_MS, HOUR_MS, MAX_OPEN, MAX_PIECE, Unit, Units, number_in_store, span

NOW_MS = 1_796_000_000_000


def number_of(units: Units, of_class: int, hours: int, arrived_ms: int, size: int = 10) -> Unit:
    return Unit.numbered(number_in_store(units.open(of_class, hours, arrived_ms, size).in_row, arrived_ms))


@given(st.integers(0, 2_000_000), st.sampled_from([1, 6, 24]), st.integers(0, MAX_PIECE))
def test_a_number_says_which_unit_it_is(first: int, hours: int, piece: int) -> None:
    unit = Unit(first, hours, piece)
    assert Unit.numbered(unit.number) == unit
    assert 0 <= unit.number < 2**63


@given(st.integers(0, 4_000_000_000_000), st.sampled_from([1, 6, 24]))
def test_a_row_lies_in_the_span_of_its_unit(arrived_ms: int, hours: int) -> None:
    unit = number_of(Units(100), 0, hours, arrived_ms)
    assert unit.start_ms <= arrived_ms < unit.end_ms
    assert unit.first % hours == 0


@pytest.mark.parametrize(("keep", "hours"), [(14 * DAY_MS, 24), (4 * DAY_MS, 6), (3 * DAY_MS, 1), (HOUR_MS, 1), (1, 1)])
def test_what_is_kept_shorter_lies_in_shorter_units(keep: int, hours: int) -> None:
    assert span(keep) == hours


def test_a_huge_hour_is_many_units() -> None:
    units = Units(piece_bytes=1000)
    pieces = [number_of(units, 7, 1, NOW_MS, 100).piece for _ in range(35)]
    assert pieces == sorted(pieces)
    assert [pieces.count(piece) for piece in range(4)] == [10, 10, 10, 5]
    assert number_of(units, 8, 1, NOW_MS, 100).piece == 0


def test_after_a_start_the_last_piece_goes_on() -> None:
    units = Units(piece_bytes=1000)
    first = NOW_MS // HOUR_MS
    units.learn([(7, Unit(first, 1, 3), 800), (7, Unit(first, 1, 2), 1000), (7, Unit(first - 1, 1, 9), 0)])
    assert number_of(units, 7, 1, NOW_MS, 100) == Unit(first, 1, 3)


def test_a_process_that_starts_again_and_again_fills_no_piece_without_bound() -> None:
    """What lies in the store counts."""
    stored: dict[Unit, int] = {}
    for _ in range(50):
        units = Units(piece_bytes=1000)
        units.learn((7, unit, size // 2) for unit, size in stored.items())
        unit = number_of(units, 7, 1, NOW_MS, 400)
        stored[unit] = stored.get(unit, 0) + 400
    assert max(stored.values()) <= 2400


def test_units_that_are_remembered_have_a_bound() -> None:
    units = Units(piece_bytes=1000)
    for hour in range(MAX_OPEN + 10):
        units.open(0, 1, hour * HOUR_MS, 1)
    assert len(units._open) == MAX_OPEN
