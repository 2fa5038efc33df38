"""Produce: what is refused and by which error, stamped topics, duplicates, acks."""

from __future__ import annotations

import time

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.log.batch import MAGIC_POSITION, TRANSACTIONAL
from logpost_broker.log.records import build_batch
from tests.broker.api.conftest import NewTopic, create, produce, produce_values
from tests.broker.log.logs import changed, idempotent
from tests.broker.wire_client import WireClient

BATCH = build_batch([(b"k", b"v")], 1)


def with_byte(position: int, value: int) -> bytes:
    batch = bytearray(BATCH)
    batch[position] = value
    return bytes(batch)


@pytest.mark.parametrize(
    ("batch", "code"),
    [
        (with_byte(len(BATCH) - 1, 9), ErrorCode.corrupt_message),
        (with_byte(MAGIC_POSITION, 1), ErrorCode.unsupported_for_message_format),
        (BATCH + BATCH, ErrorCode.invalid_record),
        (b"", ErrorCode.invalid_record),
        (changed(BATCH, attributes=TRANSACTIONAL), ErrorCode.invalid_txn_state),
        (build_batch([(None, b"x" * 2000)], 1), ErrorCode.message_too_large),
    ],
)
def test_a_bad_batch_is_refused_and_the_log_goes_on(
    client: WireClient, new_topic: NewTopic, batch: bytes, code: ErrorCode
) -> None:
    topic = new_topic(max_message_bytes="1000")
    assert produce(client, topic, batch).error_code is code
    assert produce_values(client, topic, b"good") == 0


def test_only_the_bad_partition_of_a_request_fails(client: WireClient) -> None:
    [created] = create(client, "two-partitions", num_partitions=2)
    assert created.error_code is ErrorCode.none
    data = [{"index": index, "records": batch} for index, batch in ((0, BATCH), (1, b"bad"), (7, BATCH))]
    topics = [{"name": "two-partitions", "partition_data": data}, {"name": "unknown", "partition_data": data[:1]}]
    known, unknown = client.call("produce", 9, {"acks": -1, "topic_data": topics}).responses
    assert [answer.error_code for answer in known.partition_responses] == [
        ErrorCode.none,
        ErrorCode.corrupt_message,
        ErrorCode.unknown_topic_or_partition,
    ]
    assert unknown.partition_responses[0].error_code is ErrorCode.unknown_topic_or_partition


def test_unknown_acks_are_refused(client: WireClient, new_topic: NewTopic) -> None:
    assert produce(client, new_topic(), BATCH, acks=2).error_code is ErrorCode.invalid_required_acks


def test_a_topic_with_the_brokers_time_answers_that_time(client: WireClient, new_topic: NewTopic) -> None:
    before = time.time()
    stamped = produce(client, new_topic(message_timestamp_type="LogAppendTime"), BATCH)
    assert before - 1 < stamped.log_append_time.timestamp() <= time.time()
    assert produce(client, new_topic(), BATCH).log_append_time is None


@pytest.mark.parametrize("acks", [1, -1])
def test_a_batch_sent_twice_is_answered_twice_and_kept_once(client: WireClient, new_topic: NewTopic, acks: int) -> None:
    topic = new_topic()
    produce_values(client, topic, b"before")
    producer_id = client.call("init_producer_id", 4, {}).producer_id
    batch = idempotent(producer_id, 0, [b"a", b"b"], timestamp_ms=1)
    for _ in range(2):
        answer = produce(client, topic, batch, acks=acks)
        assert (answer.error_code, answer.base_offset) == (ErrorCode.none, 1)
    gap = produce(client, topic, idempotent(producer_id, 9, [b"c"], timestamp_ms=1), acks=acks)
    assert gap.error_code is ErrorCode.out_of_order_sequence_number
    assert produce_values(client, topic, b"after") == 3


def test_a_failure_that_has_no_answer_closes_the_connection(client: WireClient, new_topic: NewTopic) -> None:
    topic = new_topic()
    for batch in (BATCH, b"bad"):
        data = [{"name": topic, "partition_data": [{"index": 0, "records": batch}]}]
        client.send("produce", 9, {"acks": 0, "topic_data": data}, answered=False)
    with pytest.raises((EOFError, ConnectionResetError)):
        client.receive_frame()
