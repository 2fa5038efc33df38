"""A connection and topics for tests of single APIs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker import Broker
from logpost_broker.log.records import build_batch
from tests.broker.wire_client import WireClient

NewTopic = Callable[..., str]


@pytest.fixture
def client(shared_broker: Broker) -> Iterator[WireClient]:
    with WireClient(shared_broker.port) as connected:
        yield connected


@pytest.fixture
def new_topic(client: WireClient) -> NewTopic:
    """Makes a topic of one partition with the configuration given; answers its name."""

    def make(**configs: str) -> str:
        name = f"api-{uuid.uuid4().hex}"
        [created] = create(client, name, configs={key.replace("_", "."): value for key, value in configs.items()})
        assert created.error_code is ErrorCode.none, created.error_message
        return name

    return make


def create(client: WireClient, *names: str, configs: dict[str, str | None] | None = None, **fields: Any) -> Any:
    """Ask for topics; returns what became of each."""
    settings = [{"name": name, "value": value} for name, value in (configs or {}).items()]
    validate_only = fields.pop("validate_only", False)
    asked = {"num_partitions": 1, "replication_factor": 1, "configs": settings} | fields
    topics = [{"name": name, **asked} for name in names]
    return client.call("create_topics", 7, {"topics": topics, "validate_only": validate_only}).topics


def produce(
    client: WireClient, topic: str, batch: bytes, *, acks: int = -1, partition: int = 0, version: int = 9
) -> Any:
    """Send one batch; returns what became of it."""
    data = [{"name": topic, "partition_data": [{"index": partition, "records": batch}]}]
    return client.call("produce", version, {"acks": acks, "topic_data": data}).responses[0].partition_responses[0]


def produce_values(client: WireClient, topic: str, *values: bytes, timestamp_ms: int = 1) -> int:
    """Send one batch of values; answers its base offset."""
    answer = produce(client, topic, build_batch([(None, value) for value in values], timestamp_ms))
    assert answer.error_code is ErrorCode.none
    return int(answer.base_offset)
