"""Compressed logs cost a bounded memory, whatever they ask for."""

from __future__ import annotations

import lzma
import zlib
from contextlib import closing
from pathlib import Path

import pytest

from logpost.agent.sources.file.packed import CHUNK_BYTES, Unpacked

TWO_GIB = 38
"""As a block of xz writes the size of its dictionary."""


def asking_for(dictionary: int, packed: bytes) -> bytes:
    """The file with another size of the dictionary in the header of its first block."""
    size = (packed[12] + 1) * 4
    header = packed[12:16] + bytes([dictionary]) + packed[17 : 12 + size - 4]
    return packed[:12] + header + zlib.crc32(header).to_bytes(4, "little") + packed[12 + size :]


def test_a_file_that_asks_for_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "app.log.1.xz"
    path.write_bytes(asking_for(TWO_GIB, lzma.compress(b"line\n" * 1000)))
    with pytest.raises(OSError, match="Memory usage limit exceeded") as refused:
        Unpacked(path)
    assert refused.value.filename == str(path)


@pytest.mark.parametrize("preset", [0, 9])
def test_what_xz_writes_is_read(tmp_path: Path, preset: int) -> None:
    path = tmp_path / "app.log.1.xz"
    content = b"line\n" * 100_000
    path.write_bytes(lzma.compress(content, preset=preset))
    with closing(Unpacked(path)) as unpacked:
        assert unpacked.read_at(0, CHUNK_BYTES) == content[:CHUNK_BYTES]
        assert unpacked.read_at(len(content) - 7, 100) == content[-7:]


@pytest.mark.parametrize("length", [0, 5, 20])
def test_a_file_of_which_little_is_written_yet_is_opened(tmp_path: Path, length: int) -> None:
    path = tmp_path / "app.log.1.xz"
    path.write_bytes(lzma.compress(b"line\n")[:length])
    with closing(Unpacked(path)) as unpacked, pytest.raises(OSError, match="cannot be unpacked"):
        unpacked.read_at(0, 1)
