"""Takes a snapshot of a Kafka cluster in a bounded time: a few batched requests, whatever the broker.

One request of a kind carries all it can: metadata, either end of all partitions, the groups. Only committed offsets
are asked group by group, all groups at once, because the client takes one group a call. A question that fails alone (of
a group that was deleted meanwhile) is counted and leaves out what it asked for.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future
from functools import cached_property
from typing import Any, TypeVar

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ClusterMetadata, OffsetSpec

from logpost.config import KafkaConfig
from logpost.kafka import client_settings
from logpost_web.cluster.snapshot import GroupState, PartitionKey, PartitionState, Snapshot, complete

SNAPSHOT_SECONDS = 5.0
"""For all requests together. Prometheus waits 10 s for a scrape."""

Key = TypeVar("Key")


class ClusterUnavailableError(Exception):
    """The cluster did not even say which topics it has."""


class Cluster:
    """Used by one thread at a time."""

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config

    @cached_property
    def _admin(self) -> AdminClient:
        """Its threads and its connection are made when somebody asks."""
        return AdminClient({**client_settings(self._config, "logpost-exporter"), "log_level": 0})

    def snapshot(self) -> Snapshot:
        """Blocks up to SNAPSHOT_SECONDS. Raises ClusterUnavailableError."""
        return _Round(self._admin, time.monotonic() + SNAPSHOT_SECONDS).snapshot()


class _Round:
    """One round of requests, until `deadline` (monotonic seconds)."""

    def __init__(self, admin: AdminClient, deadline: float) -> None:
        self._admin = admin
        self._deadline = deadline
        self._failures = 0

    def snapshot(self) -> Snapshot:
        try:
            metadata = self._admin.list_topics(timeout=self._left())
        except KafkaException as error:
            raise ClusterUnavailableError(str(error)) from error
        partitions = self._partitions(metadata)
        groups = self._groups(partitions)
        brokers = {broker.id: f"{broker.host}:{broker.port}" for broker in metadata.brokers.values()}
        return Snapshot(brokers=brokers, partitions=partitions, groups=groups, failures=self._failures)

    def _left(self) -> float:
        """The client refuses a timeout of 0."""
        return max(0.001, self._deadline - time.monotonic())

    def _answers(self, futures: Mapping[Key, Future[Any]]) -> Iterator[tuple[Key, Any]]:
        """What is answered in time and without an error; the rest is counted."""
        for key, future in futures.items():
            try:
                yield key, future.result(self._left())
            except (KafkaException, TimeoutError):
                self._failures += 1

    def _partitions(self, metadata: ClusterMetadata) -> dict[PartitionKey, PartitionState]:
        found = {
            (name, number): partition
            for name, topic in metadata.topics.items()
            for number, partition in topic.partitions.items()
        }
        led = [key for key, partition in found.items() if partition.leader >= 0]
        oldest = self._offsets(led, OffsetSpec.earliest())  # type: ignore[no-untyped-call]  # the library's
        current = self._offsets(led, OffsetSpec.latest())  # type: ignore[no-untyped-call]  # the library's
        return {
            key: PartitionState(
                oldest_offset=oldest.get(key),
                current_offset=current.get(key),
                leader=partition.leader,
                replicas=tuple(partition.replicas),
                in_sync_replicas=tuple(partition.isrs),
            )
            for key, partition in found.items()
        }

    def _offsets(self, keys: Collection[PartitionKey], spec: OffsetSpec) -> dict[PartitionKey, int]:
        if not keys:
            return {}
        asked = {TopicPartition(*key): spec for key in keys}
        futures = self._admin.list_offsets(asked, request_timeout=self._left())
        return {(one.topic, one.partition): answer.offset for one, answer in self._answers(futures)}

    def _groups(self, partitions: Mapping[PartitionKey, PartitionState]) -> dict[str, GroupState]:
        listed = self._admin.list_consumer_groups(request_timeout=self._left())
        names = sorted(group.group_id for _, answer in self._answers({"": listed}) for group in answer.valid)
        if not names:
            return {}
        described = self._admin.describe_consumer_groups(names, request_timeout=self._left())
        commits = {
            name: self._admin.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(name)], request_timeout=self._left()
            )[name]
            for name in names
        }
        members = {name: len(answer.members) for name, answer in self._answers(described)}
        committed = {name: self._committed(answer.topic_partitions or ()) for name, answer in self._answers(commits)}
        return {
            name: GroupState(members=members.get(name), committed=complete(committed.get(name, {}), partitions))
            for name in names
        }

    def _committed(self, answered: Iterable[TopicPartition]) -> dict[PartitionKey, int]:
        answered = list(answered)
        self._failures += sum(one.error is not None for one in answered)
        return {(one.topic, one.partition): one.offset for one in answered if one.error is None and one.offset >= 0}
