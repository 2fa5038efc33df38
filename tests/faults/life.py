"""One life of a broker on a disk in memory: what it is told to do, in an order without chance, and the ledger of it."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import cramjam

from logpost.config import BrokerConfig
from logpost_broker.errors import ApiError
from logpost_broker.log.batch import CODEC_MASK, HEADER_BYTES, LENGTH_PREFIX_BYTES, read_header
from logpost_broker.log.compression import LZ4
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.records import build_batch
from logpost_broker.metadata.checkpoints import CLEAN_SHUTDOWN
from logpost_broker.metadata.metadata_file import STRAY_SUFFIX
from logpost_broker.metadata.topics import TopicChanges
from logpost_broker.partitions.partitions import Partitions
from logpost_broker.upkeep.retention import RetentionService
from tests.broker.log.logs import NOW_MS, changed
from tests.faults.clockwork import ClockworkLoop
from tests.faults.disk import Disk
from tests.faults.ledger import Crash, Entry, Ledger, PartitionPromise, TopicPromise
from tests.faults.system_calls import MemoryFiles, SystemCalls

FLUSH_MODES = ("commit", "interval", "os")
SEGMENT_BYTES = 6000
"""Small, so that segments end often; an index entry comes after 4096 bytes."""
INTERVAL_MS = 1000
CHECKPOINT_S = 31.0

OnCall = Callable[[Disk, Ledger], None]


class Machines:
    """Where brokers run: their system calls, their clock, their configuration."""

    def __init__(self, flush: str) -> None:
        self.calls = SystemCalls()
        self.config = BrokerConfig(port=0, metrics_port=0, flush=flush, flush_interval_ms=INTERVAL_MS)  # type: ignore[arg-type]  # a parameter of the tests
        self.loop = ClockworkLoop()
        self._chance = random.Random(0)

    @property
    def files(self) -> MemoryFiles:
        """The file system as a new process sees it: with no file open."""
        return MemoryFiles(self.calls)

    def boot(self, root: Path) -> Partitions:
        """What the broker does at its start, except listening."""
        partitions = Partitions(
            self.config,
            root,
            files=self.files,
            clock=lambda: NOW_MS * 1_000_000 + int(self.loop.time() * 1e9),
            new_id=lambda: uuid.UUID(int=self._chance.getrandbits(128), version=4),
            sync_pool=self.loop.executor,
        )
        partitions.open()
        assert not [name for name in self.files.names(root) if name.endswith(STRAY_SUFFIX)], "a deletion was forgotten"
        return partitions

    def close(self) -> None:
        self.loop.close()


class Life:
    """Operations return when the broker would answer; `acked` comes later where a sync is waited for."""

    def __init__(self, machines: Machines, seed: int, on_call: OnCall | None = None) -> None:
        self.machines = machines
        self.loop = machines.loop
        self.rng = random.Random(seed)
        self.ledger = Ledger(machines.config.flush, INTERVAL_MS / 1000)
        self.partitions: Partitions | None = None
        self.calls_made = 0
        self._on_call = on_call
        self._sequences: dict[tuple[str, int, int], int] = {}
        self._timestamp_ms = NOW_MS
        self._open_on(Disk(seed=seed))

    def _open_on(self, disk: Disk) -> None:
        self.disk = disk
        self.root = self.machines.calls.mount(disk)
        disk.changing = self._called

    def _called(self, call: str) -> None:
        self.calls_made += 1
        if self.partitions is not None:
            self.ledger.observe(self.partitions, self.loop.time())
        if self._on_call is not None:
            self._on_call(self.disk, self.ledger)

    def _run(self, action: Coroutine[Any, Any, None]) -> None:
        self.loop.run_until_complete(action)

    def start(self, after: Crash = Crash.KILL) -> None:
        """`after`: what the life before may have lost."""
        self.ledger.doing = ("start", "")
        partitions = self.machines.boot(self.root)
        self.ledger.check(partitions, after, self.rng)
        self._go_on(partitions)

    def _go_on(self, partitions: Partitions) -> None:
        self.ledger.settle(partitions)
        self._forget_lost_sequences()
        self.retention = RetentionService(partitions)
        self._run(self._started(partitions))
        self.partitions = partitions

    async def _started(self, partitions: Partitions) -> None:
        partitions.flusher.start()
        self.retention.start()

    def running(self) -> Partitions:
        assert self.partitions is not None
        return self.partitions

    def create(self, name: str, partitions: int = 1, **configs: str) -> None:
        self.ledger.doing = ("create", name)
        configs = {"segment.bytes": str(SEGMENT_BYTES)} | configs
        topic = self.running().create_topic(name, partitions, configs)
        self.ledger.topics[name] = TopicPromise(topic.id, [PartitionPromise() for _ in range(partitions)])
        self.ledger.doing = ("", "")

    def delete(self, name: str) -> None:
        async def delete() -> None:
            topic = self.running().topics.by_name(name)
            assert topic is not None
            [outcome] = await self.running().change_topics([topic], TopicChanges.delete)
            if isinstance(outcome, ApiError):
                raise outcome

        self.ledger.doing = ("delete", name)
        self._run(delete())
        del self.ledger.topics[name]
        self._sequences = {key: value for key, value in self._sequences.items() if key[0] != name}
        self.ledger.doing = ("", "")

    def log(self, name: str, partition: int = 0) -> PartitionLog:
        topic = self.running().topics.by_name(name)
        assert topic is not None
        return self.running().log(topic, partition)

    def promise(self, name: str, partition: int = 0) -> PartitionPromise:
        return self.ledger.topics[name].partitions[partition]

    def append(self, name: str, partition: int = 0, *, size: int = 300, producer: int = -1, lz4: bool = False) -> None:
        """A batch of one to three records, acknowledged with a later sync. `producer` sends idempotently."""
        self._timestamp_ms += self.rng.choice([-500, 0, 10, 1000])
        values = [self.rng.randbytes(self.rng.randint(1, size)) for _ in range(self.rng.randint(1, 3))]
        batch = build_batch([(b"k%d" % self.rng.randint(0, 9), value) for value in values], self._timestamp_ms)
        if lz4:
            batch = _compressed(batch)
        if producer >= 0:
            key = (name, partition, producer)
            sequence = self._sequences.get(key, 0)
            batch = changed(batch, producer_id=producer, producer_epoch=0, base_sequence=sequence)
        self._send(name, partition, batch)
        if producer >= 0:
            self._sequences[key] = sequence + len(values)

    def append_again(self, name: str, partition: int = 0) -> None:
        """A producer that saw no answer sends its last batch again."""
        sent = [entry for entry in self.promise(name, partition).entries[-5:] if entry.header.producer_id >= 0]
        if sent:
            self._send(name, partition, sent[-1].batch)

    def _send(self, name: str, partition: int, batch: bytes) -> None:
        promise, log = self.promise(name, partition), self.log(name, partition)
        promise.appending = batch
        appended = log.append(batch, now_ms=self.running().now_ms())
        promise.appending = None
        if appended.duplicate:
            entry = next(entry for entry in promise.entries if entry.base == appended.base_offset)
        else:
            header = read_header(batch)._replace(
                base_offset=appended.base_offset, partition_leader_epoch=log.leader_epoch
            )
            entry = Entry(header, batch, self.loop.time())
            promise.entries.append(entry)
        self._run(self._acknowledge(log, promise, entry))

    async def _acknowledge(self, log: PartitionLog, promise: PartitionPromise, entry: Entry) -> None:
        def answered(durable: asyncio.Future[None]) -> None:
            if not durable.cancelled() and durable.exception() is None:
                promise.acked = max(promise.acked, entry.end)

        self.running().durable(log).add_done_callback(answered)

    def hold_syncs(self) -> None:
        """Syncs begin and do not run."""
        self.loop.holds_jobs = True

    def sync(self) -> None:
        """All syncs run, and those after them; nothing is left to wait for."""
        self.loop.holds_jobs = False
        self.loop.run_jobs()
        self.wait(0.001)

    def wait(self, seconds: float) -> None:
        """Time passes: what the broker does in the background at intervals is done."""
        self._run(asyncio.sleep(seconds))

    def checkpoint(self) -> None:
        self.sync()
        self.wait(CHECKPOINT_S)

    def move_start(self, name: str, partition: int = 0) -> None:
        """DeleteRecords up to an offset somewhere or to the end; while syncs are held, as internal topics do it."""
        promise, log = self.promise(name, partition), self.log(name, partition)
        log.require_online()
        wanted = self.rng.choice([self.rng.randint(log.log_start_offset, log.high_watermark), log.high_watermark])
        promise.start_wanted = wanted
        if self.loop.holds_jobs:
            self.running().logs.truncate_prefix(log, wanted)
        else:
            self._run(self.retention.move_starts({log: wanted}))
            log.require_online()
        promise.start, promise.start_wanted = wanted, None

    def take_producer_id(self) -> None:
        self.ledger.producer_ids.add(self.running().producer_ids.take())

    def close(self) -> None:
        """Stop in order."""
        self.sync()
        self.ledger.doing = ("close", "")
        self._run(self._stopped(self.running()))
        self.partitions = None
        if self.machines.files.exists(self.root / CLEAN_SHUTDOWN):
            for topic in self.ledger.topics.values():
                for promise in topic.partitions:
                    promise.safe = promise.end
        left_open = self.machines.calls.unmount(self.root)
        assert left_open == 0, f"{left_open} descriptors left open"
        self.root = self.machines.calls.mount(self.disk)

    async def _stopped(self, partitions: Partitions) -> None:
        await partitions.appender.close()
        await self.retention.stop()
        await partitions.close()

    def restart(self) -> None:
        self.close()
        self.start()

    def crash(self, crash: Crash) -> None:
        """Go on with what `crash` leaves."""
        self._end_tasks()
        self.partitions = None
        self.machines.calls.unmount(self.root)
        self._open_on(self.disk.copy() if crash is Crash.KILL else self.disk.after_power_cut(self.rng))
        self.ledger.recovering_from = crash
        partitions = self.machines.boot(self.root)
        self.ledger.check(partitions, crash, self.rng)
        self._go_on(partitions)

    def _end_tasks(self) -> None:
        self.loop.drop_jobs()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.wait(0)

    def _forget_lost_sequences(self) -> None:
        """Producers send again what was lost, with other content: as if it had never been sent."""
        for name, partition, producer in list(self._sequences):
            own = [e.header for e in self.promise(name, partition).entries if e.header.producer_id == producer]
            self._sequences[name, partition, producer] = own[-1].base_sequence + own[-1].record_count if own else 0

    def end(self) -> None:
        """Nothing of this life runs any more."""
        self._end_tasks()
        self.machines.calls.unmount(self.root)


def _compressed(batch: bytes) -> bytes:
    header = read_header(batch)
    body = bytes(cramjam.lz4.compress(batch[HEADER_BYTES:]))
    length = HEADER_BYTES - LENGTH_PREFIX_BYTES + len(body)
    attributes = header.attributes & ~CODEC_MASK | LZ4
    return changed(batch[:HEADER_BYTES] + body, batch_length=length, attributes=attributes)
