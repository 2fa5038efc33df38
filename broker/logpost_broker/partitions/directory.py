"""All partition logs of a data directory: where they lie, how they are opened, deleted and closed.

Beside the partitions' directories lie Kafka's own checkpoint files: `recovery-point-offset-checkpoint` (below it a log
is known to be on the disk), `log-start-offset-checkpoint`, `cleaner-offset-checkpoint` (below it a log is compacted),
and `.kafka_cleanshutdown`, which is there only while the broker is not running and was stopped in order.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from logpost.config import BrokerConfig
from logpost_broker.log.closed_log import may_lose_records, size_bytes
from logpost_broker.log.disk_reserve import DiskSpace
from logpost_broker.log.files import Files
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.recovery import LastKnown, recover
from logpost_broker.log.retention import RetentionLimits
from logpost_broker.log.saved_state import outlived_snapshots
from logpost_broker.log.segment import RollLimits, Segment
from logpost_broker.metadata.checkpoints import (
    CLEAN_SHUTDOWN,
    CLEAN_SHUTDOWN_CONTENT,
    CLEANER_OFFSETS,
    LOG_STARTS,
    PARTITION_METADATA,
    RECOVERY_POINTS,
    Partition,
    partition_metadata,
    topic_id_of,
)
from logpost_broker.metadata.metadata_file import STRAY_SUFFIX, MetadataFile
from logpost_broker.metadata.topics import Topic, TopicRegistry
from logpost_broker.partitions.checkpoint_file import CheckpointFile

DELETED_SUFFIX = "-delete"
STRAY_NAME_CHARACTERS = 200
"""What is kept of a partition's name: file systems take 255."""

logger = logging.getLogger("broker")


