"""What leaves a log by age and by size, as numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpost_broker.log.retention import UNLIMITED, RetentionLimits, RetentionPlan, SegmentFacts, plan_retention

NOW_MS = 1_000_000
AGE_MS = 1000


def segment(base_offset: int, size_bytes: int = 100, age_ms: int = 0) -> SegmentFacts:
    return SegmentFacts(base_offset=base_offset, size_bytes=size_bytes, newest_ms=NOW_MS - age_ms)


def plan(
    *segments: SegmentFacts,
    age_ms: int = UNLIMITED,
    size_bytes: int = UNLIMITED,
    next_offset: int = 100,
    high_watermark: int = 100,
    log_start_offset: int = 0,
    wanted_from: int | None = None,
) -> RetentionPlan:
    return plan_retention(
        segments,
        RetentionLimits(age_ms=age_ms, size_bytes=size_bytes),
        log_start_offset=log_start_offset,
        high_watermark=high_watermark,
        next_offset=next_offset,
        now_ms=NOW_MS,
        wanted_from=wanted_from,
    )


def test_without_limits_everything_stays() -> None:
    assert plan(segment(0, age_ms=NOW_MS), segment(50)).log_start_offset == 0


def test_a_segment_goes_when_its_newest_record_is_older_than_the_limit() -> None:
    found = plan(segment(0, 70, age_ms=1001), segment(10, age_ms=1000), segment(20), age_ms=AGE_MS)
    assert (found.log_start_offset, found.aged_segments, found.aged_bytes) == (10, 1, 70)


def test_a_segment_stays_behind_one_that_stays() -> None:
    assert plan(segment(0), segment(10, age_ms=5000), segment(20), age_ms=AGE_MS).log_start_offset == 0


def test_the_last_segment_goes_when_all_of_it_is_too_old() -> None:
    assert plan(segment(0, age_ms=2000), segment(10, age_ms=2000), age_ms=AGE_MS).log_start_offset == 100


def test_an_empty_last_segment_is_not_made_again() -> None:
    found = plan(segment(0, age_ms=2000), segment(100, size_bytes=0, age_ms=2000), age_ms=AGE_MS)
    assert (found.log_start_offset, found.aged_segments) == (100, 1)
    again = plan(segment(100, size_bytes=0, age_ms=2000), age_ms=AGE_MS, log_start_offset=100)
    assert again == RetentionPlan(log_start_offset=100)


@pytest.mark.parametrize(
    ("size_bytes", "start"), [(0, 100), (99, 20), (100, 20), (199, 10), (200, 10), (299, 0), (300, 0), (1000, 0)]
)
def test_the_oldest_go_while_the_rest_has_the_size_that_is_to_be_kept(size_bytes: int, start: int) -> None:
    found = plan(segment(0), segment(10), segment(20), size_bytes=size_bytes)
    assert found.log_start_offset == start
    assert found.oversize_bytes == 100 * found.oversize_segments


@pytest.mark.parametrize(("high_watermark", "start"), [(9, 0), (10, 10), (99, 20), (100, 100)])
def test_nothing_that_consumers_cannot_see_yet_goes(high_watermark: int, start: int) -> None:
    old = [segment(base, age_ms=5000) for base in (0, 10, 20)]
    assert plan(*old, age_ms=AGE_MS, high_watermark=high_watermark).log_start_offset == start


def test_a_timestamp_in_the_future_keeps_its_segment_until_its_time_and_says_so() -> None:
    future = replace(segment(0), newest_ms=NOW_MS + 50)
    found = plan(future, segment(10, age_ms=5000), age_ms=AGE_MS)
    assert (found.log_start_offset, found.kept_by_future_ms) == (0, NOW_MS + 50)
    assert plan(future, segment(10), size_bytes=100).log_start_offset == 10, "the size sends it away all the same"
    assert plan(future, segment(10)).kept_by_future_ms is None, "nothing is asked to go"


def test_the_log_start_never_moves_back() -> None:
    found = plan(segment(0, age_ms=5000), segment(10), age_ms=AGE_MS, log_start_offset=15)
    assert found.log_start_offset == 15


facts = st.lists(st.tuples(st.integers(1, 300), st.integers(-100, 3000)), min_size=1, max_size=8)


@given(facts, st.integers(-1, 1500), st.integers(-1, 1500), st.integers(0, 80))
def test_what_is_left_obeys_both_limits_or_has_a_reason_to_stay(
    sizes_and_ages: list[tuple[int, int]], age_ms: int, size_bytes: int, high_watermark: int
) -> None:
    segments = [segment(10 * number, size, age) for number, (size, age) in enumerate(sizes_and_ages)]
    end = 10 * len(segments)
    found = plan(
        *segments, age_ms=age_ms, size_bytes=size_bytes, next_offset=end, high_watermark=min(high_watermark, end)
    )
    assert found.log_start_offset <= high_watermark
    kept = [candidate for candidate in segments if candidate.base_offset >= found.log_start_offset]
    assert found.aged_segments + found.oversize_segments == len(segments) - len(kept)
    if kept and kept[0].base_offset + 10 <= high_watermark:
        assert age_ms == UNLIMITED or NOW_MS - kept[0].newest_ms <= age_ms
        assert size_bytes == UNLIMITED or sum(left.size_bytes for left in kept[1:]) < size_bytes
    if size_bytes != UNLIMITED and found.oversize_segments:
        assert sum(left.size_bytes for left in kept) + found.aged_bytes >= size_bytes


@pytest.mark.parametrize(
    ("wanted_from", "start", "waits"), [(0, 0, True), (9, 0, True), (10, 10, True), (19, 10, True), (20, 20, False)]
)
def test_what_a_reader_wants_stays_whatever_the_limit(wanted_from: int, start: int, waits: bool) -> None:
    segments = segment(0, age_ms=5000), segment(10, age_ms=5000), segment(20)
    for limits in ({"age_ms": AGE_MS}, {"size_bytes": 100}):
        found = plan(*segments, **limits, wanted_from=wanted_from)
        assert (found.log_start_offset, found.kept_for_reader) == (start, waits)
    assert not plan(*segments, wanted_from=wanted_from).kept_for_reader
