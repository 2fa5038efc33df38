"""Every version of every API goes through the wire: requests lifted, answers lowered, decoded by kio's own classes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker import Broker
from logpost_broker.log.records import build_batch, records_in
from tests.broker.wire_client import WireClient, versions

UNKNOWN_ID = uuid.UUID(int=7)


def each_version(*apis: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("api", "version"), [(api, version) for api in apis for version in versions(api)])


@pytest.fixture
def client(shared_broker: Broker) -> Iterator[WireClient]:
    with WireClient(shared_broker.port) as connected:
        yield connected


@pytest.fixture
def topic(client: WireClient) -> dict[str, Any]:
    """A new topic with two partitions, by name and id."""
    name = f"topic-{uuid.uuid4().hex}"
    [created] = client.call(
        "create_topics", 7, {"topics": [{"name": name, "num_partitions": 2, "replication_factor": 1}]}
    ).topics
    assert created.error_code is ErrorCode.none
    return {"name": name, "topic": name, "topic_id": created.topic_id}


def produce(client: WireClient, version: int, topic: dict[str, Any], batch: bytes) -> Any:
    return client.call(
        "produce", version, {"acks": -1, "topic_data": [{**topic, "partition_data": [{"index": 0, "records": batch}]}]}
    )


def is_named(answer: Any, topic: dict[str, Any]) -> bool:
    """Whether an answer's topic is `topic`, in the words of its version."""
    return all(getattr(answer, key) == value for key, value in topic.items() if hasattr(answer, key))


@each_version("produce")
def test_produce(client: WireClient, topic: dict[str, Any], api: str, version: int) -> None:
    for base_offset in (0, 2):
        [answered] = produce(client, version, topic, build_batch([(b"k", b"v"), (None, b"w")], 1)).responses
        assert is_named(answered, topic)
        [partition] = answered.partition_responses
        assert (partition.index, partition.error_code, partition.base_offset) == (0, ErrorCode.none, base_offset)
        if version >= 10:
            assert partition.current_leader.leader_id == -1, "an unknown leader makes clients ask for metadata"


@each_version("produce")
def test_produce_to_a_topic_nobody_knows(client: WireClient, api: str, version: int) -> None:
    topic = {"name": "nobody-knows", "topic_id": UNKNOWN_ID}
    [answered] = produce(client, version, topic, build_batch([(None, b"v")], 1)).responses
    assert is_named(answered, topic)
    [partition] = answered.partition_responses
    assert partition.error_code is (
        ErrorCode.unknown_topic_id if version >= 13 else ErrorCode.unknown_topic_or_partition
    )


@each_version("fetch")
def test_fetch(client: WireClient, topic: dict[str, Any], api: str, version: int) -> None:
    produce(client, 13, topic, build_batch([(b"k", b"v")], 1000))
    wanted = [{"partition": number, "fetch_offset": 0, "partition_max_bytes": 1000} for number in (0, 1)]
    answer = client.call("fetch", version, {"min_bytes": 1, "topics": [{**topic, "partitions": wanted}]})
    [answered] = answer.responses
    assert is_named(answered, topic)
    first, second = answered.partitions
    assert [(record.offset, record.timestamp_ms, record.value) for record in records_in(first.records)] == [
        (0, 1000, b"v")
    ]
    assert (first.high_watermark, first.last_stable_offset, second.high_watermark) == (1, 1, 0)
    assert not second.records
    assert getattr(answer, "session_id", 0) == 0


