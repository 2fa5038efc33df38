"""Frames out of a stream, however it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpost_broker.errors import ProtocolError
from logpost_broker.wire.framing import CHUNK_BYTES, FIRST_FRAME_BYTES, FrameReader

LIMIT = 10 * FIRST_FRAME_BYTES
SIZES = st.sampled_from([1, 5, 1000, CHUNK_BYTES - 5, CHUNK_BYTES - 4, CHUNK_BYTES, 3 * CHUNK_BYTES])


def feed(reader: FrameReader, data: bytes, piece: int) -> list[bytes]:
    """The frames in `data`, given in pieces."""
    frames = []
    while data:
        buffer = reader.buffer()
        taken = min(len(buffer), piece, len(data))
        assert taken, "no room for the next bytes"
        buffer[:taken] = data[:taken]
        frames += [bytes(frame) for frame in reader.received(taken)]
        data = data[taken:]
    return frames


def framed(*frames: bytes) -> bytes:
    return b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)


@given(st.lists(SIZES, max_size=6), st.sampled_from([1, 3, 4096, CHUNK_BYTES, 10 * CHUNK_BYTES]))
def test_frames_come_out_as_they_went_in(sizes: list[int], piece: int) -> None:
    frames = [bytes([number]) * min(size, 500 * piece) for number, size in enumerate(sizes)]
    assert feed(FrameReader(LIMIT), framed(*frames), piece) == frames


def test_a_frame_of_many_megabytes_is_put_together() -> None:
    frame = bytes(range(256)) * (5 * FIRST_FRAME_BYTES // 256)
    assert feed(FrameReader(LIMIT), framed(b"a", frame, b"b"), 100_000) == [b"a", frame, b"b"]


def test_a_claimed_size_sets_little_aside() -> None:
    reader = FrameReader(LIMIT)
    feed(reader, LIMIT.to_bytes(4, "big") + b"x", 100)
    assert len(reader.buffer()) <= FIRST_FRAME_BYTES


@pytest.mark.parametrize("size", [-1, 0, LIMIT + 1, 2**31 - 1])
def test_an_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(ProtocolError, match=f"a frame of {size} bytes"):
        feed(FrameReader(LIMIT), size.to_bytes(4, "big", signed=True), 4)
