"""The batches of one segment's file, none of which is believed before it was checked once in the life of the process.

A batch is whole when its CRC is right and its offsets come after those before it. What this process appended, or its
recovery checked, is known to be whole. Everything else is checked when it is first read: disks forget, and the CRC
covers neither base offset nor leader epoch. Damage is reported once, passed over and never served; offsets have a gap
there, as in a compacted log.
"""

from __future__ import annotations

import logging
import re
import struct
from collections.abc import Iterator

from logpost_broker.log.batch import HEADER_BYTES, MAGIC, BatchHeader, Buffer, crc_matches, read_header, whole_batches
from logpost_broker.log.files import File

MAX_RELATIVE_OFFSET = 2**31 - 1
SCAN_BYTES = 1024 * 1024
OFFSET = struct.Struct(">q")

logger = logging.getLogger("broker")


class CheckedBatches:
    def __init__(self, file: File, base_offset: int) -> None:
        self._file = file
        self._base_offset = base_offset
        self.end_offset: int | None = None
        """Where the next segment begins; None while this is the last."""
        self.damage: dict[int, int] = {}
        """Position → size in bytes of what is passed over."""
        self._whole_from = file.size
        self._whole = (0, 0)

    @property
    def damaged_bytes(self) -> int:
        """What is passed over of what was read until now."""
        return sum(self.damage.values())

    def trust_from(self, position: int) -> None:
        """Everything from `position` on was checked, and what is appended later is whole."""
        self._whole_from = position

    def forget_from(self, position: int) -> None:
        """Check everything from `position` on again, when it is next read."""
        self._whole = (0, 0)
        self.damage = {begin: size for begin, size in self.damage.items() if begin < position}

    def _is_known(self, begin: int, end: int) -> bool:
        return begin >= self._whole_from or (self._whole[0] <= begin and end <= self._whole[1])

    def _know(self, begin: int, end: int) -> None:
        """One range is remembered, which reading on makes longer: what is read here and there is checked again."""
        first, last = self._whole
        self._whole = (min(first, begin), max(last, end)) if begin <= last and first <= end else (begin, end)

    def _header_at(self, position: int) -> BatchHeader | None:
        """A header that the file has room for."""
        data = self._file.read(position, HEADER_BYTES)
        if len(data) < HEADER_BYTES:
            return None
        header = read_header(data)
        return header if self._fits(position, header) else None

    def _fits(self, position: int, header: BatchHeader) -> bool:
        return (
            header.magic == MAGIC
            and header.last_offset_delta >= 0
            and HEADER_BYTES <= header.size_bytes <= self._file.size - position
            and header.base_offset >= self._base_offset
            and header.last_offset - self._base_offset <= MAX_RELATIVE_OFFSET
        )

    def at(self, position: int) -> BatchHeader | None:
        """The header of the batch at `position` if its bytes are whole, whatever its offsets are. Raises OSError."""
        header = self._header_at(position)
        if header is None or self._is_known(position, position + header.size_bytes):
            return header
        return header if crc_matches(self._file.read(position, header.size_bytes), header) else None

    def walk(self, position: int = 0, previous: int | None = None) -> Iterator[tuple[int, BatchHeader]]:
        """Position and header of the batches from the one at `position` on. `previous`: the last offset before it, if
        that is known. Raises OSError."""
        if position == 0:
            previous = self._base_offset - 1
        while position < self._file.size:
            if position in self.damage:
                position += self.damage[position]
                continue
            header = self.at(position)
            if header is None or not self.is_in_order(position, header, previous):
                position = self.pass_over(position, header)
                continue
            self._know(position, position + header.size_bytes)
            yield position, header
            previous = header.last_offset
            position += header.size_bytes

    def is_in_order(self, position: int, header: BatchHeader, previous: int | None) -> bool:
        """Whether the offsets fit between their neighbours: they go on, or leave a gap as compaction does. Raises
        OSError."""
        end = position + header.size_bytes
        if self._is_known(position, end) or (previous is not None and header.base_offset == previous + 1):
            return True
        following = self._header_at(end)
        limit = self.end_offset if following is None else following.base_offset
        after = previous is None or header.base_offset > previous
        return after and (limit is None or header.last_offset < limit)

    def pass_over(self, position: int, header: BatchHeader | None) -> int:
        """Where the next whole batch begins behind the damage at `position`, which is reported once. Raises OSError."""
        claimed = header or self._header_at(position)
        following = position + claimed.size_bytes if claimed else 0
        if not following or (following < self._file.size and self.at(following) is None):
            following = self._next_whole(position + 1)
        if position not in self.damage:
            self.damage[position] = following - position
            logger.error(
                "%s is damaged at position %d: %d bytes are passed over (logpost broker verify says more)",
                self._file.path,
                position,
                following - position,
            )
        return following

    def _next_whole(self, position: int) -> int:
        """Found by what every header has: the high bytes of offset and length, and the magic byte."""
        begin = batch_begin(self._base_offset)
        while position + HEADER_BYTES <= self._file.size:
            data = self._file.read(position, SCAN_BYTES)
            for candidate in begin.finditer(data):
                if self.at(position + candidate.start()) is not None:
                    return position + candidate.start()
            position += max(1, len(data) - HEADER_BYTES + 1)
        return self._file.size

    def whole_part(self, position: int, data: bytes) -> bytes:
        """Of `data`, which was read at `position` where a whole batch begins: what comes before the first damage."""
        if self._is_known(position, position + len(data)):
            return data
        previous: int | None = None
        end = 0
        for start, header in whole_batches(data):
            if not self._is_whole(memoryview(data)[start:], position + start, header, previous):
                return data[:start]
            previous, end = header.last_offset, start + header.size_bytes
            self._know(position + start, position + end)
        return data[:end] if end else data

    def _is_whole(self, data: Buffer, position: int, header: BatchHeader, previous: int | None) -> bool:
        if position in self.damage or not self._fits(position, header):
            return False
        return crc_matches(data[: header.size_bytes], header) and self.is_in_order(position, header, previous)


def batch_begin(base_offset: int) -> re.Pattern[bytes]:
    """What the first 17 bytes of a batch look like in a segment with this base offset."""
    high_bytes = {OFFSET.pack(offset)[:4] for offset in (base_offset, base_offset + MAX_RELATIVE_OFFSET)}
    offset = b"(?:" + b"|".join(map(re.escape, high_bytes)) + b").{4}"
    return re.compile(b"(?=" + offset + b"[\x00-\x7f].{7}" + bytes([MAGIC]) + b")", re.DOTALL)
