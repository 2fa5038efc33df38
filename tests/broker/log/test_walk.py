"""A walk over a segment: every whole batch, every byte that is none, whatever the buffer's size."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from logpost_broker.log.records import build_batch
from logpost_broker.log.walk import Damage, Found, SegmentWalk
from tests.broker.log.logs import NOW_MS, changed

BASE = 2**32 + 17


def batches(*sizes: int) -> list[bytes]:
    """One record each, of bytes that look like nothing."""
    chance = random.Random(3)
    return [
        changed(build_batch([(None, chance.randbytes(size))], NOW_MS), base_offset=BASE + number)
        for number, size in enumerate(sizes)
    ]


def walked(path: Path, buffer_bytes: int = 1000) -> list[Found | Damage]:
    with SegmentWalk(path, BASE, buffer=bytearray(buffer_bytes)) as walk:
        return list(walk)


@pytest.mark.parametrize("buffer_bytes", [100, 333, 1000, 1 << 20])
def test_batches_of_all_sizes_are_found_and_read(tmp_path: Path, buffer_bytes: int) -> None:
    parts = batches(0, 10, 5000, 200, 999, 1, 30_000)
    (tmp_path / "log").write_bytes(b"".join(parts))
    read = []
    told = 0

    def on_read(size_bytes: int) -> None:
        nonlocal told
        told += size_bytes

    with SegmentWalk(tmp_path / "log", BASE, buffer=bytearray(buffer_bytes), on_read=on_read) as walk:
        for piece in walk:
            assert isinstance(piece, Found)
            read.append(bytes(walk.read(piece)))
    assert read == parts
    assert told == walk.size_bytes == sum(map(len, parts))


@pytest.mark.parametrize("damaged", range(5))
def test_the_walk_goes_on_behind_a_damaged_batch(tmp_path: Path, damaged: int) -> None:
    parts = batches(10, 2000, 0, 300, 40)
    position = sum(map(len, parts[:damaged]))
    for byte in {*range(8, 30), len(parts[damaged]) - 1} - {*range(12, 16)}:
        data = bytearray(b"".join(parts))
        data[position + byte] ^= 0x41
        (tmp_path / "log").write_bytes(data)
        pieces = walked(tmp_path / "log")
        [damage] = [piece for piece in pieces if isinstance(piece, Damage)]
        assert (damage.position, damage.size_bytes) == (position, len(parts[damaged])), f"byte {byte}"
        assert len(pieces) == len(parts)


def test_bytes_between_batches_are_one_damage(tmp_path: Path) -> None:
    first, second = batches(10, 20)
    zeros = bytes(5000)
    (tmp_path / "log").write_bytes(first + zeros + second + zeros)
    kinds = [(type(piece), piece.position) for piece in walked(tmp_path / "log")]
    last = len(first) + len(zeros) + len(second)
    assert kinds == [(Found, 0), (Damage, len(first)), (Found, len(first) + len(zeros)), (Damage, last)]


def test_a_log_cut_at_any_byte_has_its_whole_batches_and_one_damage(tmp_path: Path) -> None:
    parts = batches(10, 40, 0)
    data = b"".join(parts)
    ends = [sum(map(len, parts[:number])) for number in range(len(parts) + 1)]
    for size in range(len(data)):
        (tmp_path / "log").write_bytes(data[:size])
        pieces = walked(tmp_path / "log", buffer_bytes=64)
        whole = max(number for number, end in enumerate(ends) if end <= size)
        assert [piece for piece in pieces if isinstance(piece, Found)] == pieces[:whole]
        assert sum(piece.size_bytes for piece in pieces if isinstance(piece, Damage)) == size - ends[whole]
        assert len(pieces) == whole + (size > ends[whole])
