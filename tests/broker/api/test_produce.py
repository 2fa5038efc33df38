"""Produce: what is refused and by which error, stamped topics, duplicates, acks."""

from __future__ import annotations

import datetime
import os
import socket
import time
import urllib.request
import uuid

import msgspec
import pytest
import zstandard
from confluent_kafka import Consumer, TopicPartition
from kio.schema.errors import ErrorCode

from logpost_broker import Broker
from logpost_broker.api.produce import PARTITIONS_AT_ONCE
from logpost_broker.broker import EMBEDDED
from logpost_broker.log.batch import (
    CONTROL,
    HEADER_BYTES,
    LENGTH_PREFIX_BYTES,
    LOG_APPEND_TIME,
    MAGIC_POSITION,
    TRANSACTIONAL,
)
from logpost_broker.log.compression import CODECS, GZIP, LZ4, SNAPPY, ZSTD, compress
from logpost_broker.log.limits import MAX_BATCH_RECORDS, MAX_RECORDS_BYTES, MAX_UNSIZED_BYTES
from logpost_broker.log.records import build_batch, records_in
from tests.broker.api.conftest import NewTopic, create, produce, produce_values
from tests.broker.log.logs import changed, idempotent
from tests.broker.wire_client import WireClient

BATCH = build_batch([(b"k", b"v")], 1)
HOUR_MS = 3_600_000
LARGE = os.urandom(30_000).hex().encode()
"""Compressed in a thread: too large for the event loop."""


def with_records(batch: bytes, records: bytes, **fields: int) -> bytes:
    return changed(
        batch[:HEADER_BYTES] + records, batch_length=HEADER_BYTES - LENGTH_PREFIX_BYTES + len(records), **fields
    )


def in_codec(batch: bytes, codec: int) -> bytes:
    """As a producer with that codec sends it."""
    return with_records(batch, compress(codec, batch[HEADER_BYTES:], 1), attributes=codec)


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
        (build_batch([(None, b"x" * 900)], 1), ErrorCode.record_list_too_large),
        (build_batch([(None, b"v")], time.time_ns() // 1_000_000 + 2 * HOUR_MS), ErrorCode.invalid_timestamp),
        (changed(BATCH, attributes=LOG_APPEND_TIME), ErrorCode.invalid_timestamp),
        (changed(BATCH, attributes=CONTROL), ErrorCode.invalid_record),
        (changed(BATCH, attributes=7), ErrorCode.unsupported_compression_type),
        (changed(BATCH, record_count=2), ErrorCode.invalid_record),
        (changed(BATCH, producer_id=1, producer_epoch=0), ErrorCode.invalid_record),
    ],
)
def test_a_bad_batch_is_refused_and_the_log_goes_on(
    client: WireClient, new_topic: NewTopic, batch: bytes, code: ErrorCode
) -> None:
    topic = new_topic(max_message_bytes="1000", segment_bytes="800")
    assert produce(client, topic, batch).error_code is code
    assert produce_values(client, topic, b"good") == 0


@pytest.mark.parametrize("hours_ahead", [-2, 2])
def test_a_batch_of_another_time_names_the_record_to_blame(
    client: WireClient, new_topic: NewTopic, hours_ahead: int
) -> None:
    timestamp_ms = time.time_ns() // 1_000_000 + hours_ahead * HOUR_MS
    topic = new_topic(message_timestamp_before_max_ms="1000")
    answer = produce(client, topic, build_batch([(b"k", b"v")], timestamp_ms))
    assert answer.error_code is ErrorCode.invalid_timestamp
    [wrong] = answer.record_errors
    assert (wrong.batch_index, f"timestamp {timestamp_ms} is" in wrong.batch_index_error_message) == (0, True)


