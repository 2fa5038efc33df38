"""How often a deletion is tried."""

from __future__ import annotations

from logpost_web.deletion.deletion import PAUSE_MS, TRIES, Deletion


def asked() -> Deletion:
    return Deletion(id="d", created_ms=0, who="somebody", matched=1)


def test_a_step_that_keeps_failing_is_tried_again_later_and_later_and_then_not() -> None:
    deletion = asked()
    waits = []
    for _ in range(TRIES):
        deletion.begin_try()
        deletion.failed("no memory", 1000)
        waits.append(deletion.retry_ms - 1000)
    assert waits[:3] == [PAUSE_MS, 2 * PAUSE_MS, 4 * PAUSE_MS]
    assert (deletion.state, deletion.reason, deletion.is_open, deletion.holds) == ("failed", "no memory", False, False)


def test_after_a_step_that_worked_the_count_begins_again() -> None:
    deletion = asked()
    for _ in range(TRIES - 1):
        deletion.begin_try()
        deletion.failed("no memory", 1000)
    deletion.worked()
    deletion.begin_try()
    deletion.failed("no memory", 1000)
    assert deletion.is_open


def test_what_fails_before_its_first_try_waits_whole_milliseconds() -> None:
    """The file of deletions takes no others, and none of it could be read again."""
    deletion = asked()
    deletion.failed("the store is away", 5)
    assert isinstance(deletion.retry_ms, int)
    assert deletion.retry_ms == 5 + PAUSE_MS
