"""Single requests at every version, to Apache Kafka and to our broker: the same shape, the same error codes.

Compared is everything that does not belong to one cluster: not ids, addresses, sizes, times and the wording of errors.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from kio.schema.describe_topic_partitions.v0.request import Cursor
from kio.schema.errors import ErrorCode
from kio.static.primitive import i32Timedelta

from logpost_broker import Broker
from logpost_broker.wire.units import NO_THROTTLE
from tests.broker.wire_client import WireClient, entity, load, versions
from tests.support.apache_kafka import ApacheKafka
from tests.support.protocol_table import KAFKA

TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP = 2, 4, 8, 16, 32
OF_THE_CLUSTER = frozenset(
    {
        "api_keys",
        "assignment_interval",
        "authorized_operations",
        "cluster_id",
        "configs",
        "controller_id",
        "error_message",
        "finalized_features",
        "finalized_features_epoch",
        "heartbeat_interval",
        "high_watermark",
        "host",
        "last_caught_up_timestamp",
        "last_fetch_timestamp",
        "leader_epoch",
        "log_dir",
        "log_end_offset",
        "member_id",
        "name_of_listener",
        "nodes",
        "port",
        "producer_epoch",
        "producer_id",
        "replica_directory_id",
        "supported_features",
        "throttle_time",
        "topic_id",
        "total_bytes",
        "usable_bytes",
    }
)
"""Fields that are not compared."""


PATIENCE = {"timeout": i32Timedelta.parse(datetime.timedelta(seconds=20))}
SESSION = i32Timedelta.parse(datetime.timedelta(seconds=10))
TOO_LONG = i32Timedelta.parse(datetime.timedelta(days=20))
NOT_YET = frozenset(
    {ErrorCode.coordinator_load_in_progress, ErrorCode.coordinator_not_available, ErrorCode.not_coordinator}
)
READY_SECONDS = 240.0


class Request(NamedTuple):
    api: str
    values: dict[str, Any]
    since: int = 0
    """The first version that can say it."""


def topics_of(api: str, key: str, numbers: str, *more: tuple[str, tuple[int, ...]]) -> Request:
    asked = [("t", (0, 9)), ("none", (0,)), *more]
    return Request(api, {"topics": [{key: name, numbers: partitions} for name, partitions in asked]})


def requests() -> Iterator[Request]:
    """Of a cluster that has the topic `t` and no other."""
    yield from topic_requests()
    yield from partition_requests()
    yield from cluster_requests()
    yield from config_requests()
    yield from security_requests()


def topic_requests() -> Iterator[Request]:
    def created(**fields: Any) -> Request:
        topic = {"name": "new", "num_partitions": 1, "replication_factor": 1} | fields
        return Request("create_topics", {"topics": [topic], "validate_only": True, **PATIENCE})

    yield created()
    yield created(name="t")
    yield created(name="a b")
    yield created(replication_factor=3)
    yield created(replication_factor=0)
    yield created(name="__cluster_metadata")
    for count in (0, -2, 10_001):
        yield created(num_partitions=count)
    twice = {"name": "new", "num_partitions": 1, "replication_factor": 1}
    yield Request("create_topics", {"topics": [twice, twice], "validate_only": True, **PATIENCE})
    yield created(num_partitions=-1, replication_factor=-1, assignments=[{"partition_index": 0, "broker_ids": (2,)}])
    yield created(configs=[{"name": "none", "value": "1"}])
    yield created(configs=[{"name": "cleanup.policy", "value": "never"}])
    yield created(configs=[{"name": "preallocate", "value": " true "}])
    yield created(configs=[{"name": "retention.ms", "value": value} for value in ("1", "2")])
    lags = {"min.compaction.lag.ms": "10", "max.compaction.lag.ms": "9"}
    yield created(configs=[{"name": name, "value": value} for name, value in lags.items()])
    growing = {"name": "t", "count": 4, "assignments": None}
    yield Request("create_partitions", {"topics": [growing, growing], "validate_only": True, **PATIENCE})
    for name, count, assignments in (
        ("t", 4, None),
        ("t", 2, None),
        ("none", 4, None),
        ("t", 3, [{"broker_ids": (2,)}]),
    ):
        topic = {"name": name, "count": count, "assignments": assignments}
        yield Request("create_partitions", {"topics": [topic], "validate_only": True, **PATIENCE})
    unknown = {"topic_names": ("none",), "topics": [{"name": "none", "topic_id": None}]}
    yield Request("delete_topics", unknown | PATIENCE)
    deleted = {"topic_names": ("t", "t"), "topics": [{"name": "t", "topic_id": None}] * 2}
    yield Request("delete_topics", deleted | PATIENCE)
    for topic_id in (None, uuid.UUID(int=7)):
        yield Request("delete_topics", {"topics": [{"name": None, "topic_id": topic_id}], **PATIENCE}, since=6)
    for name in ("t", "none", "a b"):
        named = [{"name": name, "topic_id": None}] * 2
        operations = {"include_cluster_authorized_operations": True, "include_topic_authorized_operations": True}
        yield Request("metadata", {"topics": named, "allow_auto_topic_creation": False, **operations}, since=4)
    for name in ("t", "none"):
        yield Request("describe_topic_partitions", {"topics": [{"name": name}]})
    for limit in (-1, 1, 2, 3):
        yield Request("describe_topic_partitions", {"topics": [], "response_partition_limit": limit})
    for place in (("t", 1), ("t", 9), ("a", 0), ("t", -1), ("z", 0)):
        cursor = entity(Cursor, {"topic_name": place[0], "partition_index": place[1]})
        yield Request("describe_topic_partitions", {"topics": [{"name": "t"}], "cursor": cursor})


def partition_requests() -> Iterator[Request]:
    yield topics_of("describe_producers", "name", "partition_indexes", ("a b", (0,)))
    yield topics_of("describe_log_dirs", "topic", "partitions", ("t", ()))
    for timestamp in (-1, -2, -3, -4, -5, -6, -7, 0):
        asked = [{"partition_index": number, "timestamp": timestamp, "current_leader_epoch": -1} for number in (0, 9)]
        topics = [{"name": name, "partitions": asked} for name in ("t", "none")]
        yield Request("list_offsets", {"replica_id": -1, "topics": topics})
    records = [{"partition_index": number, "offset": offset} for number, offset in ((0, 0), (1, 7), (9, 0))]
    yield Request("delete_records", {"topics": [{"name": name, "partitions": records} for name in ("t", "none")]})
    epochs = [{"partition": number, "current_leader_epoch": -1, "leader_epoch": 99} for number in (0, 9)]
    yield Request("offset_for_leader_epoch", {"replica_id": -1, "topics": [{"topic": "t", "partitions": epochs}]})
    for path in ("/nowhere", "relative"):
        moved = [{"name": "t", "partitions": (0, 9)}, {"name": "none", "partitions": (0,)}]
        yield Request("alter_replica_log_dirs", {"dirs": [{"path": path, "topics": moved}]})
    elected = [{"topic": "t", "partitions": (0, 9)}, {"topic": "none", "partitions": (0,)}]
    for kind in (0, 1, 2):
        for wanted in (elected, None, []):
            yield Request("elect_leaders", {"election_type": kind, "topic_partitions": wanted}, since=min(kind, 1))
    for replicas in ((1,), (2,), (1, 2), (1, 1), (), (-1,), None):
        assigned = [{"partition_index": number, "replicas": replicas} for number in (0, 9)]
        asked_of: list[dict[str, Any]] = [{"name": name, "partitions": assigned} for name in ("t", "none")]
        yield Request("alter_partition_reassignments", {"topics": asked_of})
    yield Request("list_partition_reassignments", {"topics": None})
    yield topics_of("list_partition_reassignments", "name", "partition_indexes")


def cluster_requests() -> Iterator[Request]:
    yield Request("api_versions", {"client_software_name": "test", "client_software_version": "1"})
    for kind in (1, 2, 3):
        asked = {"include_cluster_authorized_operations": True, "endpoint_type": kind}
        yield Request("describe_cluster", asked, since=min(kind - 1, 1))
    for place in (("__cluster_metadata", 0), ("__cluster_metadata", 1), ("t", 0)):
        partitions = [{"partition_index": place[1]}]
        yield Request("describe_quorum", {"topics": [{"topic_name": place[0], "partitions": partitions}]})
    for feature, level, kind in (
        ("group.version", 1, 1),
        ("group.version", 0, 1),
        ("group.version", -1, 1),
        ("group.version", 5, 1),
        ("metadata.version", 30, 1),
        ("metadata.version", 20, 2),
        ("metadata.version", 99, 1),
        ("none", 1, 1),
    ):
        update = {"feature": feature, "max_version_level": level, "upgrade_type": kind}
        yield Request("update_features", {"feature_updates": [update], "validate_only": True})
    for broker_id in (2, -1):
        yield Request("unregister_broker", {"broker_id": broker_id})
    directory, listeners = uuid.UUID(int=7), [{"name": "CONTROLLER", "host": "localhost", "port": 9}]
    voter: dict[str, Any] = {"voter_id": 1, "voter_directory_id": directory, "listeners": listeners}
    for changes in ({}, {"voter_id": -2}, {"voter_directory_id": None}, {"cluster_id": "another"}):
        yield Request("add_raft_voter", voter | changes)
        yield Request("remove_raft_voter", voter | changes)


def config_requests() -> Iterator[Request]:
    resources = [
        *((TOPIC, name) for name in ("t", "none", "a b", "")),
        *((BROKER, name) for name in ("1", "", "2", "x")),
        *((BROKER_LOGGER, name) for name in ("1", "", "2")),
        *((kind, name) for kind in (CLIENT_METRICS, GROUP) for name in ("x", "")),
        *((kind, "x") for kind in (0, 1, 99)),
    ]
    for kind, name in resources:
        asked = {"resource_type": kind, "resource_name": name, "configuration_keys": ("none",)}
        yield Request("describe_configs", {"resources": [asked]})
    for kinds in ((), (TOPIC,), (BROKER,), (BROKER_LOGGER,), (TOPIC, TOPIC, BROKER), (0,), (99,)):
        yield Request("list_config_resources", {"resource_types": kinds}, since=1)
    yield Request("list_config_resources", {})
    for kind, name, setting, operation, value in (
        (TOPIC, "t", "retention.ms", 0, "1"),
        (TOPIC, "t", "retention.ms", 0, "never"),
        (TOPIC, "t", "retention.ms", 0, None),
        (TOPIC, "t", "retention.ms", 2, "1"),
        (TOPIC, "t", "cleanup.policy", 2, "compact"),
        (TOPIC, "t", "retention.ms", 1, None),
        (TOPIC, "t", "none", 0, "1"),
        (TOPIC, "t", "remote.storage.enable", 0, "true"),
        (TOPIC, "t", "remote.storage.enable", 0, "false"),
        (TOPIC, "t", "local.retention.ms", 0, "1000"),
        (TOPIC, "t", "preallocate", 0, "TRUE"),
        (TOPIC, "t", "leader.replication.throttled.replicas", 0, "0:1,1:1"),
        (TOPIC, "t", "leader.replication.throttled.replicas", 0, "one"),
        (TOPIC, "none", "retention.ms", 0, "1"),
        (GROUP, "g", "share.auto.offset.reset", 0, "earliest"),
        (GROUP, "g", "share.auto.offset.reset", 0, "sometime"),
        (GROUP, "g", "none", 0, "1"),
        (GROUP, "", "share.auto.offset.reset", 0, "earliest"),
        (CLIENT_METRICS, "m", "interval.ms", 0, "1000"),
        (CLIENT_METRICS, "m", "match", 0, "colour=red"),
        (CLIENT_METRICS, "", "interval.ms", 0, "1000"),
        (BROKER, "1", "num.partitions", 0, "2"),
        (BROKER, "2", "num.partitions", 0, "2"),
        (BROKER, "1", "leader.replication.throttled.rate", 1, None),
        (BROKER_LOGGER, "2", "root", 0, "WARN"),
        (BROKER_LOGGER, "1", "nobody", 0, "WARN"),
        (0, "x", "a", 0, "b"),
        (99, "x", "a", 0, "b"),
    ):
        config = {"name": setting, "config_operation": operation, "value": value}
        resource = {"resource_type": kind, "resource_name": name, "configs": [config]}
        yield Request("incremental_alter_configs", {"resources": [resource], "validate_only": True})
        if operation == 0:
            yield Request("alter_configs", {"resources": [resource], "validate_only": True})


def security_requests() -> Iterator[Request]:
    acl_filter = {"resource_type_filter": 1, "pattern_type_filter": 3, "operation": 1, "permission_type": 1}
    acl = {
        "resource_type": 2,
        "resource_name": "t",
        "principal": "User:a",
        "host": "*",
        "operation": 3,
        "permission_type": 3,
    }
    yield Request("describe_acls", acl_filter)
    yield Request("create_acls", {"creations": [acl, acl]})
    yield Request("delete_acls", {"filters": [acl_filter, acl_filter]})
    yield Request("sasl_handshake", {"mechanism": "PLAIN"})
    yield Request("sasl_authenticate", {"auth_bytes": b"\0a\0b"})
    for action in ("create", "renew", "expire", "describe"):
        yield Request(f"{action}_delegation_token", {})
    yield Request("describe_user_scram_credentials", {"users": None})
    yield Request("describe_user_scram_credentials", {"users": [{"name": "a"}]})
    yield Request("describe_user_scram_credentials", {"users": [{"name": "a"}, {"name": "a"}]})
    for name, mechanism, iterations in (("", 1, 4096), ("a", 0, 4096), ("a", 3, 4096), ("a", 1, 10), ("a", 1, 20_000)):
        password = {"salt": b"salt", "salted_password": b"x" * 32}
        upsertion = {"name": name, "mechanism": mechanism, "iterations": iterations, **password}
        yield Request("alter_user_scram_credentials", {"upsertions": [upsertion]})
        yield Request("alter_user_scram_credentials", {"deletions": [{"name": name, "mechanism": mechanism}]})
    yield from quota_requests()


def quota_requests() -> Iterator[Request]:
    rate = "producer_byte_rate"
    for kind, name, quota, value in (
        ("user", "a", rate, 1.0),
        ("user", None, rate, 1.0),
        ("user", "", rate, 1.0),
        ("user", "a", rate, 0.0),
        ("user", "a", rate, 1.5),
        ("user", "a", rate, 1e30),
        ("user", "a", "none", 1.0),
        ("host", "a", rate, 1.0),
        ("ip", "10.0.0.1", rate, 1.0),
        ("ip", "10.0.0.1", "connection_creation_rate", 1.0),
        ("ip", "10.0.0.1", "connection_creation_rate", 1e12),
        ("ip", "999.1.1.1", "connection_creation_rate", 1.0),
        ("ip", "no such host", "connection_creation_rate", 1.0),
    ):
        entry = {
            "entity": [{"entity_type": kind, "entity_name": name}],
            "ops": [{"key": quota, "value": value, "remove": False}],
        }
        yield Request("alter_client_quotas", {"entries": [entry], "validate_only": True})
    for kind, match, text in (("user", 0, "a"), ("user", 0, None), ("user", 1, "a"), ("host", 2, None), ("", 2, None)):
        component = {"entity_type": kind, "match_type": match, "match": text}
        yield Request("describe_client_quotas", {"components": [component], "strict": False})


def group_requests() -> Iterator[Request]:
    """Of a cluster whose coordinators are ready, and that has no groups."""
    yield Request("list_groups", {})
    yield Request("describe_groups", {"groups": ("none",)})
    yield Request("delete_groups", {"groups_names": ("none", "", "none")})
    for group in ("none", ""):
        member = {"group_id": group, "member_id": "m", "generation_id": 1}
        yield Request("heartbeat", member)
        yield Request("sync_group", member)
        yield Request("sync_group", member | {"protocol_type": "consumer", "protocol_name": "range"})
        yield Request("leave_group", member | {"members": [{"member_id": "m", "group_instance_id": None}]})
        protocols = [{"name": "range", "metadata": b""}]
        joining = member | {"session_timeout": SESSION, "rebalance_timeout": SESSION, "protocol_type": "consumer"}
        yield Request("join_group", joining | {"protocols": protocols})
        yield Request("join_group", joining | {"protocols": protocols, "session_timeout": NO_THROTTLE})
        yield Request("join_group", joining | {"protocols": []})
        yield Request("offset_delete", {"group_id": group, "topics": [{"name": "t", "partitions": [{}]}]})
        wanted = [{"name": "t", "partition_indexes": (0, 9)}]
        asked = {"group_id": group, "topics": wanted, "require_stable": False}
        yield Request("offset_fetch", asked | {"groups": [asked | {"member_epoch": -1}]})
        for kind in (0, 1, 9):
            yield Request("find_coordinator", {"key": group, "key_type": kind, "coordinator_keys": (group,)}, since=1)
    for key in ("none", "g:AAAAAAAAAAAAAAAAAAAAAQ:x", "g:AAAA:0", ":AAAAAAAAAAAAAAAAAAAAAQ:0", "a:b:c:d"):
        yield Request("find_coordinator", {"key": key, "key_type": 2, "coordinator_keys": (key,)}, since=1)
    yield from newer_group_requests()
    yield from transaction_requests()


def newer_group_requests() -> Iterator[Request]:
    yield Request("consumer_group_describe", {"group_ids": ("none", "")})
    yield Request("share_group_describe", {"group_ids": ("none", "")})
    yield Request("streams_group_describe", {"group_ids": ("none", "")})
    joining = {"group_id": "none", "member_id": "m", "member_epoch": 0, "rebalance_timeout": SESSION}
    subscribed = joining | {"subscribed_topic_names": ("t",), "topic_partitions": []}
    yield Request("consumer_group_heartbeat", subscribed | {"group_id": ""})
    yield Request("consumer_group_heartbeat", subscribed | {"server_assignor": "chance"})
    yield Request("consumer_group_heartbeat", subscribed | {"subscribed_topic_names": None})
    for epoch in (5, -1, -5):
        yield Request("consumer_group_heartbeat", {"group_id": "none", "member_id": "m", "member_epoch": epoch})
    for changes in ({"group_id": ""}, {"member_id": ""}, {"subscribed_topic_names": None}):
        yield Request("share_group_heartbeat", subscribed | changes)


def transaction_requests() -> Iterator[Request]:
    yield Request("describe_transactions", {"transactional_ids": ("none", "")})
    yield Request("list_transactions", {})
    yield Request("list_transactions", {"state_filters": ("Sleeping",)})
    yield Request("list_transactions", {"transactional_id_pattern": "["}, since=2)
    yield Request("init_producer_id", {"transactional_id": "", "transaction_timeout": SESSION})
    yield Request("init_producer_id", {"transactional_id": "none", "transaction_timeout": NO_THROTTLE})
    yield Request("init_producer_id", {"transactional_id": "none", "transaction_timeout": TOO_LONG})
    producer = {"transactional_id": "none", "producer_id": 7, "producer_epoch": 0}
    yield Request("end_txn", producer | {"committed": True})
    yield Request("add_offsets_to_txn", producer | {"group_id": "none"})
    partitions = [{"name": "t", "partitions": (0,)}]
    before = {f"v3_and_below_{name}": value for name, value in (producer | {"topics": partitions}).items()}
    yield Request("add_partitions_to_txn", before | {"transactions": [producer | {"topics": partitions}]})
    offsets = [{"name": "t", "partitions": [{"partition_index": number} for number in (0, 9)]}]
    for group in ("none", ""):
        member = {"group_id": group, "generation_id": -1, "topics": offsets}
        yield Request("txn_offset_commit", producer | member)
    markers = producer | {"topics": [{"name": "none", "partition_indexes": (0,)}]}
    yield Request("write_txn_markers", {"markers": [markers]})


NEGATIVE_TIMES = ("create_delegation_token", "renew_delegation_token", "expire_delegation_token")
"""Kafka answers them with times of -1, which kio cannot read: only their error codes are compared."""


def comparable(value: Any, name: str = "") -> Any:
    """An answer without what belongs to one cluster; lists without their order, as Kafka's come out of hash tables."""
    if name in OF_THE_CLUSTER:
        return None
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {field.name: comparable(getattr(value, field.name), field.name) for field in fields}
    if isinstance(value, tuple):
        return sorted((comparable(item) for item in value), key=repr)
    return value.name if isinstance(value, enum.Enum) else value


