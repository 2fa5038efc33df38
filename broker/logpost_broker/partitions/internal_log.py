"""The one partition of a topic that the broker keeps its own state in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.log.batch import BatchHeader, whole_batches
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.log.records import Record, build_batch, records_of
from logpost_broker.partitions.directory import LogDirectory
from logpost_broker.partitions.flusher import Flusher

SEGMENT_BYTES = 16 * 1024 * 1024
READ_BYTES = 1024 * 1024


class InternalLog:
    def __init__(
        self,
        log: PartitionLog,
        logs: LogDirectory,
        flusher: Flusher,
        now_ms: Callable[[], int],
        advance: Callable[[], None] = lambda: None,
    ) -> None:
        """`advance`: called before each megabyte of `records`."""
        self._log = log
        self._logs = logs
        self._flusher = flusher
        self._now_ms = now_ms
        self._advance = advance

    @property
    def log_start_offset(self) -> int:
        return self._log.log_start_offset

    @property
    def next_offset(self) -> int:
        return self._log.next_offset

    @property
    def size_bytes(self) -> int:
        return self._log.size_bytes

    def append(
        self, records: Sequence[tuple[bytes | None, bytes | None]], producer: ProducerIdentity | None = None
    ) -> asyncio.Future[None]:
        """Append (key, value) pairs as one batch, now and in this order, in a transaction of `producer` if it is given;
        the future is done when they are as safe as `broker.flush` says, and raises ApiError when they cannot be. Raises
        ApiError when the log is offline."""
        return self.append_batch(build_batch(records, self._now_ms(), producer))

    def append_batch(self, batch: bytes) -> asyncio.Future[None]:
        """Append a batch that is built already; returns and raises as `append`."""
        self._log.append(batch, now_ms=self._now_ms())
        return self._flusher.durable(self._log)

    def append_marker(
        self, producer: ProducerIdentity, *, coordinator_epoch: int, commit: bool
    ) -> asyncio.Future[None]:
        """Append the end of a producer's transaction; returns and raises as `append`."""
        self._log.append_marker(
            producer.producer_id, producer.epoch, coordinator_epoch, commit=commit, now_ms=self._now_ms()
        )
        return self._flusher.durable(self._log)

    def synced(self) -> asyncio.Future[None]:
        """Done when all that was appended is on the disk, whatever `broker.flush` says; raises ApiError."""
        return self._flusher.synced(self._log)

    def records(self) -> Iterator[tuple[BatchHeader, Record]]:
        """All records from the log start on with the headers of their batches, for the replay at boot. Damage is passed
        over."""
        offset = self._log.log_start_offset
        while offset < self._log.next_offset:
            self._advance()
            data = self._log.read(offset, READ_BYTES, up_to_end=True)
            start = offset
            for position, header in whole_batches(data):
                for record in records_of(memoryview(data)[position : position + header.size_bytes]):
                    if record.offset >= start:
                        yield header, record
                offset = header.last_offset + 1
            if offset == start:  # all up to the end is damaged
                return

    def truncate_prefix(self, offset: int) -> None:
        """Forget the records below `offset`, durably. Their disk space returns with whole segments (16 MiB). Raises
        ApiError, and then nothing is forgotten."""
        try:
            self._logs.truncate_prefix(self._log, offset)
        except OSError as error:
            raise ApiError(ErrorCode.kafka_storage_error, f"cannot move the log start: {error.strerror}") from error
