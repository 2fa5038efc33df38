"""Order, duplicates and room of batches that wait for being compressed."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import random
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker import Broker
from logpost_broker.broker import EMBEDDED
from logpost_broker.errors import ApiError
from logpost_broker.log.batch import Buffer, read_header, whole_batches
from logpost_broker.log.compression import GZIP, NONE, ZSTD
from logpost_broker.log.limits import UNPACKED_AT_ONCE_BYTES
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.produced import Rules
from logpost_broker.log.recompress import Target
from logpost_broker.log.records import build_batch, records_in
from logpost_broker.log.recovery import LastKnown
from logpost_broker.log.unpacking import unpacked
from logpost_broker.metrics import BrokerMetrics
from logpost_broker.partitions import appender as appender_module
from logpost_broker.partitions.appender import INLINE_BYTES, THREADS, Appender, Appending, Written
from tests.broker.api.conftest import create
from tests.broker.log.compacting import batch_of
from tests.broker.log.logs import NOW_MS, changed, idempotent, open_log
from tests.broker.wire_client import WireClient

SLOW = Target(GZIP, 9, is_strict=True)
READ_BYTES = 1 << 30


def rules(target: Target | None = SLOW, *, is_stamped: bool = False, needs_keys: bool = False) -> Rules:
    return Rules(
        max_batch_bytes=1 << 30,
        segment_bytes=1 << 30,
        is_stamped=is_stamped,
        before_max_ms=1 << 62,
        after_max_ms=1 << 62,
        needs_keys=needs_keys,
        target=target,
    )


class Client:
    """A connection as the appender sees it."""

    def __init__(self) -> None:
        self.closed = False
        self.holds: list[bool] = []

    def hold(self) -> None:
        self.holds.append(True)

    def go_on(self) -> None:
        self.holds.append(False)


class Bench:
    """An appender and a log."""

    def __init__(self, directory: Path) -> None:
        self.log = open_log(directory / "t-0", segment_bytes=1 << 30)
        self.client = Client()
        self.told: list[PartitionLog] = []
        self.appender = Appender(BrokerMetrics(), self.told.append)

    def append(self, batch: Buffer, target: Target | None = SLOW, **options: bool) -> Appending:
        return self.appender.append(
            self.log, read_header(batch), batch, rules(target, **options), now_ms=NOW_MS, connection=self.client
        )

    @property
    def values(self) -> list[bytes | None]:
        data = self.log.read(0, READ_BYTES, up_to_end=True)
        return [record.value for record in records_in(data)]

    @property
    def codecs(self) -> list[int]:
        return [header.codec for _, header in whole_batches(self.log.read(0, READ_BYTES, up_to_end=True))]


@asynccontextmanager
async def bench(directory: Path) -> AsyncIterator[Bench]:
    running = Bench(directory)
    yield running
    await running.appender.close()
    running.log.close()


def run(directory: Path, story: Callable[[Bench], Awaitable[None]]) -> None:
    async def told() -> None:
        async with bench(directory) as running:
            await story(running)

    asyncio.run(told())


async def settled(appending: Appending) -> Written | ApiError:
    return appending if isinstance(appending, Written) else await appending


def words(size_bytes: int, seed: int = 0) -> bytes:
    """Text that takes a while to compress."""
    rng = random.Random(seed)
    return b" ".join(b"%d" % rng.randrange(10_000) for _ in range(size_bytes // 5))


def test_a_batch_without_work_is_written_at_once(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        for target in (None, SLOW):
            assert isinstance(bench.append(build_batch([(None, b"small")], NOW_MS), target), Written)
        medium = build_batch([(None, words(INLINE_BYTES // 2))], NOW_MS)
        assert isinstance(bench.append(medium), Written)
        assert bench.codecs == [NONE, NONE, GZIP]
        assert bench.told == []

    run(tmp_path, story)


def test_batches_keep_their_order_however_long_each_takes(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        values = [words(size, size) for size in (900_000, 100, 20_000, 300_000, 5, 60_000)] * 2
        appending = [bench.append(build_batch([(None, value)], NOW_MS)) for value in values]
        results = [await settled(each) for each in appending]
        assert [result.base_offset for result in results if isinstance(result, Written)] == list(range(len(values)))
        assert bench.values == values
        assert set(bench.told) == {bench.log}

    run(tmp_path, story)


def test_batches_in_flight_are_not_out_of_order(tmp_path: Path) -> None:
    """Thousands of batches of one idempotent producer, five in flight."""
    rng = random.Random(1)
    sizes = [rng.choice([10, 600, 5_000, 20_000, 40_000]) for _ in range(3000)]
    text = words(50_000)

    async def story(bench: Bench) -> None:
        in_flight: list[Appending] = []
        for number, size in enumerate(sizes):
            in_flight.append(bench.append(idempotent(7, number, [text[:size]]), Target(ZSTD, 1, is_strict=False)))
            if len(in_flight) == 5:
                assert isinstance(await settled(in_flight.pop(0)), Written)
        for each in in_flight:
            assert isinstance(await settled(each), Written)
        assert [len(value or b"") for value in bench.values] == sizes

    run(tmp_path, story)


def test_a_duplicate_of_a_batch_that_still_waits_gets_the_same_offset(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        first = idempotent(7, 0, [words(500_000)])
        second = idempotent(7, 1, [words(100_000)])
        sent = [bench.append(batch) for batch in (first, second, first, second)]
        offsets = [result.base_offset for each in sent if isinstance(result := await settled(each), Written)]
        assert offsets == [0, 1, 0, 1]
        assert len(bench.values) == 2
        again = bench.append(first)
        assert isinstance(again, Written)
        assert again.base_offset == 0

    run(tmp_path, story)


@pytest.mark.parametrize("options", [{}, {"needs_keys": True}], ids=["opened", "keys"])
def test_a_refused_batch_that_is_sent_again_is_refused_again(tmp_path: Path, options: dict[str, Any]) -> None:
    """Also behind the first, which stands for it while both wait: what is in it may be anything."""

    async def story(bench: Bench) -> None:
        plain = idempotent(7, 0, [words(100_000)])
        bad = plain if options else changed(plain, attributes=ZSTD)
        for each in [bench.append(bad, **options) for _ in range(3)]:
            refused = await settled(each)
            assert isinstance(refused, ApiError)
            assert refused.code is ErrorCode.invalid_record
        assert bench.values == []

    run(tmp_path, story)


def test_a_good_batch_behind_a_bad_one_of_its_sequence_is_written_as_its_topic_wants(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        good = idempotent(7, 0, [words(100_000)])
        sent = [
            bench.append(each) for each in (changed(good, attributes=ZSTD), good, good, idempotent(7, 1, [b"next"]))
        ]
        refused, *offsets = [await settled(each) for each in sent]
        assert isinstance(refused, ApiError)
        assert [written.base_offset for written in offsets if isinstance(written, Written)] == [0, 0, 1]
        assert bench.codecs == [GZIP, NONE]

    run(tmp_path, story)


def test_a_gap_is_found_before_compressing_and_behind_a_batch_that_waits(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        large = words(200_000)
        waiting = bench.append(idempotent(7, 0, [large]))
        gap = await settled(bench.append(idempotent(7, 5, [large])))
        assert isinstance(await settled(waiting), Written)
        assert isinstance(gap, ApiError)
        assert gap.code is ErrorCode.out_of_order_sequence_number
        with pytest.raises(ApiError, match="sequence 9, expected 1"):
            bench.append(idempotent(7, 9, [large]))

    run(tmp_path, story)


def test_a_refused_batch_does_not_hold_up_what_is_behind_it(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        large = words(200_000)
        keyless = bench.append(build_batch([(None, large)], NOW_MS), needs_keys=True)
        good = bench.append(build_batch([(b"k", large)], NOW_MS), needs_keys=True)
        refused = await settled(keyless)
        assert isinstance(refused, ApiError)
        assert refused.code is ErrorCode.invalid_record
        written = await settled(good)
        assert isinstance(written, Written)
        assert written.base_offset == 0

    run(tmp_path, story)


def test_a_topic_deleted_meanwhile_is_an_error_for_each_that_waits(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        sent = [bench.append(build_batch([(None, words(200_000))], NOW_MS)) for _ in range(3)]
        bench.log.retire("its topic was deleted")
        for each in sent:
            result = await settled(each)
            assert isinstance(result, ApiError)
            assert (result.code, "deleted" in str(result)) == (ErrorCode.kafka_storage_error, True)
        with pytest.raises(ApiError, match="deleted"):
            bench.append(build_batch([(None, words(200_000))], NOW_MS))

    run(tmp_path, story)


def test_the_time_of_a_batch_is_that_of_its_arrival(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        sent = [bench.append(build_batch([(None, value)], 1), is_stamped=True) for value in (words(100_000), b"small")]
        for each in sent:
            result = await settled(each)
            assert isinstance(result, Written)
            assert result.append_time_ms == NOW_MS
        records = records_in(bench.log.read(0, READ_BYTES, up_to_end=True))
        assert [record.timestamp_ms for record in records] == [NOW_MS, NOW_MS]

    run(tmp_path, story)


def test_a_client_is_held_while_too_many_bytes_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appender_module, "MAX_WAITING_BYTES", 250_000)

    async def story(bench: Bench) -> None:
        batch = build_batch([(None, os.urandom(100_000))], NOW_MS)
        sent = [bench.append(batch) for _ in range(2)]
        assert bench.client.holds == []
        sent.append(bench.append(batch))
        assert bench.client.holds == [True]
        for each in sent:
            assert isinstance(await settled(each), Written)
        assert bench.client.holds == [True, False]
        assert bench.appender.waiting_bytes == 0

    run(tmp_path, story)


def test_closing_waits_for_what_is_being_compressed(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        for _ in range(4):
            bench.append(build_batch([(None, words(300_000))], NOW_MS))
        await bench.appender.close()
        assert len(bench.values) == 4

    run(tmp_path, story)


def send(client: WireClient, topic: str, *values: bytes) -> None:
    """A request for each value, one after the other without waiting."""
    for value in values:
        data = [{"index": 0, "records": build_batch([(None, value)], 1)}]
        client.send("produce", 9, {"acks": -1, "topic_data": [{"name": topic, "partition_data": data}]})


def offset_answered(client: WireClient) -> int:
    [answer] = client.receive().responses[0].partition_responses
    assert answer.error_code is ErrorCode.none
    return int(answer.base_offset)


def test_a_connection_that_was_held_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a byte may wait, so that each batch holds its connection until it is written."""
    monkeypatch.setattr(appender_module, "MAX_WAITING_BYTES", 1)
    values = [words(size, size) for size in (100_000, 10, 60_000, 30_000)] * 10
    with Broker() as broker, WireClient(broker.port) as first, WireClient(broker.port) as second:
        create(first, "first", "second")
        for client, topic in ((first, "first"), (second, "second")):
            send(client, topic, *values)
        for client in (first, second):
            assert [offset_answered(client) for _ in values] == list(range(len(values)))


