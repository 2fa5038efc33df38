"""Fetch: how much, from where, and when a long poll ends."""

from __future__ import annotations

import datetime
import os
import time
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker import Broker
from logpost_broker.log.records import build_batch, records_in
from tests.broker.api.conftest import NewTopic, create, produce_values
from tests.broker.wire_client import WireClient

LONG = 20.0


def request(
    *topics: str, offset: int = 0, seconds: float = 0, min_bytes: int = 1, max_bytes: int = 1 << 20, **fields: Any
) -> dict[str, Any]:
    partition = {"partition": 0, "fetch_offset": offset, "partition_max_bytes": 1 << 20} | fields
    return {
        "max_wait": datetime.timedelta(seconds=seconds),
        "min_bytes": min_bytes,
        "max_bytes": max_bytes,
        "session_epoch": -1,
        "topics": [{"topic": topic, "partitions": [partition]} for topic in topics],
    }


def fetch(client: WireClient, *topics: str, **options: Any) -> Any:
    """The answer for the only partition."""
    return client.call("fetch", 11, request(*topics, **options)).responses[0].partitions[0]


def values(answer: Any) -> list[bytes | None]:
    return [record.value for record in records_in(answer.records)]


def test_a_fetch_at_the_end_waits_for_what_comes(
    client: WireClient, shared_broker: Broker, new_topic: NewTopic
) -> None:
    topic = new_topic()
    client.send("fetch", 11, request(topic, seconds=LONG))
    with WireClient(shared_broker.port) as other:
        produce_values(other, topic, b"news")
    started = time.monotonic()
    assert values(client.receive().responses[0].partitions[0]) == [b"news"]
    assert time.monotonic() - started < LONG / 2


def test_a_fetch_waits_for_as_many_bytes_as_it_asks(
    client: WireClient, shared_broker: Broker, new_topic: NewTopic
) -> None:
    first, second = new_topic(), new_topic()
    batch_bytes = len(build_batch([(None, b"x" * 100)], 1))
    client.send("fetch", 11, request(first, second, seconds=LONG, min_bytes=3 * batch_bytes))
    with WireClient(shared_broker.port) as other:
        for topic in (first, second, first):
            produce_values(other, topic, b"x" * 100)
    found = [len(values(answer.partitions[0])) for answer in client.receive().responses]
    assert found == [2, 1]


def test_a_fetch_that_finds_too_little_answers_in_time(client: WireClient, new_topic: NewTopic) -> None:
    topic = new_topic()
    produce_values(client, topic, b"little")
    started = time.monotonic()
    assert values(fetch(client, topic, seconds=0.3, min_bytes=10_000)) == [b"little"]
    assert 0.25 < time.monotonic() - started < LONG


def test_a_fetch_waits_for_no_more_than_its_answer_may_have(client: WireClient, new_topic: NewTopic) -> None:
    topic = new_topic()
    value = os.urandom(600)
    for _ in range(2):
        produce_values(client, topic, value)
    started = time.monotonic()
    answer = fetch(client, topic, seconds=LONG, min_bytes=1 << 30, max_bytes=1_000)
    assert values(answer) == [value]
    assert time.monotonic() - started < LONG / 2


def test_other_topics_do_not_end_a_wait(client: WireClient, shared_broker: Broker, new_topic: NewTopic) -> None:
    mine, other_topic = new_topic(), new_topic()
    started = time.monotonic()
    client.send("fetch", 11, request(mine, seconds=0.5))
    with WireClient(shared_broker.port) as other:
        produce_values(other, other_topic, b"not mine")
    assert client.receive().responses[0].partitions[0].records == b""
    assert time.monotonic() - started > 0.4


@pytest.mark.parametrize("offset", [-1, 3, 1000])
def test_an_offset_outside_the_log_is_an_error_at_once(client: WireClient, new_topic: NewTopic, offset: int) -> None:
    topic = new_topic()
    produce_values(client, topic, b"a", b"b")
    answer = fetch(client, topic, offset=offset, seconds=LONG)
    assert answer.error_code is ErrorCode.offset_out_of_range


def test_an_answer_keeps_to_its_size_but_for_the_first_batch(client: WireClient, new_topic: NewTopic) -> None:
    first, second = (new_topic(compression_type="producer") for _ in range(2))
    for topic in (first, second):
        for value in (b"1" * 1000, b"2" * 1000):
            produce_values(client, topic, value)
    answer = client.call("fetch", 11, request(first, second, max_bytes=10))
    assert [len(values(topic.partitions[0])) for topic in answer.responses] == [1, 0]
    answer = client.call("fetch", 11, request(first, second, partition_max_bytes=10))
    assert [len(values(topic.partitions[0])) for topic in answer.responses] == [1, 0]
    answer = client.call("fetch", 11, request(first, second, max_bytes=3500))
    assert [len(values(topic.partitions[0])) for topic in answer.responses] == [2, 1]


def test_a_fetch_from_inside_a_batch_gives_the_whole_batch(client: WireClient, new_topic: NewTopic) -> None:
    topic = new_topic()
    produce_values(client, topic, b"a", b"b", b"c")
    assert values(fetch(client, topic, offset=1)) == [b"a", b"b", b"c"]


@pytest.mark.parametrize(
    ("epoch", "code"),
    [(-1, ErrorCode.none), (0, ErrorCode.none), (1, ErrorCode.unknown_leader_epoch)],
)
def test_a_leader_epoch_of_the_future_is_an_error(
    client: WireClient, new_topic: NewTopic, epoch: int, code: ErrorCode
) -> None:
    topic = new_topic()
    assert fetch(client, topic, current_leader_epoch=epoch).error_code is code


def test_a_wait_for_a_topic_that_is_deleted_ends_with_an_error(client: WireClient, shared_broker: Broker) -> None:
    [created] = create(client, "short-lived")
    assert created.error_code is ErrorCode.none
    produce_values(client, "short-lived", b"v")
    client.send("fetch", 11, request("short-lived", offset=1, seconds=LONG))
    with WireClient(shared_broker.port) as other:
        other.call("delete_topics", 5, {"topic_names": ("short-lived",)})
    started = time.monotonic()
    assert client.receive().responses[0].partitions[0].error_code is ErrorCode.unknown_topic_or_partition
    assert time.monotonic() - started < LONG / 2
