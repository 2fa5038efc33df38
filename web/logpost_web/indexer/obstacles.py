"""What Kafka's client does not get past, or passes without a word; found in the log itself.

The end of what cannot be read is the end of its batch, which the batch's header says. A broker that refuses to serve an
offset shows no header: then the next offset that it serves is found by doubling steps and then by halving them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from logpost.config import KafkaConfig
from logpost_web.indexer.account import RETENTION
from logpost_web.indexer.batches import Batch, read_batches, unexplained, unreadable
from logpost_web.indexer.planner import PartitionKey
from logpost_web.indexer.reading import Reading

if TYPE_CHECKING:
    from logpost_web.indexer.raw_log import Fetched

STALL_SECONDS = 3.0
"""The indexer looks at a partition that has more and gives nothing for this long."""
LONGEST_STALL_SECONDS = 60.0
"""It looks again after twice the time, at most this: in a backlog others may come first for long."""
MAX_FETCHES = 256
"""Of a megabyte each, to explain the gaps of a block; what lies behind is called unexplained."""
MAX_FAILURES = 5
"""Of the client, at a batch that can be read."""
OUT_OF_RANGE = 1
CORRUPT_MESSAGE = 2

Span = tuple[int, int, str]
"""Offsets [start, end), and why they cannot be indexed."""


@dataclass(slots=True)
class _Wait:
    """For `offset`, until it is time to look at the partition."""

    offset: int
    until: float
    seconds: float


class Obstacles:
    """Methods that ask the broker raise KafkaException."""

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config
        self.gaps: dict[PartitionKey, list[tuple[int, int]]] = defaultdict(list)
        self._waits: dict[PartitionKey, _Wait] = {}
        self._failures: dict[PartitionKey, tuple[int, int]] = {}
        self.overfull: dict[PartitionKey, int] = {}
        """Where a batch begins that holds more records than it says. The client gives out the rest under the offsets
        of others."""

    def forget(self) -> None:
        """What was read and not inserted comes again."""
        self.gaps.clear()
        self._waits.clear()

    def gap(self, key: PartitionKey, start: int, end: int) -> None:
        """The client gave out no records of these offsets."""
        self.gaps[key].append((start, end))

    def stalled(
        self, readings: Mapping[PartitionKey, Reading], log_ends: Mapping[PartitionKey, int], now: float
    ) -> Iterator[PartitionKey]:
        """Partitions that have more and give nothing. `now`: monotonic seconds."""
        for key, reading in readings.items():
            wait = self._waits.get(key)
            if wait is None or wait.offset != reading.expected or reading.expected >= max(reading.end, log_ends[key]):
                self._waits[key] = _Wait(reading.expected, now + STALL_SECONDS, STALL_SECONDS)
            elif now >= wait.until:
                wait.seconds = min(2 * wait.seconds, LONGEST_STALL_SECONDS)
                wait.until = now + wait.seconds
                yield key

    def at(self, key: PartitionKey, offset: int, said: str) -> Span | None:
        """What cannot be read at `offset`, where the client stands; None when it can. `said`: by the client, if
        anything. What the topic has no more of, or not yet, is no obstacle."""
        found = _fetch(self._config, key, offset)
        if found.error == CORRUPT_MESSAGE:
            return offset, self._next_served(key, offset), "the broker does not give them out: they are damaged"
        batches = list(read_batches(found.data)) if not found.error else []
        bad = unreadable(iter(batches), offset)
        if bad is not None:
            return offset, *bad
        first = next((batch for batch in batches if batch.start <= offset < batch.end), None)
        return (offset, first.end, said) if first is not None and self._failed_often(key, offset, said) else None

    def _failed_often(self, key: PartitionKey, offset: int, said: str) -> bool:
        """Bytes may be spoiled on their way: the client is to fail more than once where we do not."""
        last_offset, times = self._failures.get(key, (-1, 0))
        times = (times if last_offset == offset else 0) + bool(said)
        self._failures[key] = offset, times
        return times >= MAX_FAILURES

    def _next_served(self, key: PartitionKey, offset: int) -> int:
        step = 1
        while self._is_corrupt(key, offset + step):
            step *= 2
        low, high = offset + step // 2, offset + step
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._is_corrupt(key, middle) else (low, middle)
        return high

    def _is_corrupt(self, key: PartitionKey, offset: int) -> bool:
        return _fetch(self._config, key, offset).error == CORRUPT_MESSAGE

    def find_overfull(self, key: PartitionKey, offset: int) -> bool:
        """Whether the batch before `offset` holds more records than it says: the client went on behind `offset` with
        the wrong ones. It is then to be read again, without that batch."""
        if offset <= 0:
            return False
        batches = read_batches(_fetch(self._config, key, offset - 1).data)
        batch = next((one for one in batches if one.start < offset <= one.end), None)
        if batch is None or not batch.fault():
            return False
        self.overfull[key] = batch.start
        return True

    def take_gaps(self, is_compacted: Mapping[str, bool]) -> Iterator[tuple[PartitionKey, Span]]:
        """What of the gaps the log does not explain. A compacted topic has gaps where records were."""
        while self.gaps:
            key, gaps = next(iter(self.gaps.items()))
            yield from ((key, span) for span in self._explain(key, gaps, is_compacted.get(key[0], False)))
            del self.gaps[key]

    def _explain(self, key: PartitionKey, gaps: list[tuple[int, int]], is_compacted: bool) -> Iterable[Span]:
        start, end = gaps[0][0], gaps[-1][1]
        found = _fetch(self._config, key, start)
        if found.error == OUT_OF_RANGE:
            return [(*gap, RETENTION) for gap in gaps]
        ends = [gap_end for _, gap_end in gaps]
        batches = []
        for batch in self._batches(key, found, start, end):
            next_gap = bisect_right(ends, batch.start)
            if next_gap < len(gaps) and gaps[next_gap][0] < batch.end:
                batches.append(batch)
        starts = [batch.start for batch in batches]
        spans: list[Span] = []
        for gap_start, gap_end in gaps:
            first = max(bisect_right(starts, gap_start) - 1, 0)
            there = batches[first : bisect_left(starts, gap_end)]
            spans += [
                span
                for span in unexplained(iter(there), gap_start, gap_end)
                if not is_compacted or any(batch.start <= span[0] < batch.end for batch in there)
            ]
        return spans

    def _batches(self, key: PartitionKey, found: Fetched, start: int, end: int) -> Iterator[Batch]:
        for _ in range(MAX_FETCHES):
            at = start
            for batch in read_batches(found.data):
                yield batch
                at = max(at, batch.end)
            if at >= end or at == start:
                return
            start = at
            found = _fetch(self._config, key, start)


def _fetch(config: KafkaConfig, partition: PartitionKey, offset: int) -> Fetched:
    """As `raw_log.fetch`, whose client is loaded when it is needed: on most boxes never."""
    from logpost_web.indexer import raw_log

    return raw_log.fetch(config, partition, offset)
