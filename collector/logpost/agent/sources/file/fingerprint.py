"""Which life of which file this is: its first bytes and those just before a position that was read. Pure.

An inode number comes back for another file, a name changes on rotation, and a file that was truncated and written again
can be longer than before. Bytes that were read do not change in a log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

HEAD_BYTES = 256
TAIL_BYTES = 256

ReadAt = Callable[[int, int], bytes]
"""(offset, length) → bytes; fewer at the end of the file."""


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """`head`: hash of the first `head_length` bytes; `tail`: of the `tail_length` bytes before the position."""

    head_length: int
    head: str
    tail_length: int
    tail: str


def fingerprint(read_at: ReadAt, position: int) -> Fingerprint:
    """The fingerprint of a file that was read up to `position`; a file shorter than HEAD_BYTES has a short one."""
    head = read_at(0, HEAD_BYTES)
    tail_length = min(TAIL_BYTES, position)
    return fingerprint_of(head, read_at(position - tail_length, tail_length))


def fingerprint_of(head: bytes, tail: bytes) -> Fingerprint:
    """`head`: the first bytes, HEAD_BYTES at most; `tail`: the last ones before the position, TAIL_BYTES at most."""
    return Fingerprint(head_length=len(head), head=_hash(head), tail_length=len(tail), tail=_hash(tail))


def is_same_file(known: Fingerprint, read_at: ReadAt, position: int) -> bool:
    """The file still has the bytes that it had when `known` was taken at `position`."""
    head = read_at(0, known.head_length)
    tail = read_at(position - known.tail_length, known.tail_length)
    lengths = (len(head), len(tail)) == (known.head_length, known.tail_length)
    return lengths and (_hash(head), _hash(tail)) == (known.head, known.tail)


def identifies_copies(known: Fingerprint) -> bool:
    """`known` covers enough bytes to find its file under another inode: two logs may both begin with "started"."""
    return known.head_length == HEAD_BYTES and known.tail_length == TAIL_BYTES


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
