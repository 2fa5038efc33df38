"""The tailer on real files with a manual clock, and the indexer's rule over what it shipped."""

from __future__ import annotations

import bisect
import itertools
import os
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from logpost.agent.delivery.acks import Acks
from logpost.agent.metrics.counts import Counts
from logpost.agent.sources.file.deleted import DeletedFiles
from logpost.agent.sources.file.file_set import FileSet
from logpost.agent.sources.file.position import FilePosition
from logpost.agent.sources.file.tailer import Tailer
from logpost.config import FileSourceConfig
from logpost.record import Record, Src

START_NS = 1_795_000_000_000_000_000


class Topic:
    """Stands where the broker stands: keeps every record, acknowledges when it is told to."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.pending: list[tuple[Acks, int, int]] = []
        self.acknowledges_at_once = True

    def send(self, key: bytes, value: bytes, acks: Acks, start: int, end: int) -> None:
        acks.send(start, end)
        self.records.append(msgspec.json.decode(value, type=Record))
        self.pending.append((acks, start, end))
        if self.acknowledges_at_once:
            self.acknowledge()

    def acknowledge(self, order: Iterable[int] | None = None) -> None:
        """Acknowledge all that is pending, or the entries of `order` in that order."""
        chosen = list(range(len(self.pending)) if order is None else order)
        for index in chosen:
            acks, start, end = self.pending[index]
            acks.confirm(start, end)
        self.pending = [entry for index, entry in enumerate(self.pending) if index not in set(chosen)]


def indexed(records: Iterable[Record]) -> dict[str, list[Record]]:
    """The indexer's rule: per stream, in order of the bytes, without records whose bytes it already has."""
    streams: dict[str, list[Record]] = {}
    held: dict[str, Intervals] = {}
    for record in records:
        src = range_of(record)
        if held.setdefault(src.id, Intervals()).add(src.start, src.end):
            streams.setdefault(src.id, []).append(record)
    for kept in streams.values():
        kept.sort(key=lambda record: range_of(record).start)
    return streams


class Intervals:
    """Bytes that are there: disjoint intervals that do not touch, in order."""

    def __init__(self) -> None:
        self._intervals: list[tuple[int, int]] = []

    def add(self, start: int, end: int) -> bool:
        """False when all of it was there."""
        first = bisect.bisect_left(self._intervals, start, key=lambda interval: interval[1])
        last = bisect.bisect_right(self._intervals, end, key=lambda interval: interval[0])
        touched = self._intervals[first:last]
        if any(held[0] <= start and end <= held[1] for held in touched):
            return False
        merged = (min([start, *(held[0] for held in touched)]), max([end, *(held[1] for held in touched)]))
        self._intervals[first:last] = [merged]
        return True


def range_of(record: Record) -> Src:
    assert record.src is not None
    return record.src


def assert_no_gap(stream: list[Record]) -> None:
    for before, after in itertools.pairwise(stream):
        assert range_of(before).end == range_of(after).start, (before, after)


def lines_of(records: Iterable[Record]) -> Counter[str]:
    """Lines as they stood in the files: pieces joined again."""
    lines: Counter[str] = Counter()
    for stream in indexed(records).values():
        assert_no_gap(stream)
        text = ""
        for record in stream:
            if text and not record.attrs.get("continued"):
                lines[text] += 1
                text = ""
            text += record.message
        if text:
            lines[text] += 1
    return lines


class Host:
    """An agent without its broker: `crash` forgets all that was not saved."""

    def __init__(
        self,
        directory: Path,
        *patterns: str,
        max_open_files: int = 512,
        partial_line_seconds: float = 1.0,
        **config: object,
    ) -> None:
        self.directory = directory
        paths = patterns or (str(directory / "*.log"),)
        self.config = msgspec.convert({"paths": paths, "timezone": "UTC", **config}, FileSourceConfig)
        self.topic = Topic()
        self.counts = Counts()
        self.now = 1000.0
        self.saves = 0
        self._saved = b"[]"
        self._ids = (f"stream-{number}" for number in itertools.count(1))
        self._max_open_files = max_open_files
        self._partial_line_seconds = partial_line_seconds
        self._saved_ns: int | None = None
        self._clock = tempfile.NamedTemporaryFile()  # noqa: SIM115 - as long as the host
        self.tailer = self._start()

    @property
    def now_ns(self) -> int:
        return START_NS + int(self.now * 1e9)

    def _start(self) -> Tailer:
        source = FileSet(self.config, host="web-1", max_line_bytes=4096, forbidden=())
        return Tailer(
            [source],
            self.saved(),
            sink=self.topic,
            counts=self.counts,
            save=self.save,
            new_id=lambda: next(self._ids),
            partial_line_seconds=self._partial_line_seconds,
            saved_ns=self._saved_ns,
            max_open_files=self._max_open_files,
        )

    def saved(self) -> list[FilePosition]:
        """What a restart would find."""
        return msgspec.json.decode(self._saved, type=list[FilePosition])

    def save(self) -> None:
        self.saves += 1
        if not self.tailer.may_have_moved:
            return
        os.utime(self._clock.fileno())
        self._saved_ns = os.fstat(self._clock.fileno()).st_mtime_ns
        self._saved = msgspec.json.encode(self.tailer.positions(self.now_ns // 1_000_000_000))

    def scan(self) -> None:
        self.tailer.scan(self.now, self.now_ns)
        while self.tailer.wants_scan:
            self.tailer.scan(self.now, self.now_ns)

    def read(self) -> None:
        """Scan, and read all that is there."""
        self.scan()
        while self.tailer.has_work:
            self.tailer.turn(self.now, self.now_ns)
            if self.tailer.wants_scan:
                self.scan()

    def sleep(self, seconds: float) -> None:
        """Let time pass in the steps in which the agent's loop goes round."""
        for _ in range(int(seconds / 0.25)):
            self.now += 0.25
            self.tailer.tick(self.now, self.now_ns)
            self.read()
            self.tailer.measure()

    def crash(self) -> None:
        """kill -9 and start again. What was sent is in the topic, acknowledged or not."""
        self.tailer.close()
        self.topic.pending = []
        self.tailer = self._start()

    def reload(self, *patterns: str) -> DeletedFiles:
        """Go on with other patterns; returns what is left of the tailer before. What is pending stays on its way."""
        positions, reading = self.tailer.hand_over(self.now_ns // 1_000_000_000)
        self._saved = msgspec.json.encode(positions)
        os.utime(self._clock.fileno())
        self._saved_ns = os.fstat(self._clock.fileno()).st_mtime_ns
        self.config = msgspec.structs.replace(self.config, paths=patterns)
        self.tailer = self._start()
        return DeletedFiles(reading)

    def stop(self) -> None:
        """An orderly end and a new start."""
        self.topic.acknowledge()
        self.tailer.finish(self.now, self.now_ns)
        self.topic.acknowledge()
        self.save()
        self.crash()

    def close(self) -> None:
        self.tailer.close()
        self._clock.close()


def messages(host: Host) -> list[str]:
    return [record.message for record in host.topic.records]


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def numbered(first: int, last: int) -> str:
    return "".join(f"line {number} of a log that is long enough\n" for number in range(first, last))
