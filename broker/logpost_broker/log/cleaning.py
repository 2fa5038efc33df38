"""One compaction of one log, in the steps that block: reading its segments and writing what stays of them.

1. `survey` the dirty segments: their transactions, and how many records there are.
2. `index` them: the newest offset of each key, as far as the map's memory goes.
3. `copy` all segments from the start of the log to where the map ends, grouped, into new ones.

Each call reads one file that nobody writes to, and may run in a thread; nothing here touches the log itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from logpost_broker.log.batch import CONTROL, HEADER_BYTES, MAGIC, BatchHeader, crc_matches, read_header, whole_batches
from logpost_broker.log.batch_filter import BatchFilter
from logpost_broker.log.cleaned_transactions import TransactionSurvey
from logpost_broker.log.files import File
from logpost_broker.log.kept_records import record_spans
from logpost_broker.log.offset_map import OffsetMap
from logpost_broker.log.segment import Segment
from logpost_broker.log.unpacking import unpacked

CHUNK_BYTES = 128 * 1024
"""Read at once. Small, so that a thread that waits for its turn between two reads never has the processor for long."""


class CleaningError(Exception):
    """The log cannot be compacted, and stays as it is."""


@dataclass(slots=True)
class Cleaning:
    first_dirty_offset: int
    upper_bound: int
    """Nothing at or above is cleaned."""
    now_ms: int
    delete_retention_ms: int
    last_offsets: Mapping[int, int]
    """Per producer the last offset of its last batch."""
    map_bytes: int
    level_of: Callable[[int], int]
    pace: Callable[[int], None]
    """Told of the bytes read and written; waits as the IO limit says, and raises what ends the cleaning."""

    end_offset: int = 0
    """Below it everything is clean when the copying has ended."""
    is_full: bool = False
    """The map, or the stable part of the log, ends before the dirty segments do."""
    bytes_read: int = 0
    bytes_kept: int = 0
    filter: BatchFilter = field(init=False)
    _survey: TransactionSurvey = field(default_factory=TransactionSurvey)
    _records: int = 0
    _map: OffsetMap = field(init=False)

    def survey(self, file: File) -> None:
        """Raises OSError, CleaningError."""
        position = 0
        while position + HEADER_BYTES <= file.size:
            header = read_header(file.read(position, HEADER_BYTES))
            self.pace(HEADER_BYTES)
            _require_sound(file, position, header)
            if self.first_dirty_offset <= header.last_offset < self.upper_bound:
                self._records += max(0, header.record_count)
                if header.attributes & CONTROL:
                    self._survey.see_marker(header, file.read(position, header.size_bytes))
                else:
                    self._survey.see(header)
            position += header.size_bytes

    def begin_index(self) -> None:
        self.end_offset = self.first_dirty_offset
        unstable = self._survey.first_unstable_offset
        if unstable is not None:
            self.upper_bound = min(self.upper_bound, unstable)
        self._map = OffsetMap.within(self.map_bytes, self._records)
        self.filter = BatchFilter(
            newest=self._map,
            end_offset=0,
            transactions=self._survey.traversal(),
            last_offsets=self.last_offsets,
            now_ms=self.now_ms,
            delete_retention_ms=self.delete_retention_ms,
            level_of=self.level_of,
        )

    def index(self, file: File, end_offset: int) -> None:
        """`end_offset`: where the next segment begins. Raises OSError, CleaningError."""
        for _, header, batch in self._batches(file):
            if header.last_offset < self.first_dirty_offset:
                continue
            if header.last_offset >= self.upper_bound or not self._takes(header, batch):
                self.is_full = True
                return
            self.end_offset = header.last_offset + 1
        self.end_offset = end_offset

    def _takes(self, header: BatchHeader, batch: memoryview) -> bool:
        """Whether the keys of a batch are in the map now. Some of them are in any case, and that is no harm: what is
        behind `end_offset` stays, and the newest record of each key is among that."""
        if header.attributes & CONTROL or self.filter.transactions.is_aborted(header):
            return True
        try:
            with unpacked(header, batch) as records:
                spans = record_spans(header, bytes(records))
        except ValueError:  # reported when it is copied
            return True
        for span in spans:
            offset = header.base_offset + span.offset_delta
            if span.key is not None and offset >= self.first_dirty_offset and not self._map.put(span.key, offset):
                return False
        return True

    def begin_copy(self) -> bool:
        """Whether there is something to clean: not when the first dirty batch is of a transaction without an end.
        Raises CleaningError when its keys are too many."""
        if self.end_offset == self.first_dirty_offset:
            if len(self._map) < self._map.capacity:
                return False
            raise CleaningError(
                f"the batch at offset {self.end_offset} has more keys than the {self._map.capacity} that fit into "
                "memory (broker.cleaner_dedupe_buffer_bytes)"
            )
        self.filter.transactions = self._survey.traversal()
        self.filter.end_offset = self.end_offset
        return True

    def copy(self, file: File, target: Segment, *, is_last: bool) -> None:
        """Write what stays of a segment behind what `target` has. `is_last`: nothing is to come behind it. Raises
        OSError, CleaningError."""
        for position, header, batch in self._batches(file):
            ends = is_last and position + header.size_bytes == file.size
            kept = self.filter.kept(header, batch, is_last=ends)
            if kept is not None:
                target.append(read_header(kept), kept)
                self.bytes_kept += len(kept)
                self.pace(len(kept))

    def _batches(self, file: File) -> Iterator[tuple[int, BatchHeader, memoryview]]:
        """Position, header and bytes of all batches of a file."""
        position = 0
        while position < file.size:
            chunk = memoryview(file.read(position, CHUNK_BYTES))
            if len(chunk) >= HEADER_BYTES and read_header(chunk).size_bytes > len(chunk):
                chunk = memoryview(file.read(position, read_header(chunk).size_bytes))
            self.bytes_read += len(chunk)
            self.pace(len(chunk))
            start = position
            for at, header in whole_batches(chunk):
                batch = chunk[at : at + header.size_bytes]
                _require_sound(file, start + at, header)
                if not crc_matches(batch, header):
                    raise CleaningError(f"{file.path} position {start + at}: the CRC of the batch does not match")
                yield start + at, header, batch
                position = start + at + header.size_bytes
            if position == start:
                raise CleaningError(f"{file.path} position {position}: not a whole batch")


def _require_sound(file: File, position: int, header: BatchHeader) -> None:
    if header.magic != MAGIC or header.last_offset_delta < 0 or header.size_bytes < HEADER_BYTES:
        raise CleaningError(f"{file.path} position {position}: not a batch of format v2")
