"""What the broker says now of the topics that are indexed: their ids, where their partitions begin and end."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, OffsetSpec

from logpost_web.indexer.planner import PartitionKey

REQUEST_SECONDS = 5.0
SEGMENT = "segment.bytes"
EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]  # the library's
LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the library's


class Topics:
    """Used by the indexer's thread."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin
        self._compacted: dict[str, bool] = {}

    def ids(self, topics: Collection[str]) -> dict[str, str]:
        """Kafka's ids of these topics now, empty for those that are no more. Raises KafkaException."""
        if not topics:
            return {}
        described = self._admin.describe_topics(TopicCollection(list(topics)), request_timeout=REQUEST_SECONDS)
        ids = {}
        for topic, future in described.items():
            try:
                ids[topic] = str(outcome(future).topic_id)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise
                ids[topic] = ""
        return ids

    def starts(self, partitions: list[TopicPartition]) -> dict[PartitionKey, int]:
        """Raises KafkaException."""
        return self._offsets(partitions, EARLIEST)

    def ends(self, partitions: list[TopicPartition]) -> dict[PartitionKey, int]:
        """Raises KafkaException."""
        return self._offsets(partitions, LATEST)

    def _offsets(self, partitions: list[TopicPartition], which: OffsetSpec) -> dict[PartitionKey, int]:
        if not partitions:
            return {}
        found = {}
        asked = self._admin.list_offsets(dict.fromkeys(partitions, which), request_timeout=REQUEST_SECONDS)
        for partition, future in asked.items():
            key = (partition.topic, partition.partition)
            try:
                found[key] = max(int(outcome(future).offset), 0)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise
                found[key] = 0  # deleted meanwhile
        return found

    def bounds_of(self, partition: PartitionKey) -> tuple[int, int]:
        """Offsets [start, end) that the broker has of it. Raises KafkaException."""
        asked = [TopicPartition(*partition)]
        return self.starts(asked)[partition], self.ends(asked)[partition]

    def starts_of(self, partitions: Collection[PartitionKey]) -> dict[PartitionKey, int]:
        """Raises KafkaException."""
        return self.starts([TopicPartition(*key) for key in partitions])

    def delete_before(self, offsets: Mapping[PartitionKey, int]) -> None:
        """Delete the records before these offsets. Raises KafkaException."""
        if offsets:
            asked = [TopicPartition(*key, offset) for key, offset in offsets.items()]
            for future in self._admin.delete_records(asked, request_timeout=REQUEST_SECONDS).values():
                outcome(future)

    def limit_segments(self, topics: Collection[str], size: int) -> None:
        """Segments of these topics are at most `size` bytes from now on. Raises KafkaException."""
        asked = [ConfigResource(ConfigResource.Type.TOPIC, one) for one in topics]
        described = self._admin.describe_configs(asked, request_timeout=REQUEST_SECONDS) if asked else {}
        larger = [one.name for one, future in described.items() if int(outcome(future)[SEGMENT].value) > size]
        change = ConfigEntry(SEGMENT, str(size), incremental_operation=AlterConfigOpType.SET)
        changes = [ConfigResource(ConfigResource.Type.TOPIC, one, incremental_configs=[change]) for one in larger]
        if changes:
            for future in self._admin.incremental_alter_configs(changes, request_timeout=REQUEST_SECONDS).values():
                outcome(future)

    def are_compacted(self, topics: Collection[str]) -> dict[str, bool]:
        """Whether records of these topics go where newer ones have their key. Raises KafkaException."""
        unknown = [ConfigResource(ConfigResource.Type.TOPIC, one) for one in topics if one not in self._compacted]
        if unknown:
            described = self._admin.describe_configs(unknown, request_timeout=REQUEST_SECONDS)
            for resource, future in described.items():
                policy = outcome(future)["cleanup.policy"].value
                self._compacted[resource.name] = "compact" in policy
        return self._compacted

    def forget_settings(self) -> None:
        """They may have changed: ask for them again."""
        self._compacted.clear()


def outcome(future: Future[Any]) -> Any:
    """Of a request. Raises KafkaException, also where the client is late to say that nobody answered."""
    try:
        return future.result(REQUEST_SECONDS)
    except TimeoutError as error:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from error