class LogDirectory:
    def __init__(self, directory: Path, files: Files, config: BrokerConfig, metadata: MetadataFile) -> None:
        """Nothing is read before `open`."""
        self.directory = directory
        self._files = files
        self._config = config
        self._metadata = metadata
        self._logs: dict[Partition, PartitionLog] = {}
        self._clean = False
        self._opened_ms = 0
        self.leader_epoch = metadata.content.leader_epoch
        self._removal_lock = threading.Lock()
        self._recovery_points = CheckpointFile(files, directory / RECOVERY_POINTS)
        self._log_starts = CheckpointFile(files, directory / LOG_STARTS)
        self._first_dirty = CheckpointFile(files, directory / CLEANER_OFFSETS)
        self._checkpoints = (self._recovery_points, self._log_starts, self._first_dirty)

    def open(self, topics: TopicRegistry, now_ms: int) -> None:
        """After a crash every log is recovered here; after a clean shutdown, or when that fails, a log is opened at its
        first use. Raises OSError."""
        self._opened_ms = now_ms
        self._clean = self._files.exists(self.directory / CLEAN_SHUTDOWN)
        if self._clean:
            self._files.unlink(self.directory / CLEAN_SHUTDOWN)
            self._files.sync_directory(self.directory)
        existing = self._sweep(topics)
        for file in self._checkpoints:
            file.open()
        known = {(topic.name, partition) for topic, partition in existing}
        self._forget({partition for file in self._checkpoints for partition in file.partitions()} - known)
        content = self._metadata.content
        if content.topics and not self._clean:  # a power cut may have taken whole partitions
            content.leader_epoch += 1
            self._metadata.save()
        self.leader_epoch = content.leader_epoch
        if not self._clean:
            for topic, partition in existing:
                try:
                    self.get(topic, partition)
                except OSError as error:  # a client that asks for it gets an error; the others go on
                    logger.error("cannot open %s-%d: %s", topic.name, partition, error)

    def __iter__(self) -> Iterator[PartitionLog]:
        """The open logs."""
        return iter(tuple(self._logs.values()))

    def get(self, topic: Topic, partition: int) -> PartitionLog:
        """The log of a partition that the topic has; made at its first use. Raises OSError."""
        log = self._logs.get((topic.name, partition))
        if log is None:
            log = self._logs[topic.name, partition] = self._open(topic, partition)
        return log

    def space(self) -> DiskSpace:
        """Of the file system that the logs are on. Raises OSError."""
        return self._files.space(self.directory)

    def size_bytes(self, topic: Topic, partition: int) -> int:
        """Of a partition's records on the disk. Blocks where the log is not open, and may run in a thread. Raises
        OSError."""
        log = self._logs.get((topic.name, partition))
        if log is not None:
            return log.size_bytes
        return size_bytes(self._files, self.directory / f"{topic.name}-{partition}")

    def is_open(self, topic: Topic, partition: int) -> bool:
        return (topic.name, partition) in self._logs

    def may_lose_records(self, topic: Topic, partition: int, limits: RetentionLimits, now_ms: int) -> bool:
        """Whether retention has something to delete in a log that is not open. Blocks, and may run in a thread."""
        directory = self.directory / f"{topic.name}-{partition}"
        try:
            return may_lose_records(self._files, directory, limits, now_ms)
        except OSError:
            return True  # opening it tells why

    def _open(self, topic: Topic, partition: int) -> PartitionLog:
        directory = self.directory / f"{topic.name}-{partition}"
        self._make(topic, directory)
        log = PartitionLog(
            directory,
            self._files,
            limits=self._roll_limits(topic),
            leader_epoch=self.leader_epoch,
        )
        known = LastKnown(
            clean=self._clean,
            log_start_offset=self._log_starts.get((topic.name, partition)),
            recovery_point=self._recovery_points.get((topic.name, partition)),
            # Gaps stay where the policy was another one before.
            is_compacted=topic.configs.is_compacted(self._config) or (topic.name, partition) in self._first_dirty,
        )
        try:
            recover(log, known, now_ms=self._opened_ms)
        except OSError:
            log.close()
            raise
        return log

    def reconfigure_all(self, config: BrokerConfig, topics: TopicRegistry) -> None:
        """The broker's configuration has changed."""
        self._config = config
        for (name, _), log in self._logs.items():
            topic = topics.by_name(name)
            if topic is not None:
                log.limits = self._roll_limits(topic)

    def reconfigure(self, topic: Topic) -> None:
        """The topic's configuration has changed."""
        for (name, _), log in self._logs.items():
            if name == topic.name:
                log.limits = self._roll_limits(topic)

    def _roll_limits(self, topic: Topic) -> RollLimits:
        age_ms = topic.configs.number("segment.ms", self._config)
        if topic.configs.is_compacted(self._config):  # only ended segments are compacted
            age_ms = min(age_ms, topic.configs.number("max.compaction.lag.ms", self._config))
        return RollLimits(
            size_bytes=topic.configs.number("segment.bytes", self._config),
            age_ms=age_ms,
            index_bytes=topic.configs.number("segment.index.bytes", self._config),
        )

    def _make(self, topic: Topic, directory: Path) -> None:
        """Make a partition's directory, unless it is there. One of another topic of this name, whose removal failed, is
        set aside. Raises OSError."""
        expected = partition_metadata(topic.id)
        data = self._files.read_bytes(directory / PARTITION_METADATA)
        if data == expected:
            return
        if self._has_log(directory) and not _names_another(data, topic.id):
            logger.warning("%s is damaged: written again", directory / PARTITION_METADATA)
        else:
            if data is not None:
                self._set_aside(directory)
            self._forget({_partition_of(directory)})
            self._files.make_directory(directory)
        self._files.replace(directory / PARTITION_METADATA, expected)

    def _has_log(self, directory: Path) -> bool:
        return any(name.endswith(".log") for name in self._files.names(directory))

    def close_topic(self, topic: Topic) -> list[PartitionLog]:
        """Close the logs of a topic that the metadata no longer has; returns those that were open. `mark_deleted`
        then takes their files away."""
        closed = []
        for partition in range(topic.partitions):
            log = self._logs.pop((topic.name, partition), None)
            if log is not None:
                log.retire("its topic was deleted")
                log.close()
                closed.append(log)
        return closed

    def mark_deleted(self, topics: Sequence[Topic]) -> None:
        """Rename the directories of these topics, whose logs are closed, and forget their offsets, durably;
        `remove_deleted` then removes them. What fails is logged, and made good when a topic of that name is made again.
        Blocks, and may run in a thread."""
        marked = [topic for topic in topics if self._rename_deleted(topic)]
        try:
            self._files.sync_directory(self.directory)
            self._forget({(topic.name, partition) for topic in marked for partition in range(topic.partitions)})
        except OSError as error:
            logger.error("cannot remove the logs of %s: %s", ", ".join(topic.name for topic in marked), error)

    def _rename_deleted(self, topic: Topic) -> bool:
        try:
            for partition in range(topic.partitions):
                directory = self.directory / f"{topic.name}-{partition}"
                if self._files.exists(directory):
                    deleted = self.directory / f"{topic.id.hex}-{partition}{DELETED_SUFFIX}"
                    self._files.rename(directory, deleted)
        except OSError as error:
            logger.error("cannot remove the logs of %s: %s", topic.name, error)
            return False
        return True

    def remove_deleted(self) -> None:
        """Give back the space of deleted logs. Blocks while gigabytes are unlinked, and may run in a thread; what it
        does not reach, the next start does."""
        with self._removal_lock:  # topics that are deleted together would stumble over each other's files
            for name in self._files.names(self.directory):
                if name.endswith(DELETED_SUFFIX):
                    try:
                        self._files.remove_directory(self.directory / name)
                    except OSError as error:
                        logger.error("cannot remove %s: %s", self.directory / name, error)

    def truncate_prefix(self, log: PartitionLog, offset: int) -> None:
        """Move a log's start up to `offset`, durably, and delete the segments below. Raises OSError."""
        self.save_starts({log: offset})
        self.remove_files(self.drop_segments(log, offset))

    def save_starts(self, offsets: Mapping[PartitionLog, int]) -> None:
        """Make it durable that logs start at these offsets, all with one write; `drop_segments` then moves them.
        Blocks, and may run in a thread. Raises OSError, and then the starts on the disk may be old or new."""
        self._log_starts.save(
            lambda: {
                _partition_of(log.directory): log.start_moved_to(offset)
                for log, offset in offsets.items()
                if log.offline is None  # else its topic may be gone, and one of its name be there
            }
        )

    def drop_segments(self, log: PartitionLog, offset: int) -> list[Path]:
        """Move a log's start up to `offset`, which `save_starts` made durable, and rename the files of the segments
        below; returns what `remove_files` must remove. What cannot be renamed, the next start removes."""
        if log.offline is not None:
            return []
        dropped = log.truncate_prefix(offset)
        paths = [path for segment in dropped for path in self._marked_deleted(segment)]
        return [*paths, *outlived_snapshots(self._files, log.directory, log.segments[0].base_offset)] if dropped else []

    @staticmethod
    def _marked_deleted(segment: Segment) -> list[Path]:
        try:
            return segment.mark_deleted()
        except OSError as error:
            logger.error("cannot rename the files of %s: %s", segment.log.path, error.strerror)
            return []

    def remove_files(self, paths: Iterable[Path]) -> None:
        """Give back the space of `drop_segments`. Blocks while gigabytes are unlinked, and may run in a thread; what
        fails is logged, and done by the next start."""
        for path in paths:
            try:
                self._files.unlink(path)
            except OSError as error:
                logger.error("cannot remove %s: %s", path, error.strerror)

    def write_recovery_points(self) -> None:
        """Save how far each open log is known to be on the disk. Raises OSError."""
        self._recovery_points.save(lambda: {partition: log.recovery_point for partition, log in self._logs.items()})

    def saved_recovery_point(self, log: PartitionLog) -> int:
        """What a start after a crash takes as given: below it nothing is checked, nor cut off."""
        return self._recovery_points.get(_partition_of(log.directory))

    def first_dirty_offset(self, log: PartitionLog) -> int:
        """Where the last compaction of `log` ended."""
        return self._first_dirty.get(_partition_of(log.directory))

    def save_first_dirty_offset(self, log: PartitionLog, offset: int) -> None:
        """Blocks, and may run in a thread. Raises OSError, and then the log is compacted once more than needed."""
        # Where the log is offline its topic may be gone, and one of its name be there.
        self._first_dirty.save(lambda: {_partition_of(log.directory): offset} if log.offline is None else {})

    def close(self, now_ms: int) -> None:
        """Sync and close all logs, then mark the directory as cleanly shut down, if all could be. Raises OSError."""
        whole = True
        for log in self._logs.values():
            whole = self._synced(log, now_ms) and whole
            log.close()
        self.write_recovery_points()
        self._logs.clear()
        if whole:
            self._files.replace(self.directory / CLEAN_SHUTDOWN, CLEAN_SHUTDOWN_CONTENT)

    @staticmethod
    def _synced(log: PartitionLog, now_ms: int) -> bool:
        """Sync a log for the last time; whether all of it is on the disk."""
        if log.offline is not None:
            return False
        try:
            job = log.begin_sync(checkpoint=True, now_ms=now_ms)
            job.run()
        except OSError as error:
            logger.error("cannot close %s in order, the next start checks it: %s", log.directory, error.strerror)
            return False
        log.end_sync(job)
        return True

    def _sweep(self, topics: TopicRegistry) -> list[tuple[Topic, int]]:
        """The partitions that have a directory. Directories of deleted topics are removed; one that no topic explains
        is set aside, never deleted."""
        self.remove_deleted()
        existing = []
        for name in self._files.names(self.directory):
            directory = self.directory / name
            data = self._files.read_bytes(directory / PARTITION_METADATA)
            topic_name, _, number = name.rpartition("-")
            topic = topics.by_name(topic_name)
            if topic is not None and _numbers(topic, number) and not _names_another(data, topic.id):
                if data is not None or self._has_log(directory):
                    existing.append((topic, int(number)))
            elif data is not None and not name.endswith(STRAY_SUFFIX):
                self._set_aside(directory)
        return existing

    def _set_aside(self, directory: Path) -> None:
        stray = f"{directory.name[:STRAY_NAME_CHARACTERS]}.{uuid.uuid4().hex}{STRAY_SUFFIX}"
        logger.warning("%s belongs to no topic: set aside as %s", directory, stray)
        self._files.rename(directory, self.directory / stray)

    def _forget(self, partitions: set[Partition]) -> None:
        for file in self._checkpoints:
            file.forget(partitions)


def _names_another(data: bytes | None, topic_id: uuid.UUID) -> bool:
    """Whether a `partition.metadata` is that of another topic. A file that makes no sense, or differs in a single byte,
    is a damaged one of this topic: no two ids are so alike."""
    expected = partition_metadata(topic_id)
    if data is None or topic_id_of(data) is None:
        return False
    return sum(found != right for found, right in zip(data.rstrip(), expected.rstrip(), strict=True)) > 1


def _numbers(topic: Topic, text: str) -> bool:
    """Whether `text` is the number of a partition of `topic`, as we write it."""
    return text.isdecimal() and int(text) < topic.partitions and text == str(int(text))


def _partition_of(directory: Path) -> Partition:
    name, _, partition = directory.name.rpartition("-")
    return name, int(partition)
