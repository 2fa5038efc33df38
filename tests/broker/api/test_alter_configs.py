"""AlterConfigs, IncrementalAlterConfigs and CreatePartitions: what changes holds at once, and after a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)
from kio.schema.errors import ErrorCode

from logpost_broker import Broker
from logpost_broker.broker import EMBEDDED
from logpost_broker.log.records import build_batch
from tests.broker.api.conftest import NewTopic, create, produce, produce_values
from tests.broker.wire_client import WireClient

SET, DELETE, APPEND, SUBTRACT = range(4)
TOPIC, BROKER = 2, 4


def alter(
    client: WireClient, name: str, *changes: tuple[str, int, str | None], kind: int = TOPIC, **fields: Any
) -> Any:
    configs = [{"name": key, "config_operation": operation, "value": value} for key, operation, value in changes]
    resources = [{"resource_type": kind, "resource_name": name, "configs": configs}]
    return client.call("incremental_alter_configs", 1, {"resources": resources, "validate_only": False} | fields)


def error_of(answer: Any) -> ErrorCode:
    code: ErrorCode = answer.responses[0].error_code
    return code


def value_of(client: WireClient, topic: str, name: str) -> str:
    resources = [{"resource_type": TOPIC, "resource_name": topic, "configuration_keys": [name]}]
    [result] = client.call("describe_configs", 4, {"resources": resources}).results
    return str(result.configs[0].value)


def grow(client: WireClient, name: str, count: int, **fields: Any) -> ErrorCode:
    topic = {"name": name, "count": count, "assignments": fields.pop("assignments", None)}
    [result] = client.call("create_partitions", 3, {"topics": [topic], "validate_only": False} | fields).results
    code: ErrorCode = result.error_code
    return code


def test_single_settings_are_set_and_deleted(client: WireClient, new_topic: NewTopic) -> None:
    topic = new_topic(retention_ms="1000")
    assert (
        error_of(alter(client, topic, ("segment.bytes", SET, "5000"), ("retention.ms", DELETE, None))) is ErrorCode.none
    )
    assert value_of(client, topic, "segment.bytes") == "5000"
    assert value_of(client, topic, "retention.ms") != "1000"


def test_lists_are_appended_to_and_subtracted_from(client: WireClient, new_topic: NewTopic) -> None:
    topic = new_topic()
    assert error_of(alter(client, topic, ("cleanup.policy", APPEND, "compact"))) is ErrorCode.none
    assert value_of(client, topic, "cleanup.policy") == "delete,compact"
    assert error_of(alter(client, topic, ("cleanup.policy", SUBTRACT, "delete"))) is ErrorCode.none
    assert value_of(client, topic, "cleanup.policy") == "compact"


def test_the_older_api_replaces_all_that_was_set(client: WireClient, new_topic: NewTopic) -> None:
    topic = new_topic(retention_ms="1000", segment_bytes="5000")
    configs = [{"name": "retention.ms", "value": "2000"}]
    resources = [{"resource_type": TOPIC, "resource_name": topic, "configs": configs}]
    for validate_only, expected in ((True, "1000"), (False, "2000")):
        request = {"resources": resources, "validate_only": validate_only}
        assert error_of(client.call("alter_configs", 2, request)) is ErrorCode.none
        assert value_of(client, topic, "retention.ms") == expected
    assert value_of(client, topic, "segment.bytes") != "5000"
    nothing = {"resources": [{**resources[0], "configs": [{"name": "retention.ms", "value": None}]}]}
    assert error_of(client.call("alter_configs", 2, nothing)) is ErrorCode.invalid_request


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("no.such.setting", SET, "1"), ErrorCode.invalid_config),
        (("segment.bytes", SET, "none"), ErrorCode.invalid_config),
        (("remote.storage.enable", SET, "true"), ErrorCode.invalid_config),
        (("preallocate", SET, "perhaps"), ErrorCode.invalid_config),
        (("max.compaction.lag.ms", SET, "5"), ErrorCode.invalid_config),
        (("leader.replication.throttled.replicas", SET, "one"), ErrorCode.invalid_config),
        (("segment.bytes", APPEND, "1"), ErrorCode.invalid_config),
        (("segment.bytes", SET, None), ErrorCode.invalid_request),
        (("segment.bytes", 9, "1"), ErrorCode.invalid_request),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    client: WireClient, new_topic: NewTopic, change: tuple[str, int, str | None], code: ErrorCode
) -> None:
    topic = new_topic(segment_bytes="5000", min_compaction_lag_ms="6")
    assert error_of(alter(client, topic, ("retention.ms", SET, "7"), change)) is code
    assert value_of(client, topic, "segment.bytes") == "5000"
    assert value_of(client, topic, "retention.ms") != "7"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("remote.storage.enable", "false"),
        ("local.retention.ms", "1000"),
        ("preallocate", "TRUE"),
        ("preallocate", " true "),
        ("leader.replication.throttled.replicas", "*"),
        ("leader.replication.throttled.replicas", "0:1,1:1"),
    ],
)
def test_what_has_no_effect_here_is_taken_as_by_kafka(
    client: WireClient, new_topic: NewTopic, name: str, value: str
) -> None:
    topic = new_topic()
    assert error_of(alter(client, topic, (name, SET, value))) is ErrorCode.none
    assert value_of(client, topic, name) == value


def test_other_resources_are_refused(client: WireClient, new_topic: NewTopic) -> None:
    assert error_of(alter(client, "1", ("segment.bytes", SET, "1"), kind=BROKER)) is ErrorCode.invalid_request
    assert error_of(alter(client, "none", ("segment.bytes", SET, "1"))) is ErrorCode.unknown_topic_or_partition
    twice = alter(client, new_topic(), ("segment.bytes", SET, "1"), ("segment.bytes", SET, "2"))
    assert error_of(twice) is ErrorCode.invalid_request


def test_a_new_segment_size_holds_for_the_next_batch(tmp_path: Path) -> None:
    with Broker(EMBEDDED, tmp_path) as broker, WireClient(broker.port) as client:
        create(client, "t", configs={"compression.type": "producer"})
        produce_values(client, "t", b"." * 200)
        alter(client, "t", ("segment.bytes", SET, "300"))
        produce_values(client, "t", b"." * 200)
        assert len(list((tmp_path / "t-0").glob("*.log"))) == 2


def test_partitions_are_added_and_written_to(tmp_path: Path) -> None:
    with Broker(EMBEDDED, tmp_path) as broker, WireClient(broker.port) as client:
        create(client, "t")
        assert grow(client, "t", 3, validate_only=True) is ErrorCode.none
        assert not (tmp_path / "t-2").exists()
        assert grow(client, "t", 3) is ErrorCode.none
        assert produce(client, "t", build_batch([(None, b"v")], 1), partition=2).error_code is ErrorCode.none
    with Broker(EMBEDDED, tmp_path) as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        assert len(admin.list_topics("t", 20).topics["t"].partitions) == 3


@pytest.mark.parametrize(
    ("count", "assignments", "code"),
    [
        (1, None, ErrorCode.invalid_partitions),
        (20_000, None, ErrorCode.invalid_partitions),
        (3, [{"broker_ids": [1]}], ErrorCode.invalid_replica_assignment),
        (3, [{"broker_ids": [1]}, {"broker_ids": [2]}], ErrorCode.invalid_replica_assignment),
        (3, [{"broker_ids": [1]}, {"broker_ids": [1]}], ErrorCode.none),
    ],
)
def test_only_what_this_node_can_hold_is_added(
    client: WireClient, new_topic: NewTopic, count: int, assignments: Any, code: ErrorCode
) -> None:
    assert grow(client, new_topic(), count, assignments=assignments) is code


def test_an_unknown_topic_and_the_brokers_own_do_not_grow(client: WireClient) -> None:
    assert grow(client, "none", 3) is ErrorCode.unknown_topic_or_partition


def test_a_kafka_client_changes_a_topic(client: WireClient, new_topic: NewTopic, shared_broker: Broker) -> None:
    topic = new_topic()
    admin = AdminClient({"bootstrap.servers": shared_broker.bootstrap_servers})
    entry = ConfigEntry("retention.ms", "5", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result(60)
    assert value_of(client, topic, "retention.ms") == "5"
    admin.create_partitions([NewPartitions(topic, 4)])[topic].result(60)
    assert len(admin.list_topics(topic, 20).topics[topic].partitions) == 4
