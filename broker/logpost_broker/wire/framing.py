"""Frames of the Kafka protocol: four bytes of length, then so many bytes. Bytes in, whole frames out; no socket.

Small frames are cut out of a shared buffer. A large one is received into a buffer of its own that grows as its bytes
come, so that a peer that only claims a size costs nothing.
"""

from __future__ import annotations

import struct

from logpost_broker.errors import ProtocolError

Frame = bytes | memoryview

LENGTH = struct.Struct(">i")
CHUNK_BYTES = 64 * 1024
FIRST_FRAME_BYTES = 1024 * 1024
"""What is set aside for a large frame before its bytes are there."""


class FrameReader:
    """Used as a BufferedProtocol is: fill `buffer()`, then call `received`."""

    def __init__(self, max_frame_bytes: int) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._chunk = bytearray(CHUNK_BYTES)
        self._start = 0
        self._end = 0
        self._large: bytearray | None = None
        self._large_size = 0
        self._large_end = 0

    def buffer(self) -> memoryview:
        """Where the next bytes go."""
        if self._large is None:
            return memoryview(self._chunk)[self._end :]
        if self._large_end == len(self._large):
            grown = bytearray(min(self._large_size, 2 * len(self._large)))
            grown[: self._large_end] = self._large
            self._large = grown
        return memoryview(self._large)[self._large_end :]

    def received(self, count: int) -> list[Frame]:
        """`count` bytes were put into `buffer()`: the frames that are now whole, in order. Raises ProtocolError."""
        if self._large is not None:
            self._large_end += count
            if self._large_end < self._large_size:
                return []
            frame, self._large = self._large, None
            return [memoryview(frame).toreadonly()]  # kio takes no other
        self._end += count
        return self._cut()

    def _cut(self) -> list[Frame]:
        frames: list[Frame] = []
        while self._end - self._start >= LENGTH.size:
            (size,) = LENGTH.unpack_from(self._chunk, self._start)
            if not 0 < size <= self._max_frame_bytes:
                raise ProtocolError(f"a frame of {size} bytes (1 to {self._max_frame_bytes} are taken)")
            begin = self._start + LENGTH.size
            if begin + size > self._end:
                if begin + size - self._start > CHUNK_BYTES:
                    self._begin_large(begin, size)
                break
            frames.append(bytes(memoryview(self._chunk)[begin : begin + size]))
            self._start = begin + size
        self._move_rest_to_front()
        return frames

    def _begin_large(self, begin: int, size: int) -> None:
        there = self._end - begin
        self._large = bytearray(max(there, min(size, FIRST_FRAME_BYTES)))
        self._large[:there] = memoryview(self._chunk)[begin : self._end]
        self._large_size, self._large_end = size, there
        self._start = self._end

    def _move_rest_to_front(self) -> None:
        if self._start == 0:
            return
        rest = self._end - self._start
        self._chunk[:rest] = self._chunk[self._start : self._end]
        self._start, self._end = 0, rest
