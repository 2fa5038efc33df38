"""Sequences of idempotent producers."""

from __future__ import annotations

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.log.limits import MAX_PRODUCERS_OF_PARTITION
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.log.producers import BATCHES_KEPT, EXPIRATION_MS, MAX_SEQUENCE, ProducerStates
from logpost_broker.log.records import build_marker
from tests.broker.log.logs import NOW_MS, header_of, idempotent


class Log:
    """Producer states in front of an imaginary log."""

    def __init__(self) -> None:
        self.states = ProducerStates()
        self.next_offset = 0

    def send(self, sequence: int, records: int = 1, *, producer_id: int = 7, epoch: int = 0) -> int | ErrorCode:
        """The batch's offset in the log, or why it is not there."""
        header = header_of(idempotent(producer_id, sequence, [b"v"] * records, epoch), self.next_offset)
        try:
            duplicate = self.states.check(header)
        except ApiError as error:
            return error.code
        if duplicate is not None:
            return duplicate.base_offset
        self.states.record(header, NOW_MS)
        self.next_offset += records
        return header.base_offset


def test_batches_in_sequence_are_taken() -> None:
    log = Log()
    assert [log.send(0, 3), log.send(3, 2), log.send(5)] == [0, 3, 5]


def test_each_of_the_last_five_batches_is_known_again() -> None:
    log = Log()
    for number in range(BATCHES_KEPT + 1):
        log.send(number * 2, 2)
    assert [log.send(number * 2, 2) for number in range(1, BATCHES_KEPT + 1)] == [2, 4, 6, 8, 10]
    assert log.send(0, 2) is ErrorCode.out_of_order_sequence_number
    assert log.next_offset == 12


def test_a_gap_is_refused_and_changes_nothing() -> None:
    log = Log()
    log.send(0)
    assert log.send(2) is ErrorCode.out_of_order_sequence_number
    assert log.send(1) == 1


def test_a_new_epoch_starts_at_zero_and_shuts_the_old_one_out() -> None:
    log = Log()
    log.send(0)
    assert log.send(1, epoch=1) is ErrorCode.out_of_order_sequence_number
    assert log.send(0, epoch=1) == 1
    assert log.send(1, epoch=0) is ErrorCode.invalid_producer_epoch


def test_an_epoch_that_a_marker_told_of_starts_at_zero() -> None:
    log = Log()
    log.send(0)
    log.states.record(header_of(build_marker(ProducerIdentity(7, 1), 0, commit=True, timestamp_ms=NOW_MS), 1), NOW_MS)
    assert log.send(7, epoch=1) is ErrorCode.out_of_order_sequence_number
    assert log.send(0, epoch=1) == 1


def test_a_producer_nobody_knows_may_start_anywhere() -> None:
    assert Log().send(500) == 0


def test_sequences_start_again_after_the_highest() -> None:
    log = Log()
    log.send(MAX_SEQUENCE - 1, 3)
    assert log.send(1) == 3
    assert log.send(MAX_SEQUENCE - 1, 3) == 0


def test_producers_do_not_mix() -> None:
    log = Log()
    assert [log.send(0, producer_id=1), log.send(0, producer_id=2), log.send(1, producer_id=1)] == [0, 1, 2]


def test_a_snapshot_keeps_every_duplicate_known() -> None:
    log = Log()
    for number in range(BATCHES_KEPT):
        log.send(number, producer_id=1)
        log.send(number, producer_id=2, epoch=4)
    log.states, _ = ProducerStates.from_snapshot(log.states.snapshot())
    assert [log.send(number, producer_id=1) for number in range(BATCHES_KEPT)] == [0, 2, 4, 6, 8]
    assert log.send(BATCHES_KEPT, producer_id=2, epoch=4) == 10
    assert log.send(0, producer_id=2, epoch=3) is ErrorCode.invalid_producer_epoch


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"", lambda data: b"\0\2" + data[2:]])
def test_a_damaged_snapshot_is_refused(damage: object) -> None:
    log = Log()
    log.send(0)
    assert callable(damage)
    with pytest.raises(ValueError, match="snapshot"):
        ProducerStates.from_snapshot(damage(log.states.snapshot()))


def test_a_producer_silent_for_a_day_is_forgotten() -> None:
    log = Log()
    log.send(0)
    log.states.expire(NOW_MS + EXPIRATION_MS)
    assert len(log.states) == 1
    log.states.expire(NOW_MS + EXPIRATION_MS + 1)
    assert len(log.states) == 0


def many(first: int, count: int, log: Log) -> None:
    """As from clients that take a new id for each batch; each a millisecond after the one before."""
    header = header_of(idempotent(first, 0, [b"v"]), 0)
    for number in range(count):
        log.states.record(header._replace(producer_id=first + number), NOW_MS + first + number)


def test_a_new_producer_takes_the_place_of_those_that_were_silent_for_longest() -> None:
    log = Log()
    log.send(0, producer_id=0)
    many(1, MAX_PRODUCERS_OF_PARTITION - 1, log)
    assert log.states.take_forgotten() == 0
    assert len(log.states) == MAX_PRODUCERS_OF_PARTITION
    many(MAX_PRODUCERS_OF_PARTITION, 1, log)
    tenth = MAX_PRODUCERS_OF_PARTITION // 10
    assert log.states.take_forgotten() == tenth
    assert log.states.take_forgotten() == 0
    assert [producer_id for producer_id, _ in log.states] == [*range(tenth, MAX_PRODUCERS_OF_PARTITION + 1)]
    assert log.send(5, producer_id=0) == 1, "as one that is not known"


def test_one_that_goes_on_is_never_forgotten() -> None:
    log = Log()
    log.send(0, producer_id=-7)
    for round_ in range(30):
        many(round_ * MAX_PRODUCERS_OF_PARTITION // 10, MAX_PRODUCERS_OF_PARTITION // 10, log)
        header = header_of(idempotent(-7, round_ + 1, [b"v"]), 0)
        log.states.record(header, NOW_MS + (round_ + 1) * MAX_PRODUCERS_OF_PARTITION // 10)
        assert len(log.states) <= MAX_PRODUCERS_OF_PARTITION
    assert log.send(30, producer_id=-7) is not ErrorCode.out_of_order_sequence_number
    assert log.send(32, producer_id=-7) is ErrorCode.out_of_order_sequence_number
