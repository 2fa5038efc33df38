"""One partition written by Apache Kafka becomes one of ours: segments as they are, indexes and producers again.

Every batch is checked on the way: one that cannot stand where it does ends the import, one whose records cannot be read
is named and kept. Kafka's own indexes are not taken over: those of an active segment are padded with
zeros, and old versions wrote other entries; ours follow from the batches.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from logpost.service import restrict
from logpost_broker.log.batch import CONTROL, BatchHeader
from logpost_broker.log.checked import MAX_RELATIVE_OFFSET
from logpost_broker.log.files import Files
from logpost_broker.log.producers import ProducerStates
from logpost_broker.log.segment import Segment, file_stem
from logpost_broker.log.transactions import PartitionTransactions
from logpost_broker.log.walk import CHUNK_BYTES, Found, SegmentWalk
from logpost_broker.metadata.checkpoints import PARTITION_METADATA, partition_metadata
from logpost_broker.transfer import copying
from logpost_broker.transfer.batch_check import MAX_OPENED_BYTES, MAX_PRODUCER_ID, misplaced, unreadable
from logpost_broker.transfer.errors import TransferError

LOG_NAME = re.compile(r"\d{20}\.log")
LEFT_BY_A_CRASH = re.compile(r"\d{20}\.log\.(swap|cleaned)")
"""Kafka's, during a compaction: they hold what others no longer do."""
TRANSACTION_INDEX = re.compile(r"\d{20}\.txnindex")
MAX_OFFSET = 2**63 - 1
NAMED_BATCHES = 10
"""Of those of a partition whose records cannot be read; the others are counted."""


@dataclass(slots=True, kw_only=True)
class ImportedPartition:
    """What the batches of a partition said."""

    records: int = 0
    size_bytes: int = 0
    first_offset: int | None = None
    next_offset: int = 0
    has_gaps: bool = False
    """Offsets are missing: the topic was compacted."""
    highest_leader_epoch: int = -1
    highest_producer_id: int = -1
    transactions: PartitionTransactions = field(default_factory=PartitionTransactions)
    """As the broker will know them."""
    producers: ProducerStates = field(default_factory=ProducerStates)


class PartitionImport:
    def __init__(
        self,
        source: Path,
        target: Path,
        *,
        move: bool,
        on_read: Callable[[int], None],
        say: Callable[[str], None],
    ) -> None:
        """`target` does not exist yet. `move`: segments may be shared with `source`, which is deleted afterwards.
        `on_read` is told of bytes as they are checked, `say` of batches whose records cannot be read."""
        self._say = say
        self._unreadable = 0
        self._source = source
        self._target = target
        self._take = copying.link_or_copy if move else copying.copy
        self._files = Files()
        self._on_read = on_read
        self._buffer = bytearray(CHUNK_BYTES)
        self._found = ImportedPartition()

    def run(self, topic_id: uuid.UUID) -> ImportedPartition:
        """Durable when it returns, except for the name of `target`. Raises OSError, TransferError."""
        found = self._found
        self._target.mkdir()
        names = self._files.names(self._source)
        for name in names:
            if LOG_NAME.fullmatch(name):
                self._segment(int(name.removesuffix(".log")))
            elif TRANSACTION_INDEX.fullmatch(name):
                copying.copy(self._source / name, self._target / name)
                copying.sync(self._target / name)
            elif LEFT_BY_A_CRASH.fullmatch(name):
                raise TransferError(f"{self._source / name} is left from a crash of Kafka: start and stop it once")
        if self._unreadable > NAMED_BATCHES:
            self._say(f"{self._source}: {self._unreadable - NAMED_BATCHES} more batches cannot be read")
        self._files.replace(self._target / PARTITION_METADATA, partition_metadata(topic_id))
        snapshot = self._target / f"{file_stem(found.next_offset)}.snapshot"
        self._files.replace(snapshot, found.producers.snapshot(found.transactions.saved()))
        copying.hand_over(self._target, like=self._target.parent)
        for path in self._target.iterdir():
            restrict(path)  # what was moved has Kafka's mode
        return found

    def _segment(self, base_offset: int) -> None:
        found = self._found
        name = f"{file_stem(base_offset)}.log"
        if not found.next_offset <= base_offset <= MAX_OFFSET - MAX_RELATIVE_OFFSET:
            raise self._refused(name, 0, f"no segment can begin at offset {base_offset}")
        self._take(self._source / name, self._target / name)
        if found.first_offset is None:
            found.first_offset = found.next_offset = base_offset
        found.has_gaps |= base_offset > found.next_offset
        found.next_offset = max(found.next_offset, base_offset)
        segment = Segment(self._files, self._target, base_offset)
        try:
            with SegmentWalk(self._target / name, base_offset, on_read=self._on_read, buffer=self._buffer) as walk:
                for piece in walk:
                    if not isinstance(piece, Found):
                        raise self._refused(name, piece.position, piece.reason)
                    reason = misplaced(piece.header, base_offset, found.next_offset)
                    if reason:
                        raise self._refused(name, piece.position, reason)
                    segment.note(piece.header, piece.position)
                    self._batch(walk, piece, name)
            segment.seal()
            for file in segment.files():
                file.sync()
        finally:
            segment.close()
        found.size_bytes += walk.size_bytes

    def _refused(self, name: str, position: int, reason: str) -> TransferError:
        return TransferError(
            f"{self._source / name} position {position}, where offset {self._found.next_offset} is due: {reason}; "
            "import without this topic, or let Kafka repair it (delete its .kafka_cleanshutdown, start it, stop it)"
        )

    def _batch(self, walk: SegmentWalk, piece: Found, name: str) -> None:
        found, header = self._found, piece.header
        batch = walk.read(piece) if header.size_bytes <= MAX_OPENED_BYTES else b""
        reason = unreadable(header, batch)
        if reason:
            self._name(f"{self._source / name} position {piece.position}", header, reason)
        found.records += header.record_count
        found.has_gaps |= header.base_offset > found.next_offset
        found.next_offset = header.last_offset + 1
        found.highest_leader_epoch = max(found.highest_leader_epoch, header.partition_leader_epoch)
        if header.producer_id < MAX_PRODUCER_ID:
            found.highest_producer_id = max(found.highest_producer_id, header.producer_id)
        found.transactions.see(header, batch)
        if not header.attributes & CONTROL:  # these have no sequence
            found.producers.record(header, header.max_timestamp, found.transactions.open)

    def _name(self, place: str, header: BatchHeader, reason: str) -> None:
        self._unreadable += 1
        if self._unreadable <= NAMED_BATCHES:
            self._say(
                f"{place}, offset {header.base_offset}: the records cannot be read and are kept as is ({reason}); let "
                f"consumers that stop here go on at offset {header.last_offset + 1}"
            )
