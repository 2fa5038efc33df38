"""What an answer says of its own completeness."""

from __future__ import annotations

from logpost_web.api.completeness import Behind, Completeness, completeness
from logpost_web.indexer.progress import PartitionProgress

SECOND_NS = 10**9


def partition(number: int, indexed: int, end: int, seconds: int) -> PartitionProgress:
    return PartitionProgress(
        topic="logs", partition=number, next_offset=indexed, end_offset=end, indexed_until_ns=seconds * SECOND_NS
    )


def test_nothing_is_known_before_the_first_record() -> None:
    assert completeness([]) == Completeness(indexed_until=None, behind=[])
    assert completeness([partition(0, 0, 0, 0)]) == Completeness(indexed_until=None, behind=[])


def test_with_nobody_behind_everything_up_to_the_newest_record_is_there() -> None:
    found = completeness([partition(0, 5, 5, 60), partition(1, 7, 7, 120), partition(2, 0, 0, 0)])
    assert found == Completeness(indexed_until="1970-01-01T00:02:00.000000000Z", behind=[])


def test_a_partition_that_is_behind_holds_the_promise_back() -> None:
    found = completeness([partition(0, 5, 5, 120), partition(1, 7, 19, 60), partition(2, 1, 2, 90)])
    assert found.indexed_until == "1970-01-01T00:01:00.000000000Z"
    assert found.behind == [
        Behind(topic="logs", partition=1, records=12),
        Behind(topic="logs", partition=2, records=1),
    ]


def test_a_partition_of_which_nothing_is_indexed_leaves_nothing_to_promise() -> None:
    found = completeness([partition(0, 5, 5, 120), partition(1, 0, 3, 0)])
    assert found.indexed_until is None
    assert found.behind == [Behind(topic="logs", partition=1, records=3)]
