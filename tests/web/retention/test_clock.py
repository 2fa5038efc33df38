"""A clock that leapt makes nothing expired; a box that was off is believed."""

from logpost_web.retention.clock import Believed, Late, RetentionClock
from logpost_web.retention.units import DAY_MS, HOUR_MS, Unit

T = 1_796_000_000_000
MINUTE = 60_000


def test_it_follows_the_clock_of_the_box() -> None:
    clock = RetentionClock()
    assert [clock.read(T + at, 5 + at) for at in (0, MINUTE, HOUR_MS)] == [T, T + MINUTE, T + HOUR_MS]
    assert clock.ahead_ms == 0


def test_a_start_with_a_clock_forty_days_ahead_is_not_believed_until_it_is_right_again() -> None:
    clock = RetentionClock(Believed(T))
    assert clock.read(T + 40 * DAY_MS, 0) == T
    assert clock.ahead_ms == 40 * DAY_MS
    assert clock.read(T + 40 * DAY_MS + MINUTE, MINUTE) == T + MINUTE  # time passes all the same
    assert clock.read(T + 2 * MINUTE, 2 * MINUTE) == T + 2 * MINUTE
    assert clock.ahead_ms == 0


def test_a_clock_that_is_set_forward_while_it_runs_is_not_believed() -> None:
    clock = RetentionClock(Believed(T))
    clock.read(T, 0)
    assert clock.read(T + 2 * DAY_MS, MINUTE) == T + MINUTE
    assert clock.ahead_ms == 2 * DAY_MS - MINUTE


def test_a_box_that_was_off_or_slept_for_twenty_days_is_believed() -> None:
    clock = RetentionClock(Believed(T))
    assert clock.read(T + 20 * DAY_MS, 0) == T + 20 * DAY_MS
    assert clock.read(T + 40 * DAY_MS, 20 * DAY_MS) == T + 40 * DAY_MS


def test_a_clock_that_went_back_is_followed_and_forgets_nothing() -> None:
    """A start before NTP: first 1970, then right."""
    clock = RetentionClock(Believed(T))
    assert clock.read(1000, 0) == 1000
    assert clock.latest_ms == T
    assert clock.read(T + HOUR_MS, MINUTE) == T + HOUR_MS
    assert clock.ahead_ms == 0


def test_a_process_that_starts_again_knows_how_much_time_passed() -> None:
    """A clock that was not believed before is not believed after: the box was not off."""
    clock = RetentionClock(Believed(T), "boot")
    clock.read(T, 0)
    assert clock.read(T + 20 * DAY_MS, MINUTE) == T + MINUTE
    again = RetentionClock(clock.believed, "boot")
    assert again.read(T + 20 * DAY_MS + MINUTE, 2 * MINUTE) == T + 2 * MINUTE
    right = RetentionClock(again.believed, "boot")
    assert right.read(T + 3 * MINUTE, 3 * MINUTE) == T + 3 * MINUTE
    wrong = RetentionClock(right.believed, "boot")
    assert wrong.read(T + 20 * DAY_MS, 4 * MINUTE) == T + 4 * MINUTE
    assert RetentionClock(right.believed, "another boot").read(T + 20 * DAY_MS, 0) == T + 20 * DAY_MS


def test_another_start_of_the_box_does_not_make_a_clock_right_that_was_seen_to_leap() -> None:
    clock = RetentionClock(Believed(T), "boot")
    clock.read(T, 0)
    clock.read(T + 20 * DAY_MS, MINUTE)
    again = RetentionClock(clock.believed, "another boot")
    assert again.read(T + 20 * DAY_MS, 0) == T + MINUTE
    assert again.read(T + 2 * MINUTE, MINUTE) == T + 2 * MINUTE
    assert again.believed.doubted_ms == 0


def test_where_nothing_else_is_known_what_is_stored_tells_the_time() -> None:
    clock = RetentionClock()
    clock.learn(T)
    assert clock.read(T + 40 * DAY_MS, 0) == T
    clock.learn(T + 5)
    assert clock.latest_ms == T


def test_of_which_units_rows_came_late() -> None:
    late = Late(5 * HOUR_MS + 1, 7 * HOUR_MS, DAY_MS)
    assert [hour for hour in range(10) if late.has(Unit(hour, 1))] == [5, 6]


def test_a_clock_that_somebody_confirms_is_believed_and_what_came_meanwhile_is_known() -> None:
    clock = RetentionClock(Believed(T), "boot")
    assert clock.believe() is None
    clock.read(T + 40 * DAY_MS, 0)
    clock.read(T + 40 * DAY_MS + MINUTE, MINUTE)
    assert clock.believe() == Late(T, T + MINUTE + 1, 40 * DAY_MS)
    assert clock.now_ms == T + 40 * DAY_MS + MINUTE
    assert clock.read(T + 40 * DAY_MS + 2 * MINUTE, 2 * MINUTE) == T + 40 * DAY_MS + 2 * MINUTE
    assert clock.ahead_ms == 0
