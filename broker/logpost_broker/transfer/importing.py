"""Topics of an Apache Kafka log directory become topics here. Nothing is there until all of it is.

Partitions are first written under names that a start of the broker deletes; then renamed; then named in the metadata
file. A crash before that last step leaves nothing that a broker would serve.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from logpost.progress import Progress
from logpost_broker.errors import ApiError
from logpost_broker.log.files import Files
from logpost_broker.metadata.checkpoints import LOG_STARTS, RECOVERY_POINTS, Partition, formatted_checkpoint
from logpost_broker.metadata.metadata_file import MetadataFile, TopicEntry
from logpost_broker.metadata.topic_configs import check_configs
from logpost_broker.metadata.topics import LEGAL_NAME, MAX_PARTITIONS
from logpost_broker.partitions.partition_directories import DELETED_SUFFIX
from logpost_broker.transfer import copying
from logpost_broker.transfer.copying import log_bytes, offsets_in
from logpost_broker.transfer.errors import TransferError
from logpost_broker.transfer.kafka_directory import INTERNAL_TOPICS, KafkaDirectory
from logpost_broker.transfer.kafka_topic_configs import topic_overrides
from logpost_broker.transfer.partition_import import ImportedPartition, PartitionImport

COMPACT = "compact"


@dataclass(slots=True, kw_only=True)
class TopicImport:
    """One topic on its way."""

    name: str
    id: uuid.UUID
    sources: list[Path]
    """By partition."""
    configs: dict[str, str]
    staged: list[Path] = field(default_factory=list)
    partitions: list[ImportedPartition] = field(default_factory=list)


class Import:
    def __init__(
        self,
        kafka: KafkaDirectory,
        directory: Path,
        *,
        move: bool,
        say: Callable[[str], None],
        progress: Progress,
    ) -> None:
        """`directory` is the broker's, locked by the caller. `say` is told what is skipped or changed."""
        self._progress = progress
        self._kafka = kafka
        self._directory = directory
        self._move = move
        self._say = say
        self._files = Files()
        self._metadata = MetadataFile(directory, self._files)
        self._overrides = topic_overrides(kafka.path)
        if self._overrides is None:
            say(f"the configuration of topics is not taken over, {kafka.path} has no metadata log")

    def run(self, wanted: Sequence[str]) -> list[TopicImport]:
        """Import the topics `wanted`, or all. Raises TransferError, StartError, OSError; then nothing is imported."""
        topics = self._plan(wanted)
        self._progress.total_bytes = log_bytes(source for topic in topics for source in topic.sources)
        try:
            for topic in topics:
                self._stage(topic)
            self._install(topics)
        finally:
            for staged in (path for topic in topics for path in topic.staged if path.exists()):
                shutil.rmtree(staged)
        if self._move:
            for source in (source for topic in topics for source in topic.sources):
                shutil.rmtree(source)
        return topics

    def _plan(self, wanted: Sequence[str]) -> list[TopicImport]:
        found = self._kafka.partitions()
        missing = [name for name in wanted if name not in found]
        if missing:
            raise TransferError(f"{self._kafka.path} has no topic {', '.join(missing)}")
        here = {entry.name: entry.id for entry in self._metadata.content.topics}
        topics = []
        for name, partitions in sorted(found.items()):
            if name in INTERNAL_TOPICS:
                self._say(f"{name}: skipped, it holds the state of Kafka's own coordinators")
            elif not wanted or name in wanted:
                topic = self._topic(name, partitions, (self._overrides or {}).get(name, {}))
                if here.get(name) == topic.id:
                    self._say(f"{name}: skipped, it was imported before")
                elif name in here:
                    raise TransferError(
                        f"a topic {name} is here already: delete it first, or name the topics to import"
                    )
                else:
                    topics.append(topic)
        return topics

    def _topic(self, name: str, partitions: Mapping[int, Path], overrides: Mapping[str, str]) -> TopicImport:
        """Raises TransferError for a topic that is not wholly there."""
        count = max(partitions) + 1
        if not LEGAL_NAME.fullmatch(name) or count > MAX_PARTITIONS:
            raise TransferError(
                f"{name} has a partition {count - 1}, and {MAX_PARTITIONS} are the most that a topic may have here"
            )
        missing = sorted(set(range(count)) - partitions.keys())
        if missing:
            raise TransferError(
                f"{self._kafka.path} lacks partition {missing[0]} of {name}: Kafka keeps it in another of its log.dirs "
                "or on another broker; move all partitions into this directory first (kafka-reassign-partitions.sh)"
            )
        sources = [partitions[number] for number in range(count)]
        ids = {self._kafka.topic_id(source) for source in sources}
        if len(ids) > 1:
            raise TransferError(
                f"the partitions of {name} name several topic ids: move the directories of a deleted topic"
            )
        return TopicImport(name=name, id=ids.pop(), sources=sources, configs=self._configs(name, overrides))

    def _configs(self, name: str, overrides: Mapping[str, str]) -> dict[str, str]:
        """What of Kafka's configuration holds here."""
        kept: dict[str, str] = {}
        for setting, value in overrides.items():
            try:
                kept |= check_configs({setting: value})
            except ApiError as error:
                self._say(f"{name}: {setting}={value} is left out: {error}")
        return kept

    def _stage(self, topic: TopicImport) -> None:
        for source in topic.sources:
            target = self._directory / f"{uuid.uuid4().hex}{DELETED_SUFFIX}"
            topic.staged.append(target)
            partition = PartitionImport(source, target, move=self._move, on_read=self._progress.add, say=self._say)
            topic.partitions.append(partition.run(topic.id))
        if self._overrides is None and any(partition.has_gaps for partition in topic.partitions):
            topic.configs["cleanup.policy"] = COMPACT
            self._say(f"{topic.name}: cleanup.policy is set to {COMPACT}, for offsets are missing in its log")

    def _install(self, topics: Sequence[TopicImport]) -> None:
        starts = self._kafka.checkpoint(LOG_STARTS)
        recovery_points: dict[Partition, int] = {}
        log_starts: dict[Partition, int] = {}
        for topic in topics:
            for number, partition in enumerate(topic.partitions):
                key = (topic.name, number)
                recovery_points[key] = partition.next_offset
                log_starts[key] = max(starts.get(key, 0), partition.first_offset or 0)
                topic.staged[number].rename(self._directory / f"{topic.name}-{number}")
        copying.sync(self._directory)
        self._update_checkpoint(RECOVERY_POINTS, recovery_points)
        self._update_checkpoint(LOG_STARTS, log_starts)
        content = self._metadata.content
        imported = [partition for topic in topics for partition in topic.partitions]
        # An epoch or a producer id that the batches carry is never given out again.
        content.leader_epoch = max([content.leader_epoch, *(found.highest_leader_epoch + 1 for found in imported)])
        content.next_producer_id = max(
            [content.next_producer_id, *(found.highest_producer_id + 1 for found in imported)]
        )
        content.topics = [
            *content.topics,
            *(
                TopicEntry(name=topic.name, id=topic.id, partitions=len(topic.sources), configs=topic.configs)
                for topic in topics
            ),
        ]
        self._metadata.save()

    def _update_checkpoint(self, name: str, offsets: Mapping[Partition, int]) -> None:
        before = offsets_in(self._directory / name)
        self._files.replace(self._directory / name, formatted_checkpoint({**before, **offsets}))
