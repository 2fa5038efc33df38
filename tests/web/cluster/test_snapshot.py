"""Lag as kafka_exporter counts it."""

from logpost_web.cluster.snapshot import NOT_COMMITTED, GroupState, PartitionState, Snapshot, complete


def partition(end: int | None) -> PartitionState:
    return PartitionState(oldest_offset=0, current_offset=end, leader=0, replicas=(0,), in_sync_replicas=(0,))


PARTITIONS = {("a", 0): partition(10), ("a", 1): partition(5), ("b", 0): partition(7), ("silent", 0): partition(None)}


def snapshot(committed: dict[tuple[str, int], int]) -> Snapshot:
    return Snapshot(brokers={}, partitions=PARTITIONS, groups={"g": GroupState(members=1, committed=committed)})


def test_lag_is_what_is_between_the_commit_and_the_end() -> None:
    assert snapshot({("a", 0): 4}).lag("g", ("a", 0)) == 6


def test_a_group_is_never_ahead() -> None:
    assert snapshot({("a", 0): 12}).lag("g", ("a", 0)) == 0


def test_without_a_commit_there_is_no_lag() -> None:
    assert snapshot({("a", 0): NOT_COMMITTED}).lag("g", ("a", 0)) == NOT_COMMITTED


def test_where_the_end_is_not_known_the_lag_is_not_either() -> None:
    assert snapshot({("gone", 0): 3}).lag("g", ("gone", 0)) is None
    assert snapshot({("silent", 0): 3}).lag("g", ("silent", 0)) is None
    assert snapshot({("silent", 0): NOT_COMMITTED}).lag("g", ("silent", 0)) == NOT_COMMITTED


def test_all_partitions_of_a_committed_topic_are_shown_and_no_other_topic() -> None:
    assert complete({("a", 0): 4}, PARTITIONS) == {("a", 0): 4, ("a", 1): NOT_COMMITTED}
    assert complete({("a", 0): NOT_COMMITTED}, PARTITIONS) == {}