def test_only_the_bad_partition_of_a_request_fails(client: WireClient) -> None:
    [created] = create(client, "two-partitions", num_partitions=2)
    assert created.error_code is ErrorCode.none
    data = [{"index": index, "records": batch} for index, batch in ((0, BATCH), (1, b"bad"), (7, BATCH))]
    topics = [{"name": "two-partitions", "partition_data": data}, {"name": "unknown", "partition_data": data[:1]}]
    known, unknown = client.call("produce", 9, {"acks": -1, "topic_data": topics}).responses
    assert [answer.error_code for answer in known.partition_responses] == [
        ErrorCode.none,
        ErrorCode.invalid_record,
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


def test_zstd_is_refused_from_clients_that_are_older_than_it(client: WireClient, new_topic: NewTopic) -> None:
    topic = new_topic()
    batch = in_codec(BATCH, ZSTD)
    assert produce(client, topic, batch, version=6).error_code is ErrorCode.unsupported_compression_type
    assert produce(client, topic, batch, version=7).error_code is ErrorCode.none


def test_old_records_are_refused_where_the_topic_says_so(client: WireClient, new_topic: NewTopic) -> None:
    topic = new_topic(message_timestamp_before_max_ms="1000")
    assert produce(client, topic, BATCH).error_code is ErrorCode.invalid_timestamp


def test_a_compacted_topic_names_the_records_that_have_no_key(client: WireClient, new_topic: NewTopic) -> None:
    topic = new_topic(cleanup_policy="compact")
    answer = produce(client, topic, build_batch([(b"k", b"v"), (None, b"v")], 1))
    assert answer.error_code is ErrorCode.invalid_record
    assert [error.batch_index for error in answer.record_errors] == [1]
    assert "key" in answer.record_errors[0].batch_index_error_message
    older = produce(client, topic, build_batch([(None, b"v")], 1), version=7)
    assert older.error_code is ErrorCode.invalid_record
    assert produce(client, topic, build_batch([(b"k", b"v")], 1)).base_offset == 0


PACKED = (GZIP, SNAPPY, LZ4, ZSTD)
FIVE = build_batch([(b"k", b"v")] * 5, 1)
UNREADABLE = {
    "nothing but a header": with_records(BATCH, b""),
    "random records": with_records(BATCH, os.urandom(100)),
    "more records than said": changed(FIVE, record_count=1, last_offset_delta=0),
    "fewer records than said": changed(FIVE, record_count=6, last_offset_delta=5),
    "a large batch with a record too many": changed(
        build_batch([(None, LARGE[:100])] * 3000, 1), record_count=2999, last_offset_delta=2998
    ),
    **{f"codec {codec} that is none": changed(build_batch([(None, LARGE)], 1), attributes=codec) for codec in PACKED},
    **{
        f"codec {codec}, cut short": with_records(
            FIVE, compress(codec, FIVE[HEADER_BYTES:] * 50, 1)[:-8], attributes=codec
        )
        for codec in PACKED
    },
    "zstd, more records than said": changed(in_codec(FIVE, ZSTD), record_count=1, last_offset_delta=0),
    "zstd, nothing": with_records(BATCH, compress(ZSTD, b"", 1), attributes=ZSTD),
}


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("acks", [1, -1])
def test_what_no_reader_could_read_is_refused_and_what_follows_is_taken(
    client: WireClient, new_topic: NewTopic, name: str, acks: int
) -> None:
    for settings in ({}, {"compression_type": "lz4"}, {"cleanup_policy": "compact"}):
        topic = new_topic(**settings)
        answer = produce(client, topic, UNREADABLE[name], acks=acks)
        assert (answer.error_code, answer.base_offset) == (ErrorCode.invalid_record, -1)
        assert produce(client, topic, build_batch([(b"k", b"v")], 1), acks=acks).base_offset == 0


def test_a_few_bytes_that_claim_millions_of_records_are_refused(client: WireClient, new_topic: NewTopic) -> None:
    records = compress(ZSTD, BATCH[HEADER_BYTES:] * (MAX_BATCH_RECORDS + 1), 1)
    batch = with_records(
        BATCH, records, attributes=ZSTD, record_count=MAX_BATCH_RECORDS + 1, last_offset_delta=MAX_BATCH_RECORDS
    )
    assert produce(client, new_topic(), batch).error_code is ErrorCode.record_list_too_large


@pytest.mark.parametrize("codec", ["lz4", "zstd", "zstd that does not say its size"])
def test_what_is_taken_librdkafka_unpacks_and_what_is_larger_is_refused(
    client: WireClient, shared_broker: Broker, new_topic: NewTopic, codec: str
) -> None:
    """Else it was acknowledged and is never read."""
    topic = new_topic(compression_type="producer")
    is_sized = codec in CODECS
    most = (MAX_RECORDS_BYTES if is_sized else MAX_UNSIZED_BYTES) - 100

    def batch(size: int) -> bytes:
        plain = build_batch([(b"k", bytes(size))], 1)
        if is_sized:
            return in_codec(plain, CODECS[codec])
        packed = zstandard.ZstdCompressor(write_content_size=False).compress(plain[HEADER_BYTES:])
        return with_records(plain, packed, attributes=ZSTD)

    assert produce(client, topic, batch(most + 100)).error_code is ErrorCode.invalid_record
    assert produce(client, topic, batch(most)).error_code is ErrorCode.none
    consumer = Consumer({"bootstrap.servers": shared_broker.bootstrap_servers, "group.id": topic})
    consumer.assign([TopicPartition(topic, 0, 0)])
    message = consumer.poll(60)
    consumer.close()
    assert message is not None
    assert message.error() is None
    assert len(message.value() or b"") == most


@pytest.mark.parametrize("acks", [1, -1])
def test_pipelined_batches_of_all_sizes_keep_their_order(client: WireClient, new_topic: NewTopic, acks: int) -> None:
    """Each is sent twice, as by a client that lost patience, before the first answer is read."""
    topic = new_topic()
    producer_id = client.call("init_producer_id", 4, {}).producer_id
    sizes = [60_000, 10, 3000, 40_000, 20_000] * 3
    batches = [idempotent(producer_id, n, [LARGE[:size]], timestamp_ms=1) for n, size in enumerate(sizes)]
    for batch in batches:
        for _ in range(2):
            data = [{"name": topic, "partition_data": [{"index": 0, "records": batch}]}]
            client.send("produce", 9, {"acks": acks, "topic_data": data})
    for offset in range(len(batches)):
        for _ in range(2):
            [answer] = client.receive().responses[0].partition_responses
            assert (answer.error_code, answer.base_offset) == (ErrorCode.none, offset)
    assert [len(value or b"") for value in values_in(client, topic, len(sizes))] == sizes


@pytest.mark.parametrize("acks", [1, -1])
def test_batches_of_a_request_that_is_handled_in_steps_keep_their_order(
    client: WireClient, new_topic: NewTopic, acks: int
) -> None:
    topic = new_topic()
    many = [build_batch([(None, b"%d" % n)], 1) for n in range(PARTITIONS_AT_ONCE + 10)]
    for batches in (many, [BATCH]):
        data = [{"name": topic, "partition_data": [{"index": 0, "records": batch} for batch in batches]}]
        client.send("produce", 9, {"acks": acks, "topic_data": data})
    answers = [client.receive().responses for _ in range(2)]
    assert [[partition.base_offset for partition in topic.partition_responses] for [topic] in answers] == [
        list(range(len(many))),
        [len(many)],
    ]
    assert values_in(client, topic, len(many) + 1) == [*(b"%d" % n for n in range(len(many))), b"v"]


def test_a_refusal_among_many_batches_without_an_answer_closes_the_connection(
    client: WireClient, new_topic: NewTopic
) -> None:
    batches = [*[BATCH] * PARTITIONS_AT_ONCE, b"none"]
    data = [{"name": new_topic(), "partition_data": [{"index": 0, "records": batch} for batch in batches]}]
    client.send("produce", 9, {"acks": 0, "topic_data": data})
    with pytest.raises(EOFError):
        client.receive_frame()


def values_in(client: WireClient, topic: str, count: int) -> list[bytes | None]:
    """The values of `count` batches of one record: what acks=1 confirmed is visible after the sync that follows."""
    found: list[bytes | None] = []
    while len(found) < count:
        wanted = [{"partition": 0, "fetch_offset": len(found), "partition_max_bytes": 1 << 24}]
        request = {"max_wait": datetime.timedelta(seconds=5), "min_bytes": 1, "max_bytes": 1 << 24}
        answer = client.call("fetch", 11, request | {"topics": [{"topic": topic, "partitions": wanted}]})
        found += [record.value for record in records_in(answer.responses[0].partitions[0].records)]
    return found


def test_a_request_is_answered_when_all_its_partitions_are_in(client: WireClient) -> None:
    name = f"many-{uuid.uuid4().hex}"
    [created] = create(client, name, num_partitions=20)
    assert created.error_code is ErrorCode.none
    batches = [BATCH, build_batch([(None, LARGE)], 1)] * 10
    data = [{"index": index, "records": batch} for index, batch in enumerate(batches)]
    [answered] = client.call(
        "produce", 9, {"acks": -1, "topic_data": [{"name": name, "partition_data": data}]}
    ).responses
    assert [(answer.index, answer.error_code, answer.base_offset) for answer in answered.partition_responses] == [
        (index, ErrorCode.none, 0) for index in range(20)
    ]


def test_a_late_failure_that_has_no_answer_closes_the_connection(client: WireClient, new_topic: NewTopic) -> None:
    topic = new_topic(compression_type="lz4")
    for batch in (build_batch([(None, LARGE)], 1), changed(build_batch([(None, LARGE)], 1), attributes=ZSTD)):
        data = [{"name": topic, "partition_data": [{"index": 0, "records": batch}]}]
        client.send("produce", 9, {"acks": 0, "topic_data": data}, answered=False)
    with pytest.raises((EOFError, ConnectionResetError)):
        client.receive_frame()


def test_metrics_say_what_came_what_was_written_and_what_was_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    batch = build_batch([(None, b"line " * 20_000)], 1)
    with Broker(msgspec.structs.replace(EMBEDDED, metrics_port=port)) as broker, WireClient(broker.port) as client:
        create(client, "t")
        produce(client, "t", batch)
        produce(client, "t", b"bad")
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    counted = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("logpost_broker"))
    assert float(counted["logpost_broker_produced_bytes_total"]) == len(batch)
    assert 0 < float(counted["logpost_broker_written_bytes_total"]) < len(batch) / 50
    assert float(counted["logpost_broker_recompressed_batches_total"]) == 1
    assert float(counted["logpost_broker_compression_cpu_seconds_total"]) > 0
    assert float(counted["logpost_broker_compression_waiting_bytes"]) == 0
    assert float(counted['logpost_broker_refused_batches_total{error="invalid_record"}']) == 1
