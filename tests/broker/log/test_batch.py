"""Walking over batches, and the broker's time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logpost_broker.log.batch import (
    HEADER_BYTES,
    crc_matches,
    read_header,
    stamped,
    whole_batches,
)
from logpost_broker.log.records import build_batch, records_of

BATCH = build_batch([(b"key", b"value"), (None, b"other")], 1000)


@given(st.integers(0, 3 * len(BATCH)))
def test_batches_are_walked_up_to_the_one_that_is_cut(size: int) -> None:
    found = [position for position, _ in whole_batches((BATCH * 3)[:size])]
    assert found == [len(BATCH) * number for number in range(size // len(BATCH))]


def test_a_walk_over_garbage_ends() -> None:
    assert list(whole_batches(b"\xff" * (HEADER_BYTES + 10))) == []


def test_a_stamped_batch_has_the_brokers_time_and_a_right_crc() -> None:
    batch = stamped(read_header(BATCH), BATCH, 5000)
    assert crc_matches(batch, read_header(batch))
    assert [record.timestamp_ms for record in records_of(batch)] == [5000, 5000]
