"""The source of all files: when to look at names, and when to do what is due by time."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec

from logpost.agent.delivery.positions import Place
from logpost.agent.sources.file import pace
from logpost.agent.sources.file.deleted import TICK_SECONDS, DeletedFiles
from logpost.agent.sources.file.file_set import FileSet
from logpost.agent.sources.file.position import FilePosition
from logpost.agent.sources.file.tailer import Tailer
from logpost.agent.sources.file.watch import Watch
from logpost.agent.sources.source import HandedOver, SourceContext


class FileSource:
    """All `[[agent.source]]` with `type = "file"`. Its cursor: the positions of all streams."""

    def __init__(
        self,
        file_sets: Sequence[FileSet],
        place: Place,
        context: SourceContext,
        *,
        poll_seconds: float,
        partial_line_seconds: float,
    ) -> None:
        """`poll_seconds`: how often to look at names although no event came; `partial_line_seconds`: see `Tailer`.
        Raises StartError."""
        self._file_sets = file_sets
        self._poll_seconds = poll_seconds
        self._cursor = place.cursor
        known = place.read(list[FilePosition]) or []
        if place.original:
            known = [msgspec.structs.replace(position, id=context.new_id()) for position in known]
            self._cursor = _encoded(known)
        self._watch = Watch(context.wake)
        self._tailer = Tailer(
            file_sets,
            known,
            sink=context.sink,
            counts=context.counts,
            save=context.save,
            new_id=context.new_id,
            advance=context.turn,
            partial_line_seconds=partial_line_seconds,
            saved_ns=place.saved_ns,
        )
        self._scan_due = self._earliest_scan = self._tick_due = self._measure_due = 0.0

    @property
    def has_work(self) -> bool:
        return self._tailer.has_work

    @property
    def due(self) -> float:
        return min(self._scan_due, self._tick_due) if self._tailer.may_have_moved else self._scan_due

    def look(self, now: float, now_ns: int) -> None:
        """Look at files that events came of, and in their time at all names."""
        seen = self._watch.take()
        if seen.tree or self._tailer.wants_scan:
            self._scan_due = min(self._scan_due, self._earliest_scan)
        if now >= self._scan_due:
            self._scan(now, now_ns)
        elif seen.names or seen.paths:
            self._tailer.touch(seen.names, seen.paths, now, now_ns)
        if now >= self._measure_due:
            self._measure_due = now + TICK_SECONDS
            self._tailer.measure()

    def turn(self, now: float, now_ns: int) -> None:
        """Ship the lines of one chunk."""
        if self._tailer.has_work:
            self._tailer.turn(now, now_ns)
        if now >= self._tick_due:
            self._tick_due = now + TICK_SECONDS
            self._tailer.tick(now, now_ns)

    def finish(self, now: float, now_ns: int) -> None:
        self._tailer.finish(now, now_ns)

    def position(self, now_s: int) -> msgspec.Raw | None:
        if self._tailer.may_have_moved:
            self._cursor = _encoded(self._tailer.positions(now_s))
        return self._cursor

    def hand_over(self, now_s: int) -> HandedOver:
        positions, reading = self._tailer.hand_over(now_s)
        self._watch.close()
        return HandedOver(_encoded(positions), DeletedFiles(reading) if len(reading.readers) else None)

    def close(self) -> None:
        self._tailer.close()
        self._watch.close()

    def _scan(self, now: float, now_ns: int) -> None:
        begun, cpu_begun = time.monotonic(), time.thread_time()
        for file_set in self._file_sets:
            self._watch.add(file_set.rules.watched())
        self._tailer.scan(now, now_ns)
        end, cpu_seconds = time.monotonic(), time.thread_time() - cpu_begun
        self._earliest_scan = end + pace.rest(end - begun)
        is_watched = self._watch.hears_all
        self._scan_due = end + pace.pause(self._poll_seconds, end - begun, cpu_seconds, is_watched=is_watched)


def _encoded(positions: Sequence[FilePosition]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(positions))
