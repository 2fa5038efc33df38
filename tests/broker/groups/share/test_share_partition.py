"""Stories of one share partition: who gets what, what becomes of it, and where the start offset is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.groups.share.acknowledgements import Acknowledgement, AcknowledgeType
from logpost_broker.groups.share.events import RecordState, StateBatch
from logpost_broker.groups.share.runs import Run, overlaid, overlay
from logpost_broker.groups.share.share_partition import MAX_ACQUIRED, Acquired, Change, SharePartition
from logpost_broker.metadata.group_limits import ShareLimits

GAP, ACCEPT, RELEASE, REJECT, RENEW = AcknowledgeType
LIMITS = ShareLimits(record_lock_duration_ms=100, delivery_count_limit=2, partition_max_record_locks=20)


@pytest.fixture
def partition() -> SharePartition:
    return SharePartition(0, LIMITS)


def acquire(
    partition: SharePartition, member: str, *batches: tuple[int, int], records: int = 100, now_ms: int = 0
) -> list[Acquired]:
    return partition.acquire(member, batches, records, now_ms, strict=False)


def acknowledge(partition: SharePartition, member: str, first: int, last: int, *types: int, now_ms: int = 0) -> Change:
    change = partition.acknowledge(member, [Acknowledgement(first, last, types)], now_ms)
    partition.apply(change)
    return change


def refused(partition: SharePartition, member: str, *batches: Acknowledgement) -> ErrorCode:
    before = partition.batches()
    with pytest.raises(ApiError) as raised:
        partition.acknowledge(member, batches, 0)
    assert partition.batches() == before
    return raised.value.code


def test_two_members_never_have_the_same_record(partition: SharePartition) -> None:
    assert acquire(partition, "a", (0, 4), records=5) == [(0, 4, 1)]
    assert acquire(partition, "b", (0, 4), (5, 9)) == [(5, 9, 1)]
    assert acquire(partition, "c", (0, 4), (5, 9)) == []


def test_a_batch_that_was_begun_is_given_whole(partition: SharePartition) -> None:
    assert acquire(partition, "a", (0, 9), (10, 19), records=12) == [(0, 19, 1)]


def test_a_strict_limit_cuts_a_batch(partition: SharePartition) -> None:
    assert partition.acquire("a", [(0, 9)], 3, 0, strict=True) == [(0, 2, 1)]
    assert partition.acquire("b", [(0, 9)], 3, 0, strict=True) == [(3, 5, 1)]


def test_the_start_moves_over_finished_records_only(partition: SharePartition) -> None:
    acquire(partition, "a", (0, 9))
    assert acknowledge(partition, "a", 5, 9, ACCEPT).start_offset == -1
    assert partition.start_offset == 0
    assert partition.delivery_complete_count == 5
    acknowledge(partition, "a", 0, 4, ACCEPT, ACCEPT, REJECT, GAP, ACCEPT)
    assert (partition.start_offset, partition.end_offset) == (10, 10)
    assert partition.batches() == ()


def test_acknowledgements_that_meet_are_one_batch(partition: SharePartition) -> None:
    acquire(partition, "a", (0, 9))
    acknowledge(partition, "a", 2, 3, ACCEPT)
    acknowledge(partition, "a", 6, 7, ACCEPT)
    acknowledge(partition, "a", 4, 5, ACCEPT)
    assert StateBatch(2, 7, RecordState.ACKNOWLEDGED, 1) in partition.batches()


def test_a_released_record_is_given_to_the_next_with_its_count(partition: SharePartition) -> None:
    acquire(partition, "a", (0, 2))
    acknowledge(partition, "a", 0, 2, ACCEPT, RELEASE, ACCEPT)
    assert partition.next_fetch_offset == 1
    assert acquire(partition, "b", (0, 2)) == [(1, 1, 2)]


def test_a_record_that_nobody_can_handle_is_archived(partition: SharePartition) -> None:
    for member in ("a", "b"):
        acquire(partition, member, (0, 0))
        acknowledge(partition, member, 0, 0, RELEASE)
    assert acquire(partition, "c", (0, 0)) == []
    assert partition.start_offset == 1


def test_a_lock_ends_and_its_records_are_free(partition: SharePartition) -> None:
    acquire(partition, "a", (0, 4), records=5)
    acquire(partition, "b", (5, 9), now_ms=50)
    assert partition.next_expiry_ms == 100
    assert not partition.expire(99)
    partition.apply(partition.expire(100))
    assert acquire(partition, "c", (0, 9), now_ms=100) == [(0, 4, 2)]
    assert refused(partition, "a", Acknowledgement(0, 4, (ACCEPT,))) is ErrorCode.invalid_record_state


def test_a_renewed_lock_lasts(partition: SharePartition) -> None:
    acquire(partition, "a", (0, 4))
    assert not acknowledge(partition, "a", 0, 1, RENEW, now_ms=90)
    partition.apply(partition.expire(100))
    assert acquire(partition, "b", (0, 4), now_ms=100) == [(2, 4, 2)]


def test_what_a_member_had_is_free_when_it_goes(partition: SharePartition) -> None:
    acquire(partition, "a", (0, 4))
    acquire(partition, "b", (5, 9))
    partition.apply(partition.release("a"))
    assert acquire(partition, "b", (0, 9)) == [(0, 4, 2)]


def test_not_more_is_begun_than_may_be_in_flight(partition: SharePartition) -> None:
    acquire(partition, "a", (0, 14), records=15)
    acquire(partition, "a", (15, 29))
    assert not partition.may_acquire
    assert acquire(partition, "b", (30, 39)) == []
    acknowledge(partition, "a", 0, 14, ACCEPT)
    assert acquire(partition, "b", (30, 39)) == [(30, 39, 1)]


def test_a_hole_in_the_log_is_acquired_with_what_follows(partition: SharePartition) -> None:
    """Else the start could never move over it."""
    acquired = acquire(partition, "a", (3, 4))
    assert acquired == [(0, 4, 1)]
    acknowledge(partition, "a", 0, 4, GAP, GAP, GAP, ACCEPT, ACCEPT)
    assert partition.start_offset == 5


def test_retention_moves_the_start(partition: SharePartition) -> None:
    acquire(partition, "a", (0, 9))
    partition.apply(partition.move_start(6))
    assert (partition.start_offset, partition.in_flight) == (6, 4)
    acknowledge(partition, "a", 0, 9, ACCEPT)
    assert partition.start_offset == 10
    partition.apply(partition.move_start(50))
    assert (partition.start_offset, partition.end_offset) == (50, 50)


def test_retention_moves_the_start_over_what_is_finished_behind_it(partition: SharePartition) -> None:
    acquire(partition, "a", (0, 9))
    acknowledge(partition, "a", 4, 6, ACCEPT)
    change = partition.move_start(5)
    partition.apply(change)
    assert partition.start_offset == change.start_offset == 7
    assert partition.delivery_complete_count == change.delivery_complete_count == 0


@pytest.mark.parametrize(
    ("batches", "code"),
    [
        ([Acknowledgement(0, 4, (ACCEPT,)), Acknowledgement(4, 5, (ACCEPT,))], ErrorCode.invalid_request),
        ([Acknowledgement(5, 4, (ACCEPT,))], ErrorCode.invalid_request),
        ([Acknowledgement(0, 4, (ACCEPT, ACCEPT))], ErrorCode.invalid_request),
        ([Acknowledgement(0, 4, ())], ErrorCode.invalid_request),
        ([Acknowledgement(0, 4, (5,))], ErrorCode.invalid_request),
        ([Acknowledgement(8, 10, (ACCEPT,))], ErrorCode.invalid_request),
        ([Acknowledgement(0, 1, (ACCEPT,)), Acknowledgement(4, 5, (ACCEPT,))], ErrorCode.invalid_record_state),
    ],
)
def test_a_wrong_acknowledgement_changes_nothing(
    partition: SharePartition, batches: list[Acknowledgement], code: ErrorCode
) -> None:
    acquire(partition, "a", (0, 4), records=5)
    acquire(partition, "b", (5, 9))
    assert refused(partition, "a", *batches) is code


def test_nothing_is_acknowledged_twice(partition: SharePartition) -> None:
    acquire(partition, "a", (0, 9))
    acknowledge(partition, "a", 5, 5, ACCEPT)
    assert refused(partition, "a", Acknowledgement(5, 5, (ACCEPT,))) is ErrorCode.invalid_record_state


@pytest.mark.parametrize("records", [1, MAX_ACQUIRED, 2**31 - 1])
def test_no_member_gets_more_at_once_than_may_have_states_of_their_own(partition: SharePartition, records: int) -> None:
    batch = (0, 2 * MAX_ACQUIRED + 9)
    assert acquire(partition, "a", batch, records=records) == [(0, MAX_ACQUIRED - 1, 1)]
    assert partition.next_fetch_offset == MAX_ACQUIRED
    assert not partition.may_acquire
    types = (ACCEPT, REJECT) * (MAX_ACQUIRED // 2 - 1)
    acknowledge(partition, "a", 0, MAX_ACQUIRED - 3, *types)
    assert acquire(partition, "b", batch) == [(MAX_ACQUIRED, 2 * MAX_ACQUIRED - 1, 1)]


@given(
    st.lists(st.tuples(st.integers(1, 5), st.sampled_from(RecordState))),
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5), st.sampled_from(RecordState))),
)
def test_many_changes_at_once_are_as_one_after_the_other(
    sizes: list[tuple[int, RecordState]], changes: list[tuple[int, int, RecordState]]
) -> None:
    runs: list[Run] = []
    end = 0
    for size, state in sizes:
        overlay(runs, Run(end, end + size - 1, state, 1))
        end += size
    news, at = [], 0
    for distance, size, state in changes:
        if at + distance <= end:
            at += distance
            news.append(Run(at, at + size - 1, state, 2))
            at += size
            end = max(end, at)
    found = overlaid(runs, news)
    for new in news:
        overlay(runs, new)
    assert found == runs
