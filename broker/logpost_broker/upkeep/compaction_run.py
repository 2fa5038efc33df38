"""One compaction of one log while it is written to and read.

Everything that reads or writes files runs in a thread; which segments make up the log is changed on the event loop, in
one call, when the new ones are on the disk. In between the log may lose segments to retention, go offline or be
deleted: the run then ends, and what it has not yet put in place is removed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import TypeVar

from logpost_broker.log.batch import NO_TIMESTAMP
from logpost_broker.log.cleaning import Cleaning
from logpost_broker.log.compaction import CompactionLimits, SegmentSpan, groups
from logpost_broker.log.files import File
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.segment import Segment
from logpost_broker.log.segment_swap import begin_segment, commit_segment

T = TypeVar("T")


class ChangedError(Exception):
    """The log has lost what was being compacted. Nothing is wrong: it is compacted another time."""


class UnfinishedSwapError(Exception):
    """The names of files could not be changed: the log goes on, the next start completes it."""


def spans(log: PartitionLog, *, with_first_ms: bool = False) -> list[SegmentSpan]:
    """The segments of `log` except the active one, as compaction looks at them. Raises OSError."""
    return [
        SegmentSpan(
            base_offset=segment.base_offset,
            end_offset=following.base_offset,
            size_bytes=segment.size_bytes,
            index_bytes=max(segment.offset_index.file.size, segment.time_index.file.size),
            newest_ms=segment.max_timestamp,
            first_ms=first_ms(segment) if with_first_ms else NO_TIMESTAMP,
        )
        for segment, following in zip(log.segments, log.segments[1:], strict=False)
    ]


def first_ms(segment: Segment) -> int:
    """The timestamp of its first batch. Raises OSError."""
    return next((header.max_timestamp for _, header in segment.headers()), NO_TIMESTAMP)


class CompactionRun:
    def __init__(
        self,
        log: PartitionLog,
        cleaning: Cleaning,
        limits: CompactionLimits,
        executor: Executor,
        remove_files: Callable[[Sequence[Path]], None],
    ) -> None:
        self._log = log
        self._cleaning = cleaning
        self._limits = limits
        self._executor = executor
        self._remove_files = remove_files
        self.cleaned_bytes = 0
        """Of the segments that were replaced."""

    async def run(self) -> int:
        """Returns the offset below which the log is clean, which may be what it was. Raises ChangedError,
        UnfinishedSwapError, CleaningError, StoppedError, OSError."""
        cleaning, log = self._cleaning, self._log
        dirty = [
            (segment, span.end_offset)
            for segment, span in zip(log.segments, spans(log), strict=False)
            if span.end_offset > cleaning.first_dirty_offset and span.end_offset <= cleaning.upper_bound
        ]
        for segment, _ in dirty:
            await self._read(segment, cleaning.survey)
        cleaning.begin_index()
        for segment, end_offset in dirty:
            await self._read(segment, partial(cleaning.index, end_offset=end_offset))
            if cleaning.is_full:
                break
        if not cleaning.begin_copy():
            return cleaning.end_offset
        segments = list(log.segments)
        below = [span for span in spans(log) if span.base_offset < cleaning.end_offset]
        for group in groups(below, self._limits):
            await self._replace([segments[number] for number in group])
        return cleaning.end_offset

    async def _read(self, segment: Segment, work: Callable[[File], None]) -> None:
        """Under a descriptor of its own: retention may close the segment meanwhile."""
        if self._log.offline is not None or segment not in self._log.segments:
            raise ChangedError
        file = segment.log.duplicate()
        try:
            await self._in_thread(work, file)
        finally:
            file.close()

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)

    async def _replace(self, old: Sequence[Segment]) -> None:
        files, log = self._log.files, self._log
        target = await self._in_thread(begin_segment, files, log.directory, old[0].base_offset)
        try:
            for segment in old:
                await self._read(segment, partial(self._cleaning.copy, target=target, is_last=segment is old[-1]))
            await self._in_thread(commit_segment, files, target)
            if not log.replace_segments(old, target):
                raise ChangedError
            log.transactions.forget_before(min(target.checked.end_offset or 0, self._cleaning.end_offset))
        except BaseException:
            _give_up(target)
            raise
        self.cleaned_bytes += sum(segment.size_bytes for segment in old)
        try:
            await self._rename(old, target)
        except OSError as error:
            if log.offline is not None:
                raise ChangedError from error
            raise UnfinishedSwapError(str(error)) from error

    async def _rename(self, old: Sequence[Segment], target: Segment) -> None:
        """The steps of a swap from the third on (`segment_swap`)."""
        files, log = self._log.files, self._log
        paths = [path for segment in old for path in segment.mark_deleted()]
        await self._in_thread(files.sync_directory, log.directory)
        if log.offline is None and target in log.segments:
            target.rename("")
            await self._in_thread(files.sync_directory, log.directory)
        await self._in_thread(self._remove_files, paths)


def _give_up(target: Segment) -> None:
    try:
        target.delete()
    except OSError as error:
        raise UnfinishedSwapError(str(error)) from error
