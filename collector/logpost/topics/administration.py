"""`logpost topics list`, `create`, `describe` and `delete`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TypeVar

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ConfigSource, NewTopic, OffsetSpec, ResourceType

from logpost.config import KafkaConfig
from logpost.topics.session import SECONDS, Session, topic_metadata

Key = TypeVar("Key")
Value = TypeVar("Value")


def list_topics(_: argparse.Namespace, config: KafkaConfig) -> int:
    with Session(config).admin() as admin:
        topics = admin.list_topics(timeout=SECONDS).topics
    _write_table(
        ("TOPIC", "PARTITIONS"),
        [(name, str(len(topic.partitions))) for name, topic in sorted(topics.items())],
    )
    return 0


def create(parsed: argparse.Namespace, config: KafkaConfig) -> int:
    """Raises KafkaCommandError when the topic exists or a setting is refused."""
    topic = NewTopic(parsed.topic, num_partitions=parsed.partitions, replication_factor=-1, config=dict(parsed.set))
    with Session(config).admin() as admin:
        _result(admin.create_topics([topic], operation_timeout=SECONDS, request_timeout=SECONDS))
    sys.stdout.write(f"created topic {parsed.topic}\n")
    return 0


def delete(parsed: argparse.Namespace, config: KafkaConfig) -> int:
    with Session(config).admin() as admin:
        topic_metadata(admin, parsed.topic)
        _result(admin.delete_topics([parsed.topic], operation_timeout=SECONDS, request_timeout=SECONDS))
    sys.stdout.write(f"deleted topic {parsed.topic}\n")
    return 0


def describe(parsed: argparse.Namespace, config: KafkaConfig) -> int:
    with Session(config).admin() as admin:
        partitions = sorted(topic_metadata(admin, parsed.topic).partitions)
        starts = _offsets(admin, parsed.topic, partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call]  # the library's
        ends = _offsets(admin, parsed.topic, partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call]  # the library's
        resource = ConfigResource(ResourceType.TOPIC, parsed.topic)
        settings = _result(admin.describe_configs([resource], request_timeout=SECONDS))
    rows = [(str(partition), str(starts[partition]), str(ends[partition])) for partition in partitions]
    _write_table(("PARTITION", "FIRST OFFSET", "NEXT OFFSET"), rows)
    own = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    changed = [(entry.name, str(entry.value)) for entry in settings.values() if entry.source == own]
    if changed:
        sys.stdout.write("\n")
        _write_table(("SETTING", "VALUE"), sorted(changed))
    return 0


def _offsets(admin: AdminClient, topic: str, partitions: Sequence[int], spec: OffsetSpec) -> dict[int, int]:
    asked = {TopicPartition(topic, partition): spec for partition in partitions}
    futures = admin.list_offsets(asked, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=SECONDS)
    return {place.partition: future.result().offset for place, future in futures.items()}


def _result(futures: dict[Key, Future[Value]]) -> Value:
    """The result of the only one of them."""
    [future] = futures.values()
    return future.result()


def _write_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
