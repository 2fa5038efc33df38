"""The commands `logpost broker export` and `logpost broker import`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from logpost.config import Config
from logpost.progress import Progress
from logpost.service import DirectoryLock, keep_private
from logpost_broker.transfer.errors import TransferError
from logpost_broker.transfer.exporting import Export
from logpost_broker.transfer.importing import Import
from logpost_broker.transfer.kafka_directory import KafkaDirectory


def run_export(parsed: argparse.Namespace, config: Config) -> int:
    """Raises TransferError, StartError."""
    directory = config.data_directory() / "broker"
    if not directory.is_dir():
        raise TransferError(f"there is no {directory}: name the data directory with --data")
    with _locked(directory), KafkaDirectory(parsed.to) as kafka, _failures():
        with Progress(0, sys.stderr) as progress:
            topics = Export(directory, kafka, force=parsed.force, progress=progress).run(parsed.topics)
        for topic in topics:
            records = sum(partition.records for partition in topic.partitions)
            size_bytes = sum(partition.size_bytes for partition in topic.partitions)
            _say(_line(topic.entry.name, "exported", len(topic.partitions), records, size_bytes))
    _say(f"start Kafka: it serves these topics from {parsed.to}")
    return 0


def run_import(parsed: argparse.Namespace, config: Config) -> int:
    """Raises TransferError, StartError."""
    directory = config.data_directory() / "broker"
    keep_private(config.data_directory(), "broker")
    with KafkaDirectory(parsed.kafka_directory) as kafka, _locked(directory), _failures():
        with Progress(0, sys.stderr) as progress:
            topics = Import(kafka, directory, move=parsed.move, say=_say, progress=progress).run(parsed.topics)
        for topic in topics:
            records = sum(partition.records for partition in topic.partitions)
            size_bytes = sum(partition.size_bytes for partition in topic.partitions)
            _say(_line(topic.name, "imported", len(topic.partitions), records, size_bytes))
    return 0


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """The broker's directory, while no broker may start on it."""
    lock = DirectoryLock(directory)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TransferError(f"cannot use {error.filename or 'the disk'}: {error.strerror or error}") from error


def _line(topic: str, done: str, partitions: int, records: int, size_bytes: int) -> str:
    return f"{topic}: {done} {partitions:,} partitions, {records:,} records, {size_bytes:,} bytes"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
