"""One partition as one share group sees it: which records are free, who has which, which are finished (KIP-932).

Records from the start offset up to, not including, the end offset are in flight: Available, Acquired by a member,
Acknowledged or Archived. Below, all are finished; from the end offset on, nobody had any.

What is durable changes only by `apply`: `acknowledge`, `release`, `expire` and `move_start` return what would be, as
batches to journal first. Acquiring is not durable, so `acquire` does it at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.groups.share.acknowledgements import Acknowledgement, AcknowledgeType, check, typed
from logpost_broker.groups.share.events import UNCHANGED, RecordState, StateBatch
from logpost_broker.groups.share.runs import Run, merged, overlaid, overlay, within
from logpost_broker.metadata.group_limits import ShareLimits

MAX_OFFSET = 2**63 - 1
MAX_ACQUIRED = 5_000
"""Records that a member gets at once, though their batch holds more: each may get a state of its own, which takes
250 bytes and 20 microseconds."""
MAX_RUNS = 10_000
"""Of a share partition whose state is set from outside."""


class Acquired(NamedTuple):
    first_offset: int
    last_offset: int
    delivery_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a call would change, for `apply`."""

    start_offset: int = UNCHANGED
    batches: tuple[StateBatch, ...] = ()
    delivery_complete_count: int = 0
    """That of the share partition, after it."""

    def __bool__(self) -> bool:
        return self.start_offset != UNCHANGED or bool(self.batches)


NO_CHANGE = Change()


