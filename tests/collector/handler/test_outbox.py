"""The outbox: bounded, numbered without holes, every drop told once."""

from __future__ import annotations

import gc
import signal
import sys
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
    assert outbox.wait(60)


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


def test_a_signal_handler_that_logs_takes_no_number_twice() -> None:
    """A signal each 0.2 ms, beside four threads: every record leaves once, numbered without repeat or gap."""
    outbox = Outbox("stream", 10**6, 1000 * MIB)
    offered: list[int] = []
    taken: list[bytes] = []
    ended = threading.Event()

    def offer(*_: object) -> None:
        offered.append(len(offered))
        outbox.offer(record(0))

    def send() -> None:
        while not ended.is_set() or outbox.pending:
            if (value := outbox.take(0.01)) is not None:
                taken.append(value)
                outbox.settle(value)

    def offer_many() -> None:
        for _ in range(1000):
            offer()

    before, interval = signal.signal(signal.SIGALRM, offer), sys.getswitchinterval()
    threads = [threading.Thread(target=offer_many) for _ in range(4)]
    sender = threading.Thread(target=send)
    sys.setswitchinterval(1e-6)
    try:
        for thread in (sender, *threads):
            thread.start()
        signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
        offer_many()
        for thread in threads:
            thread.join()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        sys.setswitchinterval(interval)
        assert outbox.wait(60)
        ended.set()
        sender.join()
    assert len(offered) > 5000  # some by the signal
    assert ranges(taken) == [(number, number + 1) for number in range(len(offered))]


def test_finalizers_that_log_take_no_number_twice() -> None:
    outbox = Outbox("stream", 10_000, MIB)
    thresholds = gc.get_threshold()

    class Closing:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            outbox.offer(record(1))

    gc.set_threshold(1)
    try:
        for _ in range(200):
            Closing()
            outbox.offer(record(0))
    finally:
        gc.set_threshold(*thresholds)
        gc.collect()
    assert ranges(take_all(outbox)) == [(number, number + 1) for number in range(400)]


def test_drops_while_others_settle_are_all_told() -> None:
    outbox = Outbox("stream", 8, MIB)
    settled: list[bytes] = []
    ended = threading.Event()

    def send() -> None:
        while not ended.is_set() or outbox.pending:
            if (value := outbox.take(0.01)) is not None:
                settled.append(value)
                outbox.settle(value)

    sender = threading.Thread(target=send)
    sender.start()

    def offer_many() -> None:
        for _ in range(2000):
            outbox.offer(record(0))

    threads = [threading.Thread(target=offer_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outbox.wait(60)
    ended.set()
    sender.join()
    assert [number for start, end in ranges(settled) for number in range(start, end)] == list(range(8000))
    told = [decode(value).attrs.get(DROPPED, 0) for value in settled]
    assert sum(count for count in told if isinstance(count, int)) == outbox.dropped


def test_what_waits_without_room_for_bytes_is_counted_right_again_when_all_is_sent() -> None:
    outbox = Outbox("stream", 1000, 1000)
    for _ in range(50):
        while outbox.pending < 4:
            outbox.offer(record(0))
        for value in take_all(outbox):
            outbox.settle(value)
    assert outbox.dropped == 0
