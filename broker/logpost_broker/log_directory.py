"""All partition logs of a data directory: where they lie, how they are opened, deleted and closed.

Beside the partitions' directories lie Kafka's own checkpoint files: `recovery-point-offset-checkpoint` (below it a log
is known to be on the disk), `log-start-offset-checkpoint`, and `.kafka_cleanshutdown`, which is there only while the
broker is not running and was stopped in order.
"""

from __future__ import annotations

import base64
import logging
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from logpost.config import BrokerConfig
from logpost_broker.log.files import Files
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.recovery import LastKnown, recover
from logpost_broker.metadata_file import MetadataFile
from logpost_broker.topics import Topic, TopicRegistry

CLEAN_SHUTDOWN = ".kafka_cleanshutdown"
RECOVERY_POINTS = "recovery-point-offset-checkpoint"
LOG_STARTS = "log-start-offset-checkpoint"
PARTITION_METADATA = "partition.metadata"
DELETED_SUFFIX = "-delete"
STRAY_SUFFIX = "-stray"

Partition = tuple[str, int]
logger = logging.getLogger("broker")


class LogDirectory:
    def __init__(
        self,
        directory: Path,
        files: Files,
        config: BrokerConfig,
        metadata: MetadataFile,
        topics: TopicRegistry,
        *,
        now_ms: int,
    ) -> None:
        """After a crash every log is recovered here; after a clean shutdown a log is opened at its first use. Raises
        OSError."""
        self._directory = directory
        self._files = files
        self._config = config
        self._logs: dict[Partition, PartitionLog] = {}
        self._now_ms = now_ms
        self._clean = files.exists(directory / CLEAN_SHUTDOWN)
        if self._clean:
            files.unlink(directory / CLEAN_SHUTDOWN)
            files.sync_directory(directory)
        existing = self._sweep(topics)
        self._recovery_points = self._read_checkpoint(RECOVERY_POINTS)
        self._log_starts = self._read_checkpoint(LOG_STARTS)
        known = {(topic.name, partition) for topic, partition in existing}
        self._forget({*self._recovery_points, *self._log_starts} - known)
        if existing and not self._clean:
            metadata.content.leader_epoch += 1
            metadata.save()
        self.leader_epoch = metadata.content.leader_epoch
        if not self._clean:
            for topic, partition in existing:
                self.get(topic, partition)

    def __iter__(self) -> Iterator[PartitionLog]:
        """The open logs."""
        return iter(tuple(self._logs.values()))

    def get(self, topic: Topic, partition: int) -> PartitionLog:
        """The log of a partition that the topic has; made at its first use. Raises OSError."""
        log = self._logs.get((topic.name, partition))
        if log is None:
            log = self._logs[topic.name, partition] = self._open(topic, partition)
        return log

    def _open(self, topic: Topic, partition: int) -> PartitionLog:
        directory = self._directory / f"{topic.name}-{partition}"
        if not self._files.exists(directory / PARTITION_METADATA):
            self._files.make_directory(directory)
            self._files.replace(directory / PARTITION_METADATA, _partition_metadata(topic.id))
        log = PartitionLog(
            directory,
            self._files,
            segment_bytes=topic.configs.number("segment.bytes", self._config),
            leader_epoch=self.leader_epoch,
        )
        known = LastKnown(
            clean=self._clean,
            log_start_offset=self._log_starts.get((topic.name, partition), 0),
            recovery_point=self._recovery_points.get((topic.name, partition), 0),
        )
        recover(log, known, now_ms=self._now_ms)
        return log

    def delete(self, topic: Topic) -> list[PartitionLog]:
        """Take away the logs of a topic that the metadata no longer has; answers those that were open. `remove_deleted`
        then removes their files. Raises OSError."""
        closed = []
        for partition in range(topic.partitions):
            log = self._logs.pop((topic.name, partition), None)
            if log is not None:
                log.retire("its topic was deleted")
                log.close()
                closed.append(log)
            directory = self._directory / f"{topic.name}-{partition}"
            if self._files.exists(directory):
                deleted = self._directory / f"{uuid.uuid4().hex}{DELETED_SUFFIX}"
                self._files.rename(directory, deleted)
        self._files.sync_directory(self._directory)
        self._forget({(topic.name, partition) for partition in range(topic.partitions)})
        return closed

    def remove_deleted(self) -> None:
        """Give back the space of deleted logs. Blocks while gigabytes are unlinked, and may run in a thread; what it
        does not reach, the next start does."""
        for name in self._files.names(self._directory):
            if name.endswith(DELETED_SUFFIX):
                try:
                    self._files.remove_directory(self._directory / name)
                except OSError as error:
                    logger.error("cannot remove %s: %s", self._directory / name, error)

    def truncate_prefix(self, log: PartitionLog, offset: int) -> None:
        """Move a log's start up to `offset`, durably, and delete the segments below. Raises OSError."""
        name, _, partition = log.directory.name.rpartition("-")
        starts = self._log_starts | {(name, int(partition)): log.start_moved_to(offset)}
        self._write_checkpoint(LOG_STARTS, starts)
        self._log_starts = starts
        for segment in log.truncate_prefix(offset):
            segment.delete()

    def write_recovery_points(self) -> None:
        """Save how far each open log is known to be on the disk. Raises OSError."""
        points = {partition: log.recovery_point for partition, log in self._logs.items()}
        self._recovery_points.update(points)
        self._write_checkpoint(RECOVERY_POINTS, self._recovery_points)

    def close(self, now_ms: int) -> None:
        """Sync and close all logs, then mark the directory as cleanly shut down. Raises OSError."""
        whole = True
        for log in self._logs.values():
            if log.offline is None:
                job = log.begin_sync(checkpoint=True, now_ms=now_ms)
                job.run()
                log.end_sync(job)
            else:
                whole = False
            log.close()
        self.write_recovery_points()
        self._logs.clear()
        if whole:
            self._files.replace(self._directory / CLEAN_SHUTDOWN, b'{"version":0}\n')

    def _sweep(self, topics: TopicRegistry) -> list[tuple[Topic, int]]:
        """The partitions that have a directory. Directories of deleted topics are removed; one that no topic explains
        is set aside, never deleted."""
        self.remove_deleted()
        existing = []
        for name in self._files.names(self._directory):
            directory = self._directory / name
            data = self._files.read_bytes(directory / PARTITION_METADATA) if directory.is_dir() else None
            if data is None or name.endswith(STRAY_SUFFIX):
                continue
            topic_name, _, number = name.rpartition("-")
            topic = topics.by_name(topic_name)
            if topic is not None and data == _partition_metadata(topic.id):
                existing.append((topic, int(number)))
            else:
                stray = f"{name}.{uuid.uuid4().hex}{STRAY_SUFFIX}"
                logger.warning("%s belongs to no topic: set aside as %s", directory, stray)
                self._files.rename(directory, self._directory / stray)
        return existing

    def _forget(self, partitions: set[Partition]) -> None:
        """Take partitions that are gone out of the checkpoints, durably: their offsets must not hold for a topic that
        is made again under the name."""
        for name, offsets in ((RECOVERY_POINTS, self._recovery_points), (LOG_STARTS, self._log_starts)):
            gone = offsets.keys() & partitions
            for partition in gone:
                del offsets[partition]
            if gone:
                self._write_checkpoint(name, offsets)

    def _read_checkpoint(self, name: str) -> dict[Partition, int]:
        """Kafka's checkpoint format: a version, a count, and lines of topic, partition, offset."""
        data = self._files.read_bytes(self._directory / name)
        if data is None:
            return {}
        fields = [line.split() for line in data.decode().splitlines()[2:]]
        return {(topic, int(partition)): int(offset) for topic, partition, offset in fields}

    def _write_checkpoint(self, name: str, offsets: Mapping[Partition, int]) -> None:
        lines = [f"{topic} {partition} {offset}" for (topic, partition), offset in offsets.items()]
        self._files.replace(self._directory / name, "\n".join(["0", str(len(lines)), *lines, ""]).encode())


def _partition_metadata(topic_id: uuid.UUID) -> bytes:
    """Kafka's `partition.metadata`, with the id in its 22 characters."""
    text = base64.urlsafe_b64encode(topic_id.bytes).decode().rstrip("=")
    return f"version: 0\ntopic_id: {text}\n".encode()
