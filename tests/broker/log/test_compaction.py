"""When a log is compacted, and which of its segments become one: as numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from logpost_broker.log.compaction import CompactionLimits, CompactionPlan, SegmentSpan, groups, plan_compaction

NOW_MS = 1_000_000
LIMITS = CompactionLimits(segment_bytes=1000, index_bytes=100)


def segment(base_offset: int, end_offset: int, size_bytes: int = 100, age_ms: int = 0) -> SegmentSpan:
    return SegmentSpan(
        base_offset=base_offset,
        end_offset=end_offset,
        size_bytes=size_bytes,
        index_bytes=10,
        newest_ms=NOW_MS - age_ms,
        first_ms=NOW_MS - age_ms,
    )


THREE = [segment(0, 10, 300), segment(10, 20, 100), segment(20, 30, 200)]


def plan(
    segments: list[SegmentSpan],
    limits: CompactionLimits = LIMITS,
    *,
    first_dirty_offset: int = 0,
    log_start_offset: int = 0,
    upper_bound: int = 1000,
) -> CompactionPlan:
    return plan_compaction(
        segments,
        limits,
        first_dirty_offset=first_dirty_offset,
        log_start_offset=log_start_offset,
        upper_bound=upper_bound,
        now_ms=NOW_MS,
    )


def test_a_log_that_was_never_compacted_is_all_dirty() -> None:
    made = plan(THREE)
    assert (made.first_dirty_offset, made.end_offset, made.dirty_bytes, made.dirty_ratio) == (0, 30, 600, 1.0)
    assert made.is_due


def test_a_log_with_nothing_but_its_active_segment_is_clean() -> None:
    assert not plan([]).is_due


def test_what_was_compacted_counts_as_clean() -> None:
    made = plan(THREE, first_dirty_offset=20)
    assert (made.first_dirty_offset, made.end_offset) == (20, 30)
    assert made.dirty_ratio == pytest.approx(1 / 3)
    assert not made.is_due
    assert plan(THREE, replace(LIMITS, min_dirty_ratio=0.3), first_dirty_offset=20).is_due


def test_nothing_above_the_upper_bound_is_compacted() -> None:
    assert plan(THREE, upper_bound=29).end_offset == 20
    assert not plan(THREE, upper_bound=9).is_due


def test_young_segments_and_what_is_behind_them_wait() -> None:
    segments = [segment(0, 10, age_ms=500), segment(10, 20, age_ms=50), segment(20, 30, age_ms=500)]
    assert plan(segments, replace(LIMITS, min_lag_ms=100)).end_offset == 10


def test_an_old_dirty_record_makes_a_log_due_whatever_the_ratio() -> None:
    limits = replace(LIMITS, max_lag_ms=100)
    assert not plan([segment(0, 10, 900), segment(10, 20, age_ms=100)], limits, first_dirty_offset=10).is_due
    assert plan([segment(0, 10, 900), segment(10, 20, age_ms=101)], limits, first_dirty_offset=10).is_due


@pytest.mark.parametrize("wrong", [5, 31])
def test_a_checkpoint_that_cannot_be_true_is_not_believed(wrong: int) -> None:
    assert plan(THREE, first_dirty_offset=wrong, log_start_offset=10).first_dirty_offset == 10


def test_small_segments_become_one_up_to_the_size_of_a_segment() -> None:
    assert list(groups(THREE, LIMITS)) == [range(3)]
    assert list(groups(THREE, replace(LIMITS, segment_bytes=400))) == [range(2), range(2, 3)]
    assert list(groups(THREE, replace(LIMITS, index_bytes=20))) == [range(2), range(2, 3)]


def test_a_segment_larger_than_the_limit_is_a_group_of_its_own() -> None:
    assert list(groups(THREE, replace(LIMITS, segment_bytes=50))) == [range(1), range(1, 2), range(2, 3)]


def test_offsets_of_a_group_fit_into_four_bytes() -> None:
    edge = 2**31
    assert list(groups([segment(0, 10), segment(10, edge)], LIMITS)) == [range(2)]
    assert list(groups([segment(0, 10), segment(10, edge + 1)], LIMITS)) == [range(1), range(1, 2)]


def test_a_segment_without_a_batch_stays_as_it_is() -> None:
    assert list(groups([segment(0, 10), segment(10, 10, 0), segment(10, 20)], LIMITS)) == [range(1), range(2, 3)]
