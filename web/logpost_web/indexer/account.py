"""The indexer's account of the partitions that it reads: what was looked at, and what became rows of the store."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from logpost.config import KafkaConfig
from logpost_web.indexer import metrics
from logpost_web.indexer.beginning import begin, save
from logpost_web.indexer.manifest import Last
from logpost_web.indexer.planner import PartitionKey
from logpost_web.indexer.probe import mark
from logpost_web.indexer.progress import PartitionProgress, Progress
from logpost_web.indexer.reading import Bounds, Reading
from logpost_web.indexer.rebuilding import copy_rest, say_lost
from logpost_web.indexer.received import Received
from logpost_web.indexer.run import Run
from logpost_web.indexer.stepped_over import SteppedOverRecords
from logpost_web.store.manifest_table import CHUNK, Chunk, ChunkKey
from logpost_web.store.rebuild import NOTHING_PAST, Past
from logpost_web.store.row import Row
from logpost_web.store.store import Store

RETENTION = "the topic no longer has them: they were removed before they were indexed"

log = logging.getLogger("indexer")


class Account:
    """Methods that write or ask the store raise QueryError, and are then to be called again."""

    def __init__(self, store: Store, kafka: KafkaConfig) -> None:
        self._store = store
        self._kafka = kafka
        self.readings: dict[PartitionKey, Reading] = {}
        self.past: Callable[[], Past] = lambda: NOTHING_PAST
        """What retention says of rows that a rebuild would copy."""
        self._has_lost = False
        self._lost = 0
        self.stepped_over = SteppedOverRecords(store)
        self._to_commit: set[PartitionKey] = set()
        self._kept: Counter[tuple[str, int, str, int]] = Counter()
        self._left_out: Counter[tuple[str, int, str, int]] = Counter()
        self._last: dict[PartitionKey, Received] = {}
        self._until_ns: dict[PartitionKey, int] = {}
        self._until_then_ns: dict[PartitionKey, int] = {}

    def begin(
        self, bounds: Mapping[PartitionKey, Bounds], topic_ids: Callable[[Collection[str]], Mapping[str, str]]
    ) -> dict[PartitionKey, int]:
        """Where to read each partition from; `topic_ids` as for `beginning.begin`. Raises KafkaException too."""
        self.stepped_over.load()
        begun = begin(self._store, self._kafka, bounds, topic_ids, self.past())
        self.readings, self._lost = begun.readings, begun.lost
        self._has_lost |= begun.newly_lost > 0
        for key, reading in self.readings.items():
            removed = reading.removed_unread()
            if removed is not None:
                self.step_over(key, *removed, RETENTION)
            if reading.refilled_at:
                # It lacks records from before its newest, whose time holds again when they are back.
                self._until_then_ns[key] = max(self._until_ns.pop(key, 0), self._until_then_ns.get(key, 0))
        self.stepped_over.save()
        return {key: reading.position for key, reading in self.readings.items()}

    def step_over(self, key: PartitionKey, start: int, end: int, reason: str) -> None:
        """Offsets [start, end) are no rows, and never will be."""
        self.stepped_over.add(key, self.readings[key].manifest.topic_id_at(start), start, end, reason)

    def forget(self) -> None:
        """No partitions are read any more."""
        self.readings = {}
        self._to_commit.clear()
        self._kept.clear()
        self._left_out.clear()
        self._last.clear()

    def look_at(self, message: Received) -> None:
        """It is the newest of its partition that was planned."""
        self._last[message.partition] = message

    def keep(self, rows: Iterable[Row]) -> None:
        """These rows are in the store before the block is closed."""
        self._kept.update((row.topic, row.partition, row.topic_id, row.offset // CHUNK) for row in rows)

    def keep_run(self, run: Run) -> None:
        """The same of rows that follow one another."""
        topic, partition = run.messages.partition
        start, end = run.messages.offsets[0], run.messages.offsets[-1] + 1
        for chunk in range(start // CHUNK, (end - 1) // CHUNK + 1):
            rows = min(end, (chunk + 1) * CHUNK) - max(start, chunk * CHUNK)
            self._kept[topic, partition, run.topic_id, chunk] += rows

    def leave_out(self, rows: Iterable[Row]) -> None:
        """These are past their time: the store does not lack them."""
        self._left_out.update((row.topic, row.partition, row.topic_id, row.offset // CHUNK) for row in rows)

    def lines(self, chunks: Iterable[ChunkKey]) -> list[Chunk]:
        """Copies of the manifest's lines of those chunks that are read here."""
        found = []
        for topic, topic_id, partition, number in chunks:
            reading = self.readings.get((topic, partition))
            chunk = reading.manifest.chunk(topic_id, number) if reading else None
            if chunk is not None:
                found.append(msgspec.structs.replace(chunk))
        return found

    def drop(self, chunks: Mapping[ChunkKey, int]) -> None:
        """Retention dropped so many rows of each chunk, and has written that down."""
        for (topic, topic_id, partition, number), rows in chunks.items():
            if (topic, partition) in self.readings:
                self.readings[topic, partition].manifest.drop(topic_id, number, rows)

    def is_open(self) -> bool:
        """Whether something was looked at since the last block was closed."""
        return any(not reading.is_accounted for reading in self.readings.values())

    def close_block(self) -> None:
        """The rows of the block are in the store."""
        kept: dict[PartitionKey, dict[tuple[str, int], int]] = defaultdict(dict)
        for (topic, partition, topic_id, chunk), rows in self._kept.items():
            kept[topic, partition][topic_id, chunk] = rows
        for key, reading in self.readings.items():
            if not reading.is_accounted:
                message = self._last.get(key)
                last = None if message is None else Last(message.offset, mark(message))
                reading.account(kept[key], last)
                self._to_commit.add(key)
        for (topic, partition, topic_id, chunk), rows in self._left_out.items():
            self.readings[topic, partition].manifest.need_not(topic_id, chunk, rows)
        self._until_ns.update((key, message.timestamp_ns) for key, message in self._last.items())
        self._kept.clear()
        self._left_out.clear()
        self._last.clear()

    def save(self) -> None:
        """Write it to the store, what was stepped over first."""
        self.stepped_over.save()
        save(self._store, (reading.manifest for reading in self.readings.values()))

    def finish_refills(self, ends: Mapping[PartitionKey, int], *, is_rebuilding: bool) -> bool:
        """Where the store has again all that the topic has, say what it could not get, unless that is still to be
        copied. Whether that was the last such partition, and all rows are back."""
        finished = False
        for key, reading in self.readings.items():
            if reading.refilled_at and self.next_offset(key, ends) >= reading.refilled_at:
                reading.refilled_at = 0
                self._until_ns[key] = max(self._until_ns.get(key, 0), self._until_then_ns.pop(key, 0))
                finished = True
                lost = 0 if is_rebuilding else reading.manifest.settle()
                log.info("%s-%d: the store has again what the topic has", *key)
                if lost:
                    say_lost(key, lost)
                    self._lost += lost
                    self._has_lost = True
        if finished:
            self.save()
        return finished and self.is_whole

    @property
    def is_whole(self) -> bool:
        """Whether the store has all that its manifest says it had, since this process began."""
        return not self._has_lost and not any(reading.refilled_at for reading in self.readings.values())

    def has_all(self, ends: Mapping[PartitionKey, int]) -> bool:
        """Whether all is indexed that the topics had when their reading began."""
        return bool(self.readings) and all(self.next_offset(key, ends) >= one.end for key, one in self.readings.items())

    def finish_rebuild(self) -> None:
        """Copy what the topics did not give, and forget the rows of before. Then it is time to `begin` again, by what
        the manifest says now."""
        copied = copy_rest(self._store, self.past())
        log.info("the store is rebuilt: %d rows that the topics no longer have were copied at the end", copied)

    def take_commits(self) -> dict[PartitionKey, tuple[int, str]]:
        """Offsets to commit, and for which life of the partition. While the store is refilled none: what was committed
        before still says what it had."""
        readings = {key: self.readings[key] for key in self._to_commit if not self.readings[key].refilled_at}
        self._to_commit.difference_update(readings)
        return {key: (reading.indexed, reading.manifest.newest.topic_id) for key, reading in readings.items()}

    def next_offset(self, key: PartitionKey, ends: Mapping[PartitionKey, int]) -> int:
        """Everything below is searchable. At the end of a partition what follows the last record is nothing to index
        either."""
        reading = self.readings[key]
        return max(reading.indexed, ends.get(key, 0)) if reading.is_accounted else reading.indexed

    def progress(self, ends: Mapping[PartitionKey, int], log_ends: Mapping[PartitionKey, int]) -> Progress:
        """`ends`: where the client came to the end of a partition; `log_ends`: the newest ends that it was told."""
        partitions = []
        refill = 0
        for key, reading in sorted(self.readings.items()):
            next_offset = self.next_offset(key, ends)
            end = max(next_offset, reading.end, log_ends.get(key, 0))
            partitions.append(
                PartitionProgress(
                    topic=key[0],
                    partition=key[1],
                    next_offset=next_offset,
                    end_offset=end,
                    indexed_until_ns=self._until_ns.get(key, 0),
                    taken_ahead=reading.taken_ahead(next_offset, end),
                )
            )
            if reading.refilled_at > next_offset:
                refill += reading.refilled_at - next_offset - reading.taken_ahead(next_offset, reading.refilled_at)
        metrics.BEHIND.set(sum(one.behind for one in partitions))
        metrics.REFILL.set(refill)
        return Progress(
            partitions=tuple(partitions),
            stepped_over=self.stepped_over.all(),
            refill_records=refill,
            lost_rows=self._lost,
        )
