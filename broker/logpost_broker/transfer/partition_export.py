"""One partition of ours becomes one that Apache Kafka serves: the segments and indexes, each batch checked on the way.

Two things a new owner must not inherit. Leader epochs: Kafka counts its own from 0, and a consumer that has seen a
higher one refuses Kafka's metadata as old; so batches get epoch 0 (the CRC does not cover it). Producer states: Kafka
gives out producer ids from 0 as we do, and would take the batches of a new producer for duplicates of an old one's; so
it gets a snapshot without producers.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from logpost_broker.log.batch import CONTROL
from logpost_broker.log.files import Files
from logpost_broker.log.producers import ProducerStates
from logpost_broker.log.segment import file_stem
from logpost_broker.log.transactions import PartitionTransactions
from logpost_broker.log.walk import Found, SegmentWalk
from logpost_broker.metadata.checkpoints import PARTITION_METADATA
from logpost_broker.transfer import copying
from logpost_broker.transfer.errors import TransferError

EXPORTED_NAME = re.compile(r"\d{20}\.(log|index|timeindex)")
LEADER_EPOCHS = "leader-epoch-checkpoint"
FIRST_EPOCH = 0
EPOCH = struct.Struct(">i")
EPOCH_POSITION = 12
ABORTED = struct.Struct(">hqqqq")
"""An entry of Kafka's `.txnindex`: version, producer id, first and last offset, last stable offset."""
ABORTED_VERSION = 0


@dataclass(slots=True, kw_only=True)
class ExportedPartition:
    log_start_offset: int
    next_offset: int
    records: int = 0
    size_bytes: int = 0


class PartitionExport:
    def __init__(self, source: Path, target: Path, log_start_offset: int, on_read: Callable[[int], None]) -> None:
        """`target` does not exist yet. `on_read` is told of bytes as they are checked."""
        self._on_read = on_read
        self._source = source
        self._target = target
        self._files = Files()
        self._found = ExportedPartition(log_start_offset=log_start_offset, next_offset=log_start_offset)
        self._transactions = PartitionTransactions()

    def run(self, kafka_partition: Path) -> ExportedPartition:
        """`kafka_partition`: the directory that Kafka has for the partition, whose identity is kept. Durable when it
        returns, except for the name of `target`. Raises OSError, TransferError."""
        found = self._found
        self._target.mkdir()
        for name in self._files.names(self._source):
            if EXPORTED_NAME.fullmatch(name):
                copying.copy(self._source / name, self._target / name)
                if name.endswith(".log"):
                    self._segment(self._target / name)
                copying.sync(self._target / name)
        copying.copy(kafka_partition / PARTITION_METADATA, self._target / PARTITION_METADATA)
        self._files.replace(self._target / f"{file_stem(found.next_offset)}.snapshot", ProducerStates().snapshot())
        epochs = f"0\n1\n{FIRST_EPOCH} {found.log_start_offset}\n" if found.records else "0\n0\n"
        self._files.replace(self._target / LEADER_EPOCHS, epochs.encode())
        copying.hand_over(self._target, like=kafka_partition)
        return found

    def _segment(self, path: Path) -> None:
        """Check the batches of a copy, and set their leader epoch."""
        found = self._found
        base_offset = int(path.stem)
        found.next_offset = max(found.next_offset, base_offset)
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            with SegmentWalk(path, base_offset, on_read=self._on_read) as walk:
                for piece in walk:
                    if not isinstance(piece, Found):
                        raise TransferError(
                            f"{self._source / path.name} position {piece.position}: {piece.reason}; "
                            "`logpost broker verify` says more"
                        )
                    if piece.header.partition_leader_epoch != FIRST_EPOCH:
                        os.pwrite(fd, EPOCH.pack(FIRST_EPOCH), piece.position + EPOCH_POSITION)
                    found.records += piece.header.record_count
                    found.next_offset = piece.header.last_offset + 1
                    batch = walk.read(piece) if piece.header.attributes & CONTROL else b""
                    self._transactions.see(piece.header, batch)
        finally:
            os.close(fd)
        found.size_bytes += walk.size_bytes
        self._index_aborted(path, base_offset)

    def _index_aborted(self, path: Path, base_offset: int) -> None:
        """Those whose marker is in the segment."""
        aborted = self._transactions.aborted(base_offset, self._found.next_offset)
        entries = b"".join(
            ABORTED.pack(ABORTED_VERSION, each.producer_id, each.first_offset, each.last_offset, each.last_offset + 1)
            for each in aborted
        )
        if entries:
            self._files.replace(path.with_suffix(".txnindex"), entries)
