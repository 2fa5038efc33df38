"""A log directory of Apache Kafka (one of its `log.dirs`), held so that Kafka does not start on it meanwhile."""

from __future__ import annotations

import fcntl
import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from logpost_broker.log.files import Files
from logpost_broker.metadata.checkpoints import (
    CLEAN_SHUTDOWN,
    PARTITION_METADATA,
    Partition,
    formatted_checkpoint,
    parsed_checkpoint,
    topic_id_of,
)
from logpost_broker.transfer.errors import TransferError

META_PROPERTIES = "meta.properties"
LOCK = ".lock"
HIGH_WATERMARKS = "replication-offset-checkpoint"
PARTITION_NAME = re.compile(r"([a-zA-Z0-9._-]{1,249})-(0|[1-9]\d*)")
INTERNAL_TOPICS = frozenset(
    {"__consumer_offsets", "__transaction_state", "__cluster_metadata", "__share_group_state", "__remote_log_metadata"}
)


class KafkaDirectory:
    """`with KafkaDirectory(path) as kafka: …`"""

    def __init__(self, path: Path) -> None:
        """Raises TransferError for a directory that is not Kafka's, in use, or was not shut down cleanly."""
        self.path = path
        self.files = Files()
        if not (path / META_PROPERTIES).is_file():
            raise TransferError(
                f"{path} is no log directory of Apache Kafka, it has no {META_PROPERTIES}: "
                "give the directory that server.properties names in log.dirs"
            )
        self._lock = _locked(path)
        if not (path / CLEAN_SHUTDOWN).exists():
            self.release()
            raise TransferError(
                f"Kafka was not stopped in order on {path}: start it, so that it recovers its logs, and stop it with "
                "SIGTERM (kafka-server-stop.sh)"
            )

    def partitions(self) -> dict[str, dict[int, Path]]:
        """Topic → number → directory, with internal topics, without what Kafka has set aside or is deleting."""
        found: dict[str, dict[int, Path]] = {}
        for name in self.files.names(self.path):
            fits = PARTITION_NAME.fullmatch(name)
            if fits and (self.path / name).is_dir():
                found.setdefault(fits[1], {})[int(fits[2])] = self.path / name
        return found

    def topic_id(self, directory: Path) -> uuid.UUID:
        """The id in a partition's directory. Raises TransferError."""
        topic_id = topic_id_of(self.files.read_bytes(directory / PARTITION_METADATA) or b"")
        if topic_id is None:
            raise TransferError(
                f"{directory / PARTITION_METADATA} is missing or makes no sense: start and stop Kafka, which writes it"
            )
        return topic_id

    def checkpoint(self, name: str) -> dict[Partition, int]:
        """Raises TransferError."""
        data = self.files.read_bytes(self.path / name)
        try:
            return parsed_checkpoint(data) if data else {}  # Kafka makes them empty
        except ValueError as error:
            raise TransferError(f"{self.path / name} makes no sense ({error}): start and stop Kafka") from error

    def write_checkpoint(self, name: str, offsets: Mapping[Partition, int]) -> None:
        """Raises OSError."""
        self.files.replace(self.path / name, formatted_checkpoint(offsets))

    def release(self) -> None:
        os.close(self._lock)

    def __enter__(self) -> KafkaDirectory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _locked(path: Path) -> int:
    """Take Kafka's own lock, which is one of POSIX (Java's FileLock). Raises TransferError."""
    try:
        lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise TransferError(f"cannot write {path / LOCK}: {error.strerror}; run this as Kafka's user") from error
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise TransferError(f"Kafka is running on {path}: stop it first (kafka-server-stop.sh)") from error
    return lock