class SharePartition:
    def __init__(self, start_offset: int, limits: ShareLimits) -> None:
        self.start_offset = start_offset
        self.limits = limits
        """Of its group, which may change them."""
        self._runs: list[Run] = []

    @property
    def end_offset(self) -> int:
        return self._runs[-1].last + 1 if self._runs else self.start_offset

    @property
    def next_fetch_offset(self) -> int:
        """The first record that may be acquired."""
        return next((run.first for run in self._runs if run.state is RecordState.AVAILABLE), self.end_offset)

    @property
    def in_flight(self) -> int:
        """Records that are not finished."""
        return sum(run.size for run in self._runs if not run.state.is_final)

    @property
    def delivery_complete_count(self) -> int:
        return _complete(self._runs, self.start_offset)

    @property
    def next_expiry_ms(self) -> int | None:
        """When the first lock ends."""
        return min((run.locked_until_ms for run in self._acquired()), default=None)

    @property
    def may_acquire(self) -> bool:
        """Unless all that was begun is in members' hands, and it is as much as there may be."""
        return self.next_fetch_offset < self.end_offset or self.in_flight < self.limits.partition_max_record_locks

    def batches(self) -> tuple[StateBatch, ...]:
        """The durable state: what is acquired stands as it was before."""
        return _state(merged([_as_before(run) for run in self._runs]))

    def acquire(
        self, member_id: str, readable: Sequence[tuple[int, int]], max_records: int, now_ms: int, *, strict: bool
    ) -> list[Acquired]:
        """Give a member what is free of these record batches, given as their first and last offsets. At most
        `max_records`; unless `strict`, up to the end of the batch that the last of them is in, so that no batch is sent
        twice that has less than `MAX_ACQUIRED`. Of the last run never more than that."""
        if not readable:
            return []
        last_readable = readable[-1][1]
        # A record below these batches that is free was compacted away; the member finds out, and acknowledges a gap.
        candidates = list(within(self._runs, self.start_offset, last_readable))
        if last_readable >= self.end_offset and self.in_flight < self.limits.partition_max_record_locks:
            candidates.append(Run(self.end_offset, last_readable, RecordState.AVAILABLE, 0))
        acquired = []
        left = min(max_records, MAX_ACQUIRED)
        for run in candidates:
            if left <= 0:
                break
            if run.state is not RecordState.AVAILABLE:
                continue
            last = run.first + left - 1
            last = last if strict else _batch_end(readable, last)
            run = run.cut(run.first, min(last, run.first + MAX_ACQUIRED - 1))
            left -= run.size
            acquired.append(self._lock(run, member_id, now_ms))
        return acquired

    def _lock(self, run: Run, member_id: str, now_ms: int) -> Acquired:
        until_ms = now_ms + self.limits.record_lock_duration_ms
        locked = Run(run.first, run.last, RecordState.ACQUIRED, run.delivery_count + 1, member_id, until_ms)
        overlay(self._runs, locked)
        return Acquired(locked.first, locked.last, locked.delivery_count)

    def acknowledge(self, member_id: str, acknowledgements: Sequence[Acknowledgement], now_ms: int) -> Change:
        """All of them or none. Locks that are renewed are so at once. Raises ApiError: INVALID_REQUEST for what cannot
        be meant, INVALID_RECORD_STATE where the member has not acquired a record."""
        check(acknowledgements)
        renewed: list[Run] = []
        batches: list[StateBatch] = []
        for acknowledgement in acknowledgements:
            for first, last, kind in typed(acknowledgement):
                for run in self._owned(member_id, first, last):
                    if kind is AcknowledgeType.RENEW:
                        renewed.append(run)
                    else:
                        batches.append(self._after(run, kind))
        for run in renewed:
            overlay(self._runs, run._replace(locked_until_ms=now_ms + self.limits.record_lock_duration_ms))
        return self._change(batches)

    def _owned(self, member_id: str, first: int, last: int) -> Iterator[Run]:
        """What lies below the start offset was finished by others, such as retention, and counts no more."""
        if last >= self.end_offset:
            code = ErrorCode.invalid_request if self._runs else ErrorCode.invalid_record_state
            raise ApiError(code, "the records were never acquired")
        for run in within(self._runs, first, last):
            if run.state is not RecordState.ACQUIRED or run.member_id != member_id:
                raise ApiError(ErrorCode.invalid_record_state, "the records are not acquired by this member")
            yield run

    def _after(self, run: Run, kind: AcknowledgeType) -> StateBatch:
        if kind is AcknowledgeType.RELEASE:
            return self._released(run)
        state = RecordState.ACKNOWLEDGED if kind is AcknowledgeType.ACCEPT else RecordState.ARCHIVED
        return StateBatch(run.first, run.last, state, run.delivery_count)

    def _released(self, run: Run) -> StateBatch:
        is_last = run.delivery_count >= self.limits.delivery_count_limit
        state = RecordState.ARCHIVED if is_last else RecordState.AVAILABLE
        return StateBatch(run.first, run.last, state, run.delivery_count)

    def release(self, member_id: str) -> Change:
        """The member is gone: others may have what it had."""
        return self._change([self._released(run) for run in self._acquired() if run.member_id == member_id])

    def archive(self, member_id: str, ranges: Iterable[tuple[int, int]]) -> Change:
        """Nobody is to have what lies in these ranges, given as first and last offsets, of what the member has."""
        return self._change(
            [
                StateBatch(run.first, run.last, RecordState.ARCHIVED, run.delivery_count)
                for first, last in ranges
                for run in self._acquired(first, last)
                if run.member_id == member_id
            ]
        )

    def kept(self, acquired: Iterable[Acquired]) -> list[Acquired]:
        """What is left of it."""
        return [
            Acquired(run.first, run.last, run.delivery_count)
            for first, last, _ in acquired
            for run in self._acquired(first, last)
        ]

    def expire(self, now_ms: int) -> Change:
        """Locks that have ended by now."""
        return self._change([self._released(run) for run in self._acquired() if run.locked_until_ms <= now_ms])

    def move_start(self, offset: int) -> Change:
        """Records below `offset` are gone from the log. What is finished right behind them is passed over too."""
        if offset <= self.start_offset:
            return NO_CHANGE
        left = list(within(self._runs, offset, self.end_offset))
        start = _first_unfinished(left) if left else offset
        return Change(start_offset=start, delivery_complete_count=_complete(left, start))

    def _acquired(self, first: int = 0, last: int = MAX_OFFSET) -> Iterator[Run]:
        return (run for run in within(self._runs, first, last) if run.state is RecordState.ACQUIRED)

    def _change(self, batches: Iterable[StateBatch]) -> Change:
        """With the start offset, if these batches finish everything up to somewhere."""
        runs = merged([Run(*batch) for batch in batches])
        if not runs:
            return NO_CHANGE
        after = overlaid(self._runs, runs)
        start = _first_unfinished(after)
        kept = (run.cut(start, run.last) for run in runs if run.last >= start)
        return Change(
            start_offset=start if start > self.start_offset else UNCHANGED,
            batches=_state(kept),
            delivery_complete_count=_complete(after, start),
        )

    def runs_after(self, change: Change) -> int:
        """How many states of records there would be."""
        return len(overlaid(self._runs, self._news(change)))

    def _news(self, change: Change) -> Iterator[Run]:
        """What becomes of records; of those between that were only ever acquired, nothing is known at replay."""
        end = self.end_offset
        for batch in change.batches:
            if batch.last_offset >= self.start_offset:
                if batch.first_offset > end:
                    yield Run(end, batch.first_offset - 1, RecordState.AVAILABLE, 0)
                yield Run(*batch).cut(self.start_offset, batch.last_offset)
                end = max(end, batch.last_offset + 1)

    def apply(self, change: Change) -> None:
        """Make a change, whose batches are in order: right after it was journaled, and at replay."""
        self._runs[:] = overlaid(self._runs, self._news(change))
        if change.start_offset > self.start_offset:
            self.start_offset = change.start_offset
            self._runs[:] = within(self._runs, self.start_offset, self.end_offset)


def _complete(runs: list[Run], start: int) -> int:
    """Records from `start` on that are finished."""
    return sum(run.size for run in within(runs, start, runs[-1].last if runs else start) if run.state.is_final)


def _first_unfinished(runs: Sequence[Run]) -> int:
    return next((run.first for run in runs if not run.state.is_final), runs[-1].last + 1)


def _state(runs: Iterable[Run]) -> tuple[StateBatch, ...]:
    return tuple(StateBatch(run.first, run.last, run.state, run.delivery_count) for run in runs)


def _as_before(run: Run) -> Run:
    if run.state is not RecordState.ACQUIRED:
        return run
    return Run(run.first, run.last, RecordState.AVAILABLE, run.delivery_count - 1)


def _batch_end(readable: Sequence[tuple[int, int]], offset: int) -> int:
    """The end of the batch that holds `offset`."""
    return next((last for _, last in readable if last >= offset), offset)
