"""Frames of the Kafka protocol: four bytes of length, then so many bytes. Bytes in, whole frames out; no socket.

All connections read into one chunk of memory, from which frames are cut one by one, when they are asked for; what a
connection leaves there it takes with it. A frame larger than the chunk is received into a buffer of its own, which
grows as its bytes come, so that a peer that only claims a size costs nothing.
"""

from __future__ import annotations

import struct

from logpost_broker.errors import ProtocolError

Frame = bytes | memoryview

LENGTH = struct.Struct(">i")
CHUNK_BYTES = 64 * 1024
FIRST_LARGE_BYTES = 1024 * 1024
"""What is set aside for a large frame when a chunk full of it is there."""


class Chunk:
    """What the connections of one event loop read into, in turn."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(CHUNK_BYTES))


class FrameReader:
    """Used as a BufferedProtocol is, in one step of the loop: fill `buffer()`, call `received`, take frames one by one
    with `next`, and `keep` what is left of the chunk, which is another connection's then."""

    def __init__(self, max_frame_bytes: int, chunk: Chunk) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._chunk = chunk.view
        self._rest: memoryview = memoryview(b"")
        """What was received and is in no frame yet."""
        self._large: bytearray | None = None
        self._large_size = 0
        self._large_end = 0

    @property
    def held_bytes(self) -> int:
        """What is set aside for a large frame that is not whole."""
        return 0 if self._large is None else len(self._large)

    def buffer(self) -> memoryview:
        """Where the next bytes go."""
        if self._large is None:
            self._chunk[: len(self._rest)] = self._rest
            return self._chunk[len(self._rest) :]
        if self._large_end == len(self._large):
            grown = bytearray(min(self._large_size, 2 * len(self._large)))
            grown[: self._large_end] = self._large
            self._large = grown
        return memoryview(self._large)[self._large_end :]

    def received(self, count: int) -> None:
        """`count` bytes were put into `buffer()`."""
        if self._large is None:
            self._rest = self._chunk[: len(self._rest) + count]
        else:
            self._large_end += count

    def next(self) -> Frame | None:
        """The next frame that is whole. Raises ProtocolError."""
        if self._large is not None:
            return self._whole_large()
        if len(self._rest) < LENGTH.size:
            return None
        (size,) = LENGTH.unpack_from(self._rest)
        if not 0 < size <= self._max_frame_bytes:
            raise ProtocolError(f"a frame of {size} bytes (1 to {self._max_frame_bytes} are taken)")
        end = LENGTH.size + size
        if end > len(self._rest):
            if end > CHUNK_BYTES and len(self._rest) == CHUNK_BYTES:
                self._begin_large(size)
            return None
        frame, self._rest = bytes(self._rest[LENGTH.size : end]), self._rest[end:]
        return frame

    def keep(self) -> None:
        self._rest = memoryview(bytes(self._rest))

    def clear(self) -> None:
        """Forget what was received."""
        self._rest, self._large = memoryview(b""), None

    def _whole_large(self) -> Frame | None:
        assert self._large is not None
        if self._large_end < self._large_size:
            return None
        frame, self._large = self._large, None
        return memoryview(frame).toreadonly()  # kio takes no other

    def _begin_large(self, size: int) -> None:
        there = len(self._rest) - LENGTH.size
        self._large = bytearray(min(size, FIRST_LARGE_BYTES))
        self._large[:there] = self._rest[LENGTH.size :]
        self._large_size, self._large_end = size, there
        self._rest = memoryview(b"")
