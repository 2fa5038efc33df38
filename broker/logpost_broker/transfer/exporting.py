"""Topics of ours into a log directory of Apache Kafka, which has made them already. Nothing is changed there until all
partitions are written beside the ones that they replace.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from logpost.progress import Progress
from logpost_broker.log.files import Files
from logpost_broker.metadata.checkpoints import CLEAN_SHUTDOWN, CLEANER_OFFSETS, LOG_STARTS, RECOVERY_POINTS
from logpost_broker.metadata.metadata_file import NAME as METADATA
from logpost_broker.metadata.metadata_file import TopicEntry, parsed_metadata
from logpost_broker.partitions.partition_directories import DELETED_SUFFIX
from logpost_broker.transfer import copying
from logpost_broker.transfer.copying import log_bytes, offsets_in
from logpost_broker.transfer.errors import TransferError
from logpost_broker.transfer.kafka_directory import HIGH_WATERMARKS, KafkaDirectory
from logpost_broker.transfer.partition_export import ExportedPartition, PartitionExport


@dataclass(slots=True, kw_only=True)
class TopicExport:
    """One topic on its way."""

    entry: TopicEntry
    targets: list[Path]
    """Kafka's directories, by partition."""
    staged: list[Path] = field(default_factory=list)
    partitions: list[ExportedPartition] = field(default_factory=list)


class Export:
    def __init__(self, directory: Path, kafka: KafkaDirectory, *, force: bool, progress: Progress) -> None:
        """`directory` is the broker's, locked by the caller. `force`: replace what Kafka has in the topics."""
        self._progress = progress
        self._directory = directory
        self._kafka = kafka
        self._force = force
        self._files = Files()

    def run(self, names: Sequence[str]) -> list[TopicExport]:
        """Raises TransferError, StartError, OSError; then nothing has changed for Kafka."""
        topics = self._plan(names)
        self._progress.total_bytes = log_bytes(
            self._directory / target.name for topic in topics for target in topic.targets
        )
        starts = offsets_in(self._directory / LOG_STARTS)
        try:
            for topic in topics:
                for number, target in enumerate(topic.targets):
                    staged = _aside(target)
                    topic.staged.append(staged)
                    source = self._directory / f"{topic.entry.name}-{number}"
                    start = starts.get((topic.entry.name, number), 0)
                    topic.partitions.append(PartitionExport(source, staged, start, self._progress.add).run(target))
        except BaseException:
            for staged in (path for topic in topics for path in topic.staged if path.exists()):
                shutil.rmtree(staged)
            raise
        self._install(topics)
        return topics

    def _plan(self, names: Sequence[str]) -> list[TopicExport]:
        path = self._directory / METADATA
        data = self._files.read_bytes(path)
        if data is None:
            raise TransferError(f"{self._directory} is no broker's data directory, it has no {METADATA}")
        if not self._files.exists(self._directory / CLEAN_SHUTDOWN):
            raise TransferError(f"the broker was not stopped in order on {self._directory}: start it once and stop it")
        entries = {entry.name: entry for entry in parsed_metadata(data, path).topics if not entry.internal}
        missing = [name for name in names if name not in entries]
        if missing:
            raise TransferError(f"{self._directory} has no topic {', '.join(missing)}")
        return [self._topic(entries[name]) for name in dict.fromkeys(names)]

    def _topic(self, entry: TopicEntry) -> TopicExport:
        """Raises TransferError where Kafka's topic does not fit."""
        theirs = self._kafka.partitions().get(entry.name, {})
        if not theirs:
            raise TransferError(
                f"{self._kafka.path} has no topic {entry.name}: start Kafka, make the topic, stop Kafka, and run this "
                f"again. {_creation(entry)}"
            )
        if set(theirs) != set(range(entry.partitions)):
            raise TransferError(
                f"{entry.name} has {entry.partitions} partitions here and {len(theirs)} in {self._kafka.path}: start "
                f"Kafka, delete the topic and make it again, stop Kafka, and run this again. {_creation(entry)}"
            )
        for target in theirs.values():
            self._kafka.topic_id(target)
            if not self._force and any(_has_records(path) for path in target.glob("*.log")):
                raise TransferError(f"Kafka has records in {target}: --force replaces them")
        return TopicExport(entry=entry, targets=[theirs[number] for number in range(entry.partitions)])

    def _install(self, topics: Sequence[TopicExport]) -> None:
        """Put the new directories in the place of the old, then the checkpoints."""
        ends, starts = {}, {}
        replaced = []
        for topic in topics:
            for number, (target, staged) in enumerate(zip(topic.targets, topic.staged, strict=True)):
                replaced.append(_aside(target))
                target.rename(replaced[-1])
                staged.rename(target)
                ends[topic.entry.name, number] = topic.partitions[number].next_offset
                starts[topic.entry.name, number] = topic.partitions[number].log_start_offset
        copying.sync(self._kafka.path)
        for name, offsets in (
            (RECOVERY_POINTS, ends),
            (HIGH_WATERMARKS, ends),
            (LOG_STARTS, starts),
            (CLEANER_OFFSETS, {}),
        ):
            before = self._kafka.checkpoint(name)
            others = {partition: offset for partition, offset in before.items() if partition not in ends}
            self._kafka.write_checkpoint(name, {**others, **offsets})
        for old in replaced:
            shutil.rmtree(old)


def _aside(target: Path) -> Path:
    """A name for a directory, `topic-partition.id-delete`, that Kafka deletes at its start if we do not come to it."""
    return target.with_name(f"{target.name}.{uuid.uuid4().hex}{DELETED_SUFFIX}")


def _has_records(path: Path) -> bool:
    return int(path.stem) > 0 or path.stat().st_size > 0


def _creation(entry: TopicEntry) -> str:
    """Kafka's command that makes the topic."""
    configs = "".join(f" --config {name}={value}" for name, value in entry.configs.items())
    return (
        f"Its command: kafka-topics.sh --bootstrap-server localhost:9092 --create --topic {entry.name} "
        f"--partitions {entry.partitions} --replication-factor 1{configs}"
    )