def test_what_was_answered_while_the_broker_stopped_is_in_the_log(tmp_path: Path) -> None:
    values = [words(200_000, number) for number in range(8)]
    with Broker(EMBEDDED, tmp_path / "broker") as broker, WireClient(broker.port) as client:
        create(client, "t", configs={"compression.type": "gzip", "compression.gzip.level": "9"})
        send(client, "t", *values)
        assert offset_answered(client) == 0
        broker.stop()
        answered = 1
        with suppress(EOFError, ConnectionResetError):
            while answered < len(values):
                assert offset_answered(client) == answered
                answered += 1
    log = open_log(tmp_path / "broker" / "t-0", known=LastKnown(clean=True))
    kept = [record.value for record in records_in(log.read(0, READ_BYTES))]
    log.close()
    assert len(kept) >= answered
    assert kept == values[: len(kept)]


class Weak(bytearray):
    """Bytes that tell when nobody has them any more."""


@pytest.mark.parametrize(
    "options",
    [{}, {"target": None}, {"needs_keys": True}, {"is_stamped": True}],
    ids=["recompressed", "opened", "keys", "stamped"],
)
def test_a_refused_batch_is_forgotten_at_once(tmp_path: Path, options: dict[str, Any]) -> None:
    """Not by a collection of garbage, which is rare: a small request may have unpacked to much."""

    async def story(bench: Bench) -> None:
        malformed = changed(build_batch([(b"k", words(2 * INLINE_BYTES))], NOW_MS), attributes=ZSTD)
        batch = Weak(malformed)
        gone, loop = asyncio.Event(), asyncio.get_running_loop()
        weakref.finalize(batch, loop.call_soon_threadsafe, gone.set)
        appending = bench.append(batch, **options)
        del batch
        async with asyncio.timeout(60):
            error = await settled(appending)
            assert isinstance(error, ApiError)
            del appending
            await gone.wait()  # a thread or a callback may just be leaving
        assert error.__traceback__ is None

    gc.disable()
    try:
        run(tmp_path, story)
    finally:
        gc.enable()