@each_version("fetch")
def test_fetch_of_a_topic_nobody_knows(client: WireClient, api: str, version: int) -> None:
    topic = {"topic": "nobody-knows", "topic_id": UNKNOWN_ID}
    wanted = [{"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1000}]
    [answered] = client.call("fetch", version, {"topics": [{**topic, "partitions": wanted}]}).responses
    assert is_named(answered, topic)
    assert answered.partitions[0].error_code is (
        ErrorCode.unknown_topic_id if version >= 13 else ErrorCode.unknown_topic_or_partition
    )


@each_version("list_offsets")
def test_list_offsets(client: WireClient, topic: dict[str, Any], api: str, version: int) -> None:
    produce(client, 13, topic, build_batch([(None, b"old")], 1000))
    produce(client, 13, topic, build_batch([(None, b"new")], 2000))
    found = {}
    for timestamp in (-1, -2, 1500, 3000):
        asked = {"replica_id": -1, "topics": [{**topic, "partitions": [{"timestamp": timestamp}]}]}
        [answered] = client.call("list_offsets", version, asked).topics
        assert answered.name == topic["name"]
        assert answered.partitions[0].error_code is ErrorCode.none
        found[timestamp] = (answered.partitions[0].timestamp, answered.partitions[0].offset)
    assert found == {-1: (-1, 2), -2: (-1, 0), 1500: (2000, 1), 3000: (-1, -1)}


@each_version("metadata")
def test_metadata(client: WireClient, shared_broker: Broker, topic: dict[str, Any], api: str, version: int) -> None:
    answer = client.call("metadata", version, {"topics": [{"name": topic["name"], "topic_id": None}]})
    assert [(node.node_id, node.host, node.port) for node in answer.brokers] == [(1, "localhost", shared_broker.port)]
    [described] = answer.topics
    assert described.error_code is ErrorCode.none
    assert is_named(described, {"name": topic["name"], "topic_id": topic["topic_id"]})
    assert [(part.partition_index, part.leader_id, part.isr_nodes) for part in described.partitions] == [
        (0, 1, (1,)),
        (1, 1, (1,)),
    ]


@each_version("metadata")
def test_metadata_of_all_topics(client: WireClient, topic: dict[str, Any], api: str, version: int) -> None:
    answer = client.call("metadata", version, {"topics": [] if version == 0 else None})
    assert topic["name"] in [described.name for described in answer.topics]
    if version > 0:
        assert client.call("metadata", version, {"topics": []}).topics == ()


@pytest.mark.parametrize("version", [8, 9, 10])
def test_metadata_tells_what_is_allowed(client: WireClient, topic: dict[str, Any], version: int) -> None:
    asked = [{"name": topic["name"], "topic_id": None}, {"name": topic["name"], "topic_id": None}]
    operations = {"include_cluster_authorized_operations": True, "include_topic_authorized_operations": True}
    answer = client.call("metadata", version, {"topics": asked, **operations})
    [described] = answer.topics
    assert (answer.cluster_authorized_operations, described.topic_authorized_operations) == (8096, 3576)


@pytest.mark.parametrize("version", [12, 13])
def test_metadata_by_id(client: WireClient, topic: dict[str, Any], version: int) -> None:
    asked = [{"name": None, "topic_id": topic["topic_id"]}, {"name": None, "topic_id": UNKNOWN_ID}]
    known, unknown = client.call("metadata", version, {"topics": asked}).topics
    assert (known.name, known.error_code) == (topic["name"], ErrorCode.none)
    assert unknown.error_code is ErrorCode.unknown_topic_id


@each_version("create_topics")
def test_create_topics(client: WireClient, api: str, version: int) -> None:
    name = f"created-{uuid.uuid4().hex}"
    asked = {"topics": [{"name": name, "num_partitions": 3, "replication_factor": 1}]}
    [created] = client.call("create_topics", version, asked).topics
    assert (created.name, created.error_code) == (name, ErrorCode.none)
    if version >= 5:
        assert (created.num_partitions, created.replication_factor) == (3, 1)
        assert ("cleanup.policy", "delete") in [(config.name, config.value) for config in created.configs]
    [again] = client.call("create_topics", version, asked).topics
    assert (again.error_code, again.error_message) == (
        ErrorCode.topic_already_exists,
        f"topic '{name}' already exists",
    )


@each_version("delete_topics")
def test_delete_topics(client: WireClient, topic: dict[str, Any], api: str, version: int) -> None:
    asked = {
        "topic_names": (topic["name"], "nobody-knows"),
        "topics": [
            {"name": None, "topic_id": topic["topic_id"]},
            {"name": "nobody-knows", "topic_id": None},
        ],
    }
    deleted, unknown = client.call("delete_topics", version, asked).responses
    assert deleted.error_code is ErrorCode.none
    assert (unknown.name, unknown.error_code) == ("nobody-knows", ErrorCode.unknown_topic_or_partition)
    listed = client.call("metadata", 13, {"topics": None}).topics
    assert topic["name"] not in [described.name for described in listed]


@each_version("init_producer_id")
def test_init_producer_id(client: WireClient, api: str, version: int) -> None:
    first, second = (client.call("init_producer_id", version, {"transactional_id": None}) for _ in range(2))
    assert first.error_code is ErrorCode.none
    assert (second.producer_id, second.producer_epoch) == (first.producer_id + 1, 0)
    refused = client.call("init_producer_id", version, {"transactional_id": "payments"})
    assert (refused.error_code, refused.producer_id) == (ErrorCode.invalid_transaction_timeout, -1)


@each_version("api_versions")
def test_api_versions(client: WireClient, api: str, version: int) -> None:
    answer = client.call("api_versions", version, {"client_software_name": "test", "client_software_version": "1"})
    ranges = {found.api_key: (found.min_version, found.max_version) for found in answer.api_keys}
    assert ranges[0] == (0, 13), "old librdkafka decides its codecs by version 0 of Produce"
    assert ranges[1] == (4, 18)
    assert ranges[18] == (0, 4)


def test_an_api_versions_request_of_the_future_is_answered_in_version_0(client: WireClient) -> None:
    client.send("api_versions", 0, {})
    client.receive()
    client.send_frame(b"\x00\x12\x00\x63\x00\x00\x00\x07\x00\x01x" + b"\x00what only that version knows")
    frame = client.receive_frame()
    assert frame == b"\x00\x00\x00\x07" + b"\x00\x23" + b"\x00\x00\x00\x01" + b"\x00\x12\x00\x00\x00\x04"


@each_version("describe_configs")
def test_describe_configs(client: WireClient, topic: dict[str, Any], api: str, version: int) -> None:
    asked = [
        {"resource_type": 2, "resource_name": topic["name"], "configuration_keys": ("retention.ms",)},
        {"resource_type": 4, "resource_name": "1", "configuration_keys": None},
        {"resource_type": 2, "resource_name": "nobody-knows", "configuration_keys": None},
    ]
    of_topic, of_broker, unknown = client.call("describe_configs", version, {"resources": asked}).results
    assert [(config.name, config.value, config.config_source) for config in of_topic.configs] == [
        ("retention.ms", "-1", 4)
    ]
    assert ("num.partitions", "1") in [(config.name, config.value) for config in of_broker.configs]
    assert unknown.error_code is ErrorCode.unknown_topic_or_partition


@each_version("describe_cluster")
def test_describe_cluster(client: WireClient, shared_broker: Broker, api: str, version: int) -> None:
    answer = client.call("describe_cluster", version, {"endpoint_type": 1})
    assert [(node.broker_id, node.port) for node in answer.brokers] == [(1, shared_broker.port)]
    assert (answer.controller_id, len(answer.cluster_id)) == (1, 22)


def test_kio_has_a_version_of_every_registered_api() -> None:
    from logpost_broker.api import SERVED

    assert all(versions(api.name)[-1] == api.max_version for api in SERVED.values())
