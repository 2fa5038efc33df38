"""The records of `__transaction_state` are Kafka's, byte for byte."""

import pytest

from logpost_broker.transactions.events import Event, TransactionForgotten, TransactionStored
from logpost_broker.transactions.states import TransactionState
from logpost_broker.transactions.transaction_record import STATES, from_record, to_record

KEY = "0000 0003 70c3a4"
EMPTY = TransactionStored(
    transactional_id="pä",
    state=TransactionState.EMPTY,
    producer_id=7,
    producer_epoch=2,
    timeout_ms=60_000,
    updated_ms=1_000,
)
FULL = TransactionStored(
    transactional_id="pä",
    state=TransactionState.PREPARE_COMMIT,
    producer_id=7,
    producer_epoch=32_767,
    timeout_ms=60_000,
    updated_ms=1_000,
    started_ms=900,
    partitions=frozenset({("b", 1), ("a", 3), ("b", 0)}),
    previous_producer_id=6,
    next_producer_id=8,
    is_v2=True,
)
EMPTY_V1 = "0001 0000000000000007 0002 0000ea60 00 01 00000000000003e8 ffffffffffffffff 00"
FULL_V1 = (
    "0001 0000000000000007 7fff 0000ea60 02"
    " 03 0261 02 00000003 00 0262 03 00000000 00000001 00"
    " 00000000000003e8 0000000000000384"
    " 03 0008 0000000000000006 0108 0000000000000008 0202 0002"
)
FULL_V0 = (
    "0000 0000000000000007 7fff 0000ea60 02"
    " 00000002 0001 61 00000001 00000003 0001 62 00000002 00000000 00000001"
    " 00000000000003e8 0000000000000384"
)
NULL_PARTITIONS_V1 = "0001 0000000000000007 0002 0000ea60 00 00 00000000000003e8 ffffffffffffffff 00"


def test_kafkas_states_have_kafkas_numbers() -> None:
    assert [state.value for state in STATES] == [
        "Empty",
        "Ongoing",
        "PrepareCommit",
        "PrepareAbort",
        "CompleteCommit",
        "CompleteAbort",
        "Dead",
    ]


@pytest.mark.parametrize(
    ("event", "value"), [(EMPTY, EMPTY_V1), (FULL, FULL_V1), (TransactionForgotten(transactional_id="pä"), None)]
)
def test_events_are_written_as_kafka_writes_them_and_read_back(event: Event, value: str | None) -> None:
    record = (bytes.fromhex(KEY), None if value is None else bytes.fromhex(value))
    assert to_record(event) == record
    assert from_record(*record) == event


def test_what_older_kafkas_wrote_is_read() -> None:
    found = from_record(bytes.fromhex(KEY), bytes.fromhex(FULL_V0))
    assert isinstance(found, TransactionStored)
    assert (found.partitions, found.previous_producer_id, found.is_v2) == (FULL.partitions, -1, False)
    assert from_record(bytes.fromhex(KEY), bytes.fromhex(NULL_PARTITIONS_V1)) == EMPTY


@pytest.mark.parametrize(
    ("key", "value"),
    [("0001 0001 61", EMPTY_V1), (KEY, "0009"), (KEY, EMPTY_V1[:20]), (KEY, EMPTY_V1.replace("60 00", "60 63", 1))],
)
def test_what_is_no_such_record_is_refused(key: str, value: str) -> None:
    with pytest.raises(ValueError):  # each for its own reason
        from_record(bytes.fromhex(key), bytes.fromhex(value))
