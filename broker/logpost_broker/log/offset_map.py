"""From a key to its newest offset, in a fixed amount of memory.

As in Apache Kafka a key is held by its MD5, 16 bytes, beside 8 bytes of offset: open addressing in one block of
memory, whatever the keys' length. Python's own dict takes six times as much. MD5 serves to tell keys apart, not to
keep secrets: a client that makes two keys collide loses its own record, as with Kafka.
"""

from __future__ import annotations

import hashlib
import struct

SLOT = struct.Struct(">16sq")
MAX_LOAD = 0.75
"""Fuller than this, a lookup takes too many steps."""
MISSING = -1


class OffsetMap:
    def __init__(self, slots: int) -> None:
        self._slots = max(2, slots)
        self._table = bytearray(self._slots * SLOT.size)
        """A slot holds its offset plus one, so that zeros are an empty slot."""
        self.capacity = int(self._slots * MAX_LOAD)
        self._count = 0

    @classmethod
    def within(cls, size_bytes: int, keys: int) -> OffsetMap:
        """A map for `keys` keys, or for as many as fit into `size_bytes`."""
        return cls(min(size_bytes // SLOT.size, int(keys / MAX_LOAD) + 2))

    def __len__(self) -> int:
        return self._count

    def put(self, key: bytes, offset: int) -> bool:
        """Note a record; offsets come in ascending order. False when the map is full and has not got the key."""
        digest = hashlib.md5(key, usedforsecurity=False).digest()
        position, found = self._find(digest)
        if found == MISSING:
            if self._count >= self.capacity:
                return False
            self._count += 1
        SLOT.pack_into(self._table, position, digest, offset + 1)
        return True

    def get(self, key: bytes) -> int:
        """The newest offset of `key`, or MISSING."""
        return self._find(hashlib.md5(key, usedforsecurity=False).digest())[1]

    def _find(self, digest: bytes) -> tuple[int, int]:
        """The position of the key's slot, or of the empty one where it belongs, and its offset."""
        table = self._table
        slot = int.from_bytes(digest[:8], "big") % self._slots
        while True:
            position = slot * SLOT.size
            held, after = SLOT.unpack_from(table, position)
            if held == digest and after:
                return position, after - 1
            if not after:
                return position, MISSING
            slot = slot + 1 if slot + 1 < self._slots else 0