def answer(client: WireClient, request: Request, version: int) -> Any:
    try:
        if request.api not in NEGATIVE_TIMES:
            return comparable(client.call(request.api, version, request.values))
        client.send(request.api, version, request.values, answered=False)
        flexible = load(request.api, version, "response").__header_schema__.__flexible__
        return int.from_bytes(client.receive_frame()[5 if flexible else 4 :][:2], "big")
    except EOFError:
        return "the connection was closed"


def compared(wanted: Iterable[Request], ours: int, kafkas: int) -> Iterator[str]:
    """What differs."""
    for request in wanted:
        for version in versions(request.api):
            if not request.since <= version <= {name: high for name, _, high in KAFKA.values()}[_name(request.api)]:
                continue
            with WireClient(ours) as to_us, WireClient(kafkas) as to_kafka:
                us, kafka = (answer(client, request, version) for client in (to_us, to_kafka))
            if us != kafka:
                yield f"{request.api} v{version} {request.values}\n  Kafka: {kafka}\n  ours:  {us}"


def _name(api: str) -> str:
    return "".join(word.title() for word in api.split("_"))


def announced(port: int) -> dict[int, tuple[int, int]]:
    with WireClient(port) as client:
        keys = client.call("api_versions", 4, {"client_software_name": "test", "client_software_version": "1"}).api_keys
    return {key.api_key: (key.min_version, key.max_version) for key in keys}


