"""The token bucket."""

from __future__ import annotations

from logpost.agent.stages.limit import RateLimit

SECOND = 1_000_000_000


def test_a_seconds_worth_passes_at_once_and_then_the_rate() -> None:
    limit = RateLimit(10, 0)
    assert [limit.admits(0) for _ in range(12)] == [True] * 10 + [False] * 2
    assert [limit.admits(SECOND // 2) for _ in range(6)] == [True] * 5 + [False]


def test_rest_does_not_save_up_more_than_a_second() -> None:
    limit = RateLimit(3, 0)
    assert [limit.admits(100 * SECOND) for _ in range(4)] == [True] * 3 + [False]


def test_a_clock_that_goes_back_gives_no_tokens() -> None:
    limit = RateLimit(1, 10 * SECOND)
    assert limit.admits(10 * SECOND)
    assert not limit.admits(5 * SECOND)


def test_the_sentence_says_how_many_and_when() -> None:
    limit = RateLimit(1, 0)
    for at in (43_263, 43_265, 43_269):
        limit.drops.add(at * SECOND)
    assert limit.take_drops().sentence(1) == "3 lines dropped by max_lines_per_second = 1, 12:01:03 to 12:01:09 UTC"
    assert limit.drops.lines == 0
