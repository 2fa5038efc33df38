"""Frames out of a stream, however it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpost_broker.errors import ProtocolError
from logpost_broker.wire.framing import CHUNK_BYTES, FIRST_LARGE_BYTES, Chunk, FrameReader

LIMIT = 10 * FIRST_LARGE_BYTES
SIZES = st.sampled_from([1, 5, 1000, CHUNK_BYTES - 5, CHUNK_BYTES - 4, CHUNK_BYTES, 3 * CHUNK_BYTES])


def feed(reader: FrameReader, data: bytes, piece: int) -> list[bytes]:
    """The frames in `data`, given in pieces."""
    frames = []
    while data:
        buffer = reader.buffer()
        taken = min(len(buffer), piece, len(data))
        assert taken, "no room for the next bytes"
        buffer[:taken] = data[:taken]
        reader.received(taken)
        while (frame := reader.next()) is not None:
            frames.append(bytes(frame))
        reader.keep()
        data = data[taken:]
    return frames


def framed(*frames: bytes) -> bytes:
    return b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)


@given(st.lists(SIZES, max_size=6), st.sampled_from([1, 3, 4096, CHUNK_BYTES, 10 * CHUNK_BYTES]))
def test_frames_come_out_as_they_went_in(sizes: list[int], piece: int) -> None:
    frames = [bytes([number]) * min(size, 500 * piece) for number, size in enumerate(sizes)]
    assert feed(FrameReader(LIMIT, Chunk()), framed(*frames), piece) == frames


def test_a_frame_of_many_megabytes_is_put_together() -> None:
    frame = bytes(range(256)) * (5 * FIRST_LARGE_BYTES // 256)
    assert feed(FrameReader(LIMIT, Chunk()), framed(b"a", frame, b"b"), 100_000) == [b"a", frame, b"b"]


@pytest.mark.parametrize("sent", [1, 1000, CHUNK_BYTES - 5])
def test_a_claimed_size_sets_nothing_aside(sent: int) -> None:
    reader = FrameReader(LIMIT, Chunk())
    feed(reader, LIMIT.to_bytes(4, "big") + bytes(sent), CHUNK_BYTES)
    assert reader.held_bytes == 0


def test_what_is_set_aside_grows_with_what_came() -> None:
    reader = FrameReader(LIMIT, Chunk())
    for sent in range(CHUNK_BYTES, LIMIT, CHUNK_BYTES):
        feed(reader, LIMIT.to_bytes(4, "big") if sent == CHUNK_BYTES else b"", 4)
        feed(reader, bytes(CHUNK_BYTES), CHUNK_BYTES)
        assert reader.held_bytes <= max(FIRST_LARGE_BYTES, 2 * sent)


def test_connections_share_a_chunk_and_mix_nothing() -> None:
    chunk = Chunk()
    readers = [FrameReader(LIMIT, chunk) for _ in range(3)]
    frames = [bytes([number]) * size for number, size in enumerate([10, 50_000, 3 * CHUNK_BYTES])]
    streams = [framed(frame, frame) for frame in frames]
    found: list[list[bytes]] = [[], [], []]
    while any(streams):
        for number, reader in enumerate(readers):
            found[number] += feed(reader, streams[number][:7_000], CHUNK_BYTES)
            streams[number] = streams[number][7_000:]
    assert found == [[frame, frame] for frame in frames]


@pytest.mark.parametrize("size", [-1, 0, LIMIT + 1, 2**31 - 1])
def test_an_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(ProtocolError, match=f"a frame of {size} bytes"):
        feed(FrameReader(LIMIT, Chunk()), size.to_bytes(4, "big", signed=True), 4)