def create_topic(port: int) -> None:
    topic = {"name": "t", "num_partitions": 2, "replication_factor": 1}
    with WireClient(port) as client:
        client.call("create_topics", 7, {"topics": [topic], **PATIENCE})


def await_coordinators(client: WireClient) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not NOT_YET.isdisjoint(coordinator_errors(client)):
        assert time.monotonic() < deadline, "a coordinator is not ready"
        time.sleep(0.05)  # which nobody tells


def coordinator_errors(client: WireClient) -> set[ErrorCode]:
    for kind in (0, 1):
        client.call("find_coordinator", 6, {"key_type": kind, "coordinator_keys": ("none",)})
    return {
        client.call("describe_groups", 6, {"groups": ("none",)}).groups[0].error_code,
        client.call("describe_transactions", 0, {"transactional_ids": ("none",)}).transaction_states[0].error_code,
    }


def test_every_request_is_answered_as_by_apache_kafka(kafka: Callable[[], ApacheKafka], tmp_path: Path) -> None:
    with kafka() as apache, Broker() as broker:
        assert announced(apache.port) == {key: (low, high) for key, (_, low, high) in KAFKA.items()}
        for port in (apache.port, broker.port):
            create_topic(port)
        differences = [*compared(requests(), broker.port, apache.port)]
        with WireClient(apache.port) as client:
            await_coordinators(client)
        differences += compared(group_requests(), broker.port, apache.port)
    assert not differences, "\n".join(differences)
