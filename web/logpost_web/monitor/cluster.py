"""Takes a snapshot of a Kafka cluster: a few batched requests, whatever the broker."""

from __future__ import annotations

import time
from collections.abc import Collection

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from logpost.config import KafkaConfig
from logpost.kafka import client_settings
from logpost_web.monitor.snapshot import GroupState, PartitionKey, PartitionState, Snapshot, complete

REQUEST_SECONDS = 5.0


class ClusterUnavailableError(Exception):
    """The cluster did not answer in time."""


class Cluster:
    def __init__(self, config: KafkaConfig) -> None:
        self._admin = AdminClient({**client_settings(config, "logpost-exporter"), "log_level": 0})

    def snapshot(self) -> Snapshot:
        """Blocks up to a few REQUEST_SECONDS. Raises ClusterUnavailableError."""
        try:
            return self._snapshot()
        except (KafkaException, TimeoutError) as error:
            raise ClusterUnavailableError(str(error)) from error

    def _snapshot(self) -> Snapshot:
        metadata = self._admin.list_topics(timeout=REQUEST_SECONDS)
        keys = [(name, number) for name, topic in metadata.topics.items() for number in topic.partitions]
        oldest = self._offsets(keys, OffsetSpec.earliest())  # type: ignore[no-untyped-call]  # the library's
        current = self._offsets(keys, OffsetSpec.latest())  # type: ignore[no-untyped-call]  # the library's
        partitions = {}
        for name, number in keys:
            found = metadata.topics[name].partitions[number]
            partitions[name, number] = PartitionState(
                oldest_offset=oldest.get((name, number), -1),
                current_offset=current.get((name, number), -1),
                leader=found.leader,
                replicas=tuple(found.replicas),
                in_sync_replicas=tuple(found.isrs),
            )
        brokers = {broker.id: f"{broker.host}:{broker.port}" for broker in metadata.brokers.values()}
        return Snapshot(brokers=brokers, partitions=partitions, groups=self._groups(partitions))

    def _offsets(self, keys: Collection[PartitionKey], spec: OffsetSpec) -> dict[PartitionKey, int]:
        if not keys:
            return {}
        asked = {TopicPartition(*key): spec for key in keys}
        futures = self._admin.list_offsets(asked, request_timeout=REQUEST_SECONDS)
        return {
            (partition.topic, partition.partition): future.result(REQUEST_SECONDS).offset
            for partition, future in futures.items()
        }

    def _groups(self, partitions: dict[PartitionKey, PartitionState]) -> dict[str, GroupState]:
        listed = self._admin.list_consumer_groups(request_timeout=REQUEST_SECONDS).result(REQUEST_SECONDS)
        names = sorted(group.group_id for group in listed.valid)
        if not names:
            return {}
        described = self._admin.describe_consumer_groups(names, request_timeout=REQUEST_SECONDS)
        commits = {
            name: self._admin.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(name)], request_timeout=REQUEST_SECONDS
            )[name]
            for name in names
        }
        groups = {}
        deadline = time.monotonic() + REQUEST_SECONDS
        for name in names:
            members = described[name].result(max(0.0, deadline - time.monotonic())).members
            answered = commits[name].result(max(0.0, deadline - time.monotonic())).topic_partitions
            committed = {(found.topic, found.partition): found.offset for found in answered}
            groups[name] = GroupState(members=len(members), committed=complete(committed, partitions))
        return groups
