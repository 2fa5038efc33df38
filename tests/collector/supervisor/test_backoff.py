"""Restart delays: they grow while a part keeps dying, and start again once it has run well."""

from logpost.supervisor.backoff import FIRST_SECONDS, LONGEST_SECONDS, SETTLED_SECONDS, Backoff


def test_a_part_that_keeps_dying_waits_longer_each_time_up_to_a_limit() -> None:
    backoff = Backoff()
    delays = [backoff.delay(ran_seconds=0) for _ in range(10)]
    assert delays[:4] == [FIRST_SECONDS, 2 * FIRST_SECONDS, 4 * FIRST_SECONDS, 8 * FIRST_SECONDS]
    assert delays[-1] == LONGEST_SECONDS


def test_a_part_that_ran_well_is_restarted_at_once_again() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.delay(ran_seconds=0)
    assert backoff.delay(ran_seconds=SETTLED_SECONDS) == FIRST_SECONDS
