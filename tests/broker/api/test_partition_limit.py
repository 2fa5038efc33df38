"""How many partitions all topics may have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from logpost.config import BrokerConfig
from logpost_broker import Broker
from tests.broker.api.conftest import create
from tests.broker.wire_client import WireClient
from tests.support.metrics import metric
from tests.support.processes import free_port


def grown(client: WireClient, name: str, count: int) -> Any:
    asked = [{"name": name, "count": count, "assignments": None}]
    [result] = client.call("create_partitions", 3, {"topics": asked}).results
    return result


def first_used(client: WireClient, *names: str) -> list[ErrorCode]:
    asked = {"topics": [{"name": name} for name in names], "allow_auto_topic_creation": True}
    return [topic.error_code for topic in client.call("metadata", 13, asked).topics]


def test_more_partitions_are_refused_until_some_are_gone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = BrokerConfig(port=0, metrics_port=free_port(), max_partitions=10)
    with Broker(config, tmp_path) as broker, WireClient(broker.port) as client:
        codes = {made.name: made.error_code for made in create(client, "a", "b", "c", num_partitions=4)}
        assert codes == {"a": ErrorCode.none, "b": ErrorCode.none, "c": ErrorCode.policy_violation}
        [refused] = create(client, "c", num_partitions=3, validate_only=True)
        assert "have 8 partitions and may have 10 (broker.max_partitions): delete topics, or raise it" in (
            refused.error_message
        )
        assert grown(client, "a", 7).error_code is ErrorCode.policy_violation
        assert grown(client, "a", 5).error_code is ErrorCode.none
        first, second = first_used(client, "d", "e")
        assert (first, second) == (ErrorCode.none, ErrorCode.unknown_topic_or_partition)
        assert first_used(client, "e") == [ErrorCode.unknown_topic_or_partition]
        assert len([line for line in caplog.messages if "topics are not made" in line]) == 1, "not whenever it is asked"
        assert metric(config.metrics_port, "logpost_broker_partitions") == 10
        assert metric(config.metrics_port, "logpost_broker_partitions_limit") == 10
        client.call("delete_topics", 6, {"topics": [{"name": "b"}]})
        assert metric(config.metrics_port, "logpost_broker_partitions") == 6
        assert first_used(client, "e") == [ErrorCode.none]
        # What the broker itself needs is always made.
        assert create(client, "f", num_partitions=3)[0].error_code is ErrorCode.none
        found = client.call("find_coordinator", 4, {"key_type": 0, "coordinator_keys": ["g"]})
        assert [one.error_code for one in found.coordinators] == [ErrorCode.none]


def test_no_topic_of_a_client_stands_in_the_way_of_the_brokers_own(tmp_path: Path) -> None:
    """Each of two names that a monitoring tool would confuse is refused where the other is, but for these."""
    with Broker(BrokerConfig(port=0, metrics_port=0), tmp_path) as broker, WireClient(broker.port) as client:
        assert create(client, "__consumer.offsets")[0].error_code is ErrorCode.none
        commit = {"topics": [{"name": "__consumer.offsets", "partitions": [{"committed_offset": 1}]}]}
        fields = {"group_id": "g", "generation_id_or_member_epoch": -1, "member_id": ""}
        answer = client.call("offset_commit", 8, fields | commit)
        assert answer.topics[0].partitions[0].error_code is ErrorCode.none
    with Broker(BrokerConfig(port=0, metrics_port=0), tmp_path) as broker, WireClient(broker.port) as client:
        client.call("delete_topics", 6, {"topics": [{"name": "__consumer.offsets"}]})
        assert first_used(client, "__consumer_offsets") == [ErrorCode.none]


def test_what_is_there_stays_above_a_lower_limit(tmp_path: Path) -> None:
    with Broker(BrokerConfig(port=0, metrics_port=0), tmp_path) as broker, WireClient(broker.port) as client:
        create(client, "a", num_partitions=4)
    config = BrokerConfig(port=0, metrics_port=0, max_partitions=2)
    with Broker(config, tmp_path) as broker, WireClient(broker.port) as client:
        assert first_used(client, "a", "b") == [ErrorCode.none, ErrorCode.unknown_topic_or_partition]