def test_a_batch_is_opened_under_a_clock_that_cannot_be_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With libfaketime preloaded `time.sleep` ends in EINVAL."""

    def fails(_: float) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    async def story(bench: Bench) -> None:
        monkeypatch.setattr(time, "sleep", fails)
        assert isinstance(await settled(bench.append(build_batch([(None, words(200_000))], NOW_MS))), Written)

    run(tmp_path, story)


def test_what_unpacks_to_much_waits_for_its_kind_and_what_is_small_for_none(tmp_path: Path) -> None:
    large = batch_of([(b"k", bytes(UNPACKED_AT_ONCE_BYTES))], codec=ZSTD)
    small = batch_of([(b"k", b"v" * 100)], codec=ZSTD)

    async def story(bench: Bench) -> None:
        other = open_log(tmp_path / "u-0")
        with unpacked(read_header(large), large):
            held = [bench.append(large, None) for _ in range(2 * THREADS)]
            quick = bench.appender.append(
                other, read_header(small), small, rules(None), now_ms=NOW_MS, connection=bench.client
            )
            assert isinstance(await settled(quick), Written)
            assert not any(isinstance(each, Written) or each.done() for each in held)
        written = [await settled(each) for each in held]
        assert [each.base_offset for each in written if isinstance(each, Written)] == list(range(2 * THREADS))
        other.close()

    run(tmp_path, story)
