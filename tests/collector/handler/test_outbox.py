"""The outbox: bounded, numbered without holes, every drop told once."""

from __future__ import annotations

import threading

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from logpost.config import MIB
from logpost.handler.outbox import DROPPED, Outbox
from logpost.record import Record


def record(number: int) -> Record:
    return Record(ts=f"2026-11-22T10:51:{number % 60:02}Z", message=f"message {number}", host="web-1", service="shop")


def decode(value: bytes) -> Record:
    return msgspec.json.decode(value, type=Record)


def take_all(outbox: Outbox) -> list[bytes]:
    taken = []
    while (value := outbox.take(0)) is not None:
        taken.append(value)
    return taken


def ranges(values: list[bytes]) -> list[tuple[int, int]]:
    sources = [decode(value).src for value in values]
    return sorted((source.start, source.end) for source in sources if source is not None)


def test_records_leave_in_order_and_numbered() -> None:
    outbox = Outbox("stream", 10, MIB)
    for number in range(3):
        outbox.offer(record(number))
    values = take_all(outbox)
    assert [decode(value).message for value in values] == ["message 0", "message 1", "message 2"]
    assert ranges(values) == [(0, 1), (1, 2), (2, 3)]
    assert {source.id for value in values if (source := decode(value).src)} == {"stream"}


def test_a_full_outbox_drops_and_counts() -> None:
    outbox = Outbox("stream", 4, MIB)
    for number in range(10):
        outbox.offer(record(number))
    assert (len(take_all(outbox)), outbox.dropped) == (4, 6)


def test_bytes_are_bounded_too() -> None:
    outbox = Outbox("stream", 1000, 1000)
    for number in range(100):
        outbox.offer(record(number))
    assert 1000 <= sum(len(value) for value in take_all(outbox)) < 1200
    assert outbox.dropped > 80


def test_drops_are_told_by_one_record_that_stands_for_their_numbers() -> None:
    outbox = Outbox("stream", 4, MIB)
    for number in range(10):
        outbox.offer(record(number))
    values = take_all(outbox)
    for value in values:
        outbox.settle(value)
    [told] = take_all(outbox)
    note = decode(told)
    assert note.message == (
        "6 log records dropped between 2026-11-22T10:51:04Z and 2026-11-22T10:51:09Z: the broker did not keep up"
    )
    assert (note.level, note.attrs, note.host, note.service) == ("warn", {DROPPED: 6}, "web-1", "shop")
    assert ranges([*values, told]) == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 10)]


def test_room_must_be_a_quarter_before_records_are_taken_again() -> None:
    outbox = Outbox("stream", 8, MIB)
    for number in range(9):
        outbox.offer(record(number))
    values = take_all(outbox)
    outbox.settle(values[0])
    outbox.offer(record(9))
    assert take_all(outbox) == []
    outbox.settle(values[1])
    outbox.offer(record(10))
    assert ranges(take_all(outbox)) == [(8, 10), (10, 11)]


def test_a_refused_record_is_replaced_by_one_that_says_so() -> None:
    outbox = Outbox("stream", 4, MIB)
    outbox.offer(record(0))
    [value] = take_all(outbox)
    outbox.refuse(value, "MSG_SIZE_TOO_LARGE")
    [note] = take_all(outbox)
    assert decode(note).message == "1 log record dropped: the broker refused it (MSG_SIZE_TOO_LARGE)"
    assert (decode(note).attrs, ranges([note]), outbox.dropped, outbox.pending) == ({DROPPED: 1}, [(0, 1)], 1, 1)
    outbox.refuse(note, "MSG_SIZE_TOO_LARGE")
    assert (take_all(outbox), outbox.dropped, outbox.pending) == ([], 1, 0)


def test_a_wake_is_no_value() -> None:
    outbox = Outbox("stream", 4, MIB)
    outbox.wake()
    assert outbox.take(None) is None


def test_wait_ends_with_the_last_acknowledgement() -> None:
    outbox = Outbox("stream", 4, MIB)
    assert outbox.wait(0)
    outbox.offer(record(0))
    assert not outbox.wait(0)
    [value] = take_all(outbox)
    threading.Thread(target=outbox.settle, args=(value,)).start()
    assert outbox.wait(10)


@given(st.integers(1, 6), st.lists(st.sampled_from(["offer", "take", "settle", "put_back", "refuse"]), max_size=80))
def test_every_number_is_told_exactly_once_whatever_happens(max_records: int, steps: list[str]) -> None:
    outbox = Outbox("stream", max_records, MIB)
    offered, taken, settled = 0, [], []
    for step in [*steps, *["take", "settle"] * 200]:
        if step == "offer":
            outbox.offer(record(offered))
            offered += 1
        elif step == "take" and (value := outbox.take(0)) is not None:
            taken.append(value)
        elif taken and step == "settle":
            settled.append(taken.pop())
            outbox.settle(settled[-1])
        elif taken and step == "put_back":
            outbox.put_back(taken.pop())
        elif taken and step == "refuse" and DROPPED not in decode(taken[-1]).attrs:
            outbox.refuse(taken.pop(), "INVALID_RECORD")
        assert outbox.pending <= max_records + 2
    covered = [number for start, end in ranges(settled) for number in range(start, end)]
    assert sorted(covered) == list(range(offered))
    assert outbox.pending == 0
    counts = [decode(value).attrs.get(DROPPED, 0) for value in settled]
    assert sum(count for count in counts if isinstance(count, int)) == outbox.dropped
